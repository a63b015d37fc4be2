//! One scan: its header, the order of its blocks, and sequential coding. [`super::progressive`] has the other.

use super::arithmetic::Arithmetic;
use super::bits::Bits;
use super::frame::{BLOCK, Component, Frame};
use super::huffman::Huffman;
use super::progressive;
use crate::image::decode::Stop;
use crate::image::limits::Refusal;
use std::rc::Rc;

/// A block of coefficients, row by row.
pub type Block = [i16; BLOCK];

/// Where the `i`th coefficient in zigzag order stands in its block. Corrupt data may go up to 15 places past its end.
pub const ZIGZAG: [u8; BLOCK + 16] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
];

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
    pub dc: Option<Rc<Huffman>>,
    pub ac: Option<Rc<Huffman>>,
    /// The first coefficient of the block before.
    predicted: i32,
}

/// A scan with its tables.
pub struct Scan {
    pub parts: Vec<Part>,
    /// First and last coefficient in zigzag order, and the bits before and after: as the header says.
    pub limits: [u8; 4],
    pub spectrum: Spectrum,
    /// Units between restart markers; 0: none.
    restart_interval: usize,
    /// Blocks to come of which nothing is coded (progressive).
    skipped_blocks: u32,
    /// Where coding is arithmetic.
    pub arithmetic: Option<Arithmetic>,
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
            // Of components with one number libjpeg takes the next in turn.
            let mut components = frame.components.iter().enumerate().skip(parts.len());
            let found = components.find(|(_, component)| component.id == selector[0]);
            let (component, _) = found.ok_or_else(|| wrong("an unknown component"))?;
            if parts.iter().any(|part| part.component == component) {
                return Err(wrong("a component twice"));
            }
            let (dc_index, ac_index) = ((selector[1] >> 4) as usize, (selector[1] & 15) as usize);
            parts.push(Part { component, dc_index, ac_index, dc: None, ac: None, predicted: 0 });
        }
        let blocks = parts.iter().map(|part| &frame.components[part.component]).map(|c| c.h * c.v).sum::<usize>();
        if count > 1 && blocks > 10 {
            return Err(wrong("too many blocks a unit"));
        }
        let limits = [limits[0], limits[1], limits[2] >> 4, limits[2] & 15];
        let spectrum = match frame.progressive {
            false => Spectrum::All,
            true => spectrum(limits, count).ok_or_else(|| wrong("a range of coefficients that there is not"))?,
        };
        Ok(Scan { parts, limits, spectrum, restart_interval, skipped_blocks: 0, arithmetic: None })
    }

    /// Decodes into the frame's coefficients. Where these are of one row of units, `row_done` gets each row.
    pub fn decode(
        mut self,
        frame: &mut Frame,
        bits: &mut Bits,
        stop: Stop,
        row_done: &mut dyn FnMut(&mut Frame, usize),
    ) -> Result<(), Refusal> {
        bits.start();
        let single = self.parts.len() == 1;
        let (across, down) = match single {
            true => frame.components[self.parts[0].component].blocks(),
            false => frame.units(),
        };
        // Rows of blocks in a row of units of the whole frame.
        let group = if single { frame.components[self.parts[0].component].v } else { 1 };
        let mut until_restart = self.restart_interval;
        let mut restarts = 0;
        for row in 0..down {
            if stop() {
                return Err(Refusal::Stopped);
            }
            for column in 0..across {
                if !bits.insufficient {
                    frame.last_good_row = row / group;
                }
                if self.restart_interval > 0 {
                    if until_restart == 0 {
                        bits.restart(restarts);
                        restarts = (restarts + 1) % 8;
                        until_restart = self.restart_interval;
                        self.skipped_blocks = 0;
                        self.parts.iter_mut().for_each(|part| part.predicted = 0);
                        if let Some(arithmetic) = &mut self.arithmetic {
                            arithmetic.restart();
                        }
                    }
                    until_restart -= 1;
                }
                if bits.insufficient {
                    if self.restart_interval == 0 {
                        break;
                    }
                    continue;
                }
                match self.arithmetic.take() {
                    None => self.unit(frame, row, column, |part, _, spectrum, skipped, block| {
                        part.block(spectrum, skipped, bits, block);
                        Some(())
                    }),
                    Some(mut arithmetic) => {
                        if !arithmetic.broken {
                            let input = &mut bits.input;
                            let whole = self.unit(frame, row, column, |part, number, spectrum, _, block| {
                                arithmetic.block(input, spectrum, (number, part.dc_index, part.ac_index), block)
                            });
                            (arithmetic.broken, bits.bad_code) = (whole.is_none(), bits.bad_code || whole.is_none());
                        }
                        self.arithmetic = Some(arithmetic);
                        Some(())
                    }
                };
                if bits.ran_out() {
                    bits.insufficient = true;
                    let (at, of) = (row * 8 * frame.v / group, frame.height);
                    bits.input.damage.note(|| format!("Data end early, about row {at} of {of}"));
                }
            }
            row_done(frame, row);
        }
        if bits.bad_code {
            bits.input.damage.note(|| "Bits that are no code".to_string());
        }
        Ok(())
    }

    /// Has the blocks of a unit decoded, until one makes no sense.
    #[inline(always)]
    fn unit(
        &mut self,
        frame: &mut Frame,
        row: usize,
        column: usize,
        mut decode: impl FnMut(&mut Part, usize, Spectrum, &mut u32, &mut Block) -> Option<()>,
    ) -> Option<()> {
        let single = self.parts.len() == 1;
        let row = if frame.row_wise { 0 } else { row };
        for (number, part) in self.parts.iter_mut().enumerate() {
            let component: &mut Component = &mut frame.components[part.component];
            let (h, v) = if single { (1, 1) } else { (component.h, component.v) };
            for down in 0..v {
                let at = (row * v + down) * component.blocks_across + column * h;
                let blocks = component.coefficients[at * BLOCK..].as_chunks_mut::<BLOCK>().0;
                for block in &mut blocks[..h] {
                    decode(part, number, self.spectrum, &mut self.skipped_blocks, block)?;
                }
            }
        }
        Some(())
    }
}

/// The range of a progressive scan, as allowed by T.81 G.1.1.1.1.
fn spectrum([start, end, high, low]: [u8; 4], components: usize) -> Option<Spectrum> {
    let (start, end, more, low) = (start as usize, end as usize, high != 0, u32::from(low));
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

impl Part {
    #[inline(always)]
    fn block(&mut self, spectrum: Spectrum, skipped: &mut u32, bits: &mut Bits, block: &mut Block) {
        match spectrum {
            Spectrum::All => self.all(bits, block),
            Spectrum::DcFirst { low } => block[0] = (self.next_dc(bits) << low) as i16,
            Spectrum::DcMore { low } => block[0] |= (bits.window.take(&mut bits.input, 1) << low) as i16,
            Spectrum::AcFirst { start, end, low } => {
                progressive::first(self.ac(), bits, skipped, block, start..=end, low);
            }
            Spectrum::AcMore { start, end, low } => {
                progressive::more(self.ac(), bits, skipped, block, start..=end, low);
            }
        }
    }

    fn ac(&self) -> &Huffman {
        self.ac.as_ref().expect("the reader sets the tables that the scan needs")
    }

    #[inline(always)]
    fn next_dc(&mut self, bits: &mut Bits) -> i32 {
        let table = self.dc.as_ref().expect("the reader sets the tables that the scan needs");
        // At most 15: the reader checked.
        let size = u32::from(table.decode(&mut bits.window, &mut bits.input, &mut bits.bad_code) & 15);
        if size > 0 {
            self.predicted = self.predicted.wrapping_add(bits.window.signed(size));
        }
        self.predicted
    }

    /// A whole block (sequential).
    #[inline(always)]
    fn all(&mut self, bits: &mut Bits, block: &mut Block) {
        block[0] = self.next_dc(bits) as i16;
        let table = self.ac();
        let (mut window, input) = (bits.window, &mut bits.input);
        let mut k = 1;
        while k < BLOCK {
            window.refill(input);
            if let Some((run, value)) = table.small(&mut window) {
                k += run;
                block[ZIGZAG[k] as usize] = value;
                k += 1;
                continue;
            }
            let symbol = table.decode(&mut window, input, &mut bits.bad_code);
            let (run, size) = ((symbol >> 4) as usize, u32::from(symbol & 15));
            if size == 0 {
                if run < 15 {
                    break;
                }
                k += 16;
                continue;
            }
            k += run;
            block[ZIGZAG[k] as usize] = window.signed(size) as i16;
            k += 1;
        }
        bits.window = window;
    }
}
