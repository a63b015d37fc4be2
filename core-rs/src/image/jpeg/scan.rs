//! One scan: its header, the order of its blocks, and sequential coding. [`super::progressive`] has the other.

use super::bits::Bits;
use super::frame::{BLOCK, Frame};
use super::huffman::Huffman;
use super::progressive;
use super::reader::ZIGZAG;

/// A block of coefficients, row by row.
pub type Block = [i16; BLOCK];

/// Which coefficients a scan carries, and which of their bits.
#[derive(Clone, Copy, Debug)]
pub enum Spectrum {
    /// All of them (sequential).
    All,
    /// The first one, from this bit up.
    DcFirst { low: u32 },
    /// One more bit of the first one.
    DcMore { low: u32 },
    /// `start..=end` in zigzag order, from this bit up.
    AcFirst { start: usize, end: usize, low: u32 },
    /// One more bit of them.
    AcMore { start: usize, end: usize, low: u32 },
}

impl Spectrum {
    pub fn needs_dc(self) -> bool {
        matches!(self, Spectrum::All | Spectrum::DcFirst { .. })
    }

    pub fn needs_ac(self) -> bool {
        matches!(self, Spectrum::All | Spectrum::AcFirst { .. } | Spectrum::AcMore { .. })
    }
}

/// One component of a scan.
pub struct Part {
    pub component: usize,
    pub dc_index: usize,
    pub ac_index: usize,
    /// The tables, where the scan needs them.
    pub dc: Option<Huffman>,
    pub ac: Option<Huffman>,
    /// The first coefficient of the block before.
    predicted: i32,
}

/// A scan with its tables.
pub struct Scan {
    pub parts: Vec<Part>,
    pub spectrum: Spectrum,
    /// Units between restart markers; 0: none.
    restart_interval: usize,
    /// Blocks to come of which nothing is coded (progressive).
    skipped_blocks: u32,
}

impl Scan {
    pub fn parse(body: &[u8], frame: &Frame, restart_interval: usize) -> Result<Scan, String> {
        let wrong = |what: &str| format!("Corrupt: a scan header with {what}");
        let [count, rest @ ..] = body else { return Err(wrong("no contents")) };
        let count = *count as usize;
        if !(1..=4).contains(&count) || rest.len() != 2 * count + 3 {
            return Err(wrong("a wrong length"));
        }
        let (selectors, limits) = rest.split_at(2 * count);
        let mut parts: Vec<Part> = Vec::new();
        for selector in selectors.chunks_exact(2) {
            let component = frame.components.iter().position(|c| c.id == selector[0]);
            let component = component.ok_or_else(|| wrong("an unknown component"))?;
            if parts.iter().any(|part| part.component == component) {
                return Err(wrong("a component twice"));
            }
            let (dc_index, ac_index) = ((selector[1] >> 4) as usize, (selector[1] & 15) as usize);
            if dc_index > 3 || ac_index > 3 {
                return Err(wrong("a table number out of range"));
            }
            parts.push(Part { component, dc_index, ac_index, dc: None, ac: None, predicted: 0 });
        }
        let blocks = parts.iter().map(|part| &frame.components[part.component]).map(|c| c.h * c.v).sum::<usize>();
        if count > 1 && blocks > 10 {
            return Err(wrong("too many blocks a unit"));
        }
        let spectrum = match frame.progressive {
            false => Spectrum::All,
            true => spectrum(limits, count).ok_or_else(|| wrong("a range of coefficients that there is not"))?,
        };
        Ok(Scan { parts, spectrum, restart_interval, skipped_blocks: 0 })
    }

    /// Decodes into the frame's coefficients.
    pub fn decode(mut self, frame: &mut Frame, bits: &mut Bits) -> Result<(), String> {
        let single = self.parts.len() == 1;
        let (across, down) = if single {
            let component = &frame.components[self.parts[0].component];
            (component.width.div_ceil(8), component.height.div_ceil(8))
        } else {
            frame.units()
        };
        let mut until_restart = self.restart_interval;
        let mut restarts = 0;
        for unit in 0..across * down {
            if self.restart_interval > 0 && until_restart == 0 {
                bits.restart(restarts)?;
                restarts = (restarts + 1) % 8;
                until_restart = self.restart_interval;
                self.skipped_blocks = 0;
                self.parts.iter_mut().for_each(|part| part.predicted = 0);
            }
            until_restart = until_restart.wrapping_sub(1);
            let (row, column) = (unit / across, unit % across);
            for part in &mut self.parts {
                let component = &mut frame.components[part.component];
                let (h, v) = if single { (1, 1) } else { (component.h, component.v) };
                for block in 0..h * v {
                    let at = (row * v + block / h) * component.blocks_across + column * h + block % h;
                    let block: &mut Block =
                        component.coefficients[at * BLOCK..].first_chunk_mut().expect("a whole block");
                    part.block(self.spectrum, &mut self.skipped_blocks, bits, block)?;
                }
            }
            if bits.ran_out() {
                return Err(format!("Truncated or corrupt: the data of row {} ends early", row * 8));
            }
        }
        Ok(())
    }
}

/// The range of a progressive scan, as allowed by T.81 G.1.1.1.1.
fn spectrum(limits: &[u8], components: usize) -> Option<Spectrum> {
    let (start, end, high, low) = (limits[0] as usize, limits[1] as usize, limits[2] >> 4, u32::from(limits[2] & 15));
    let more = high != 0;
    if low > 13 || (more && u32::from(high) != low + 1) {
        return None;
    }
    match (start, more) {
        (0, _) if end != 0 => None,
        (0, false) => Some(Spectrum::DcFirst { low }),
        (0, true) => Some(Spectrum::DcMore { low }),
        _ if components != 1 || end < start || end > 63 => None,
        (_, false) => Some(Spectrum::AcFirst { start, end, low }),
        (_, true) => Some(Spectrum::AcMore { start, end, low }),
    }
}

/// What a wrong code is reported as.
pub fn bad_code() -> String {
    "Corrupt: bits that are no Huffman code".to_string()
}

/// What a coefficient outside its block is reported as.
pub fn past_the_end() -> String {
    "Corrupt: a block with too many coefficients".to_string()
}

impl Part {
    #[inline(always)]
    fn block(
        &mut self,
        spectrum: Spectrum,
        skipped: &mut u32,
        bits: &mut Bits,
        block: &mut Block,
    ) -> Result<(), String> {
        match spectrum {
            Spectrum::All => {
                block[0] = self.next_dc(bits)? as i16;
                self.all_ac(bits, block)
            }
            Spectrum::DcFirst { low } => {
                block[0] = (self.next_dc(bits)? << low) as i16;
                Ok(())
            }
            Spectrum::DcMore { low } => {
                block[0] |= (bits.take(1) << low) as i16;
                Ok(())
            }
            Spectrum::AcFirst { start, end, low } => {
                progressive::first(self.ac(), bits, skipped, block, start..=end, low)
            }
            Spectrum::AcMore { start, end, low } => {
                progressive::more(self.ac(), bits, skipped, block, start..=end, low)
            }
        }
    }

    fn ac(&self) -> &Huffman {
        self.ac.as_ref().expect("the reader sets the tables that the scan needs")
    }

    #[inline(always)]
    fn next_dc(&mut self, bits: &mut Bits) -> Result<i32, String> {
        let table = self.dc.as_ref().expect("the reader sets the tables that the scan needs");
        let size = table.decode(bits).ok_or_else(bad_code)?;
        if size > 15 {
            return Err(bad_code());
        }
        self.predicted = self.predicted.wrapping_add(bits.signed(u32::from(size)));
        Ok(self.predicted)
    }

    #[inline(always)]
    fn all_ac(&self, bits: &mut Bits, block: &mut Block) -> Result<(), String> {
        let table = self.ac();
        let mut k = 1;
        while k < BLOCK {
            let symbol = table.decode(bits).ok_or_else(bad_code)?;
            let (run, size) = ((symbol >> 4) as usize, u32::from(symbol & 15));
            if size == 0 {
                if run < 15 {
                    return Ok(());
                }
                k += 16;
                continue;
            }
            k += run;
            let at = *ZIGZAG.get(k).ok_or_else(past_the_end)?;
            block[at as usize] = bits.signed(size) as i16;
            k += 1;
        }
        Ok(())
    }
}
