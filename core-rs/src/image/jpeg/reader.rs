//! Walks the segments of a file, keeps their tables, and has the scans decoded.

use super::arithmetic::{Arithmetic, Conditioning};
use super::bits::Bits;
use super::frame::{BLOCK, Frame, SMOOTHED};
use super::huffman::{Codes, Huffman, usual};
use super::input::{EOI, Input, SOS};
use super::planes::transform_rows;
use super::scan::{Part, Scan, Spectrum, ZIGZAG};
use crate::cpu::isa::Isa;
use crate::image::damage::Damage;
use crate::image::decode::Stop;
use crate::image::limits::{Limit, Limits, Refusal};
use std::rc::Rc;

/// What an arithmetic scan counts for: a few bytes can stand for decisions about every coefficient, a Huffman code takes at
/// least a bit.
const ARITHMETIC_WORK: u64 = 8;

/// A Huffman table: as the file gives it, and as scans use it.
#[derive(Default)]
struct Table {
    codes: Option<Codes>,
    built: Option<Rc<Huffman>>,
}

struct Reader<'a> {
    isa: Isa,
    bits: Bits<'a>,
    limits: &'a Limits,
    stop: Stop<'a>,
    frame: Option<Frame>,
    quantization: [Option<[u16; BLOCK]>; 4],
    dc: [Table; 4],
    ac: [Table; 4],
    conditioning: Conditioning,
    restart_interval: usize,
    jfif: bool,
    adobe: Option<u8>,
    scans: u64,
}

/// Reads a whole file; the frame comes back with all its coefficients, or its samples.
pub fn read(isa: Isa, bytes: &[u8], limits: &Limits, stop: Stop) -> Result<(Frame, Damage), Refusal> {
    let mut reader = Reader {
        isa,
        bits: Bits::new(Input::new(bytes, 2)),
        limits,
        stop,
        frame: None,
        quantization: Default::default(),
        dc: Default::default(),
        ac: Default::default(),
        conditioning: Conditioning::default(),
        restart_interval: 0,
        jfif: false,
        adobe: None,
        scans: 0,
    };
    loop {
        let marker = reader.bits.input.marker();
        if marker == EOI {
            break;
        }
        reader.bits.input.accept();
        match reader.segment(marker) {
            Ok(()) => {}
            Err(Refusal::Bad(reason)) if reader.is_complete() => {
                reader.bits.input.damage.note(|| format!("After the image: {reason}"));
                break;
            }
            Err(refusal) => return Err(refusal),
        }
    }
    let frame = reader.frame.ok_or("Corrupt or truncated: no frame header")?;
    if reader.scans == 0 {
        return Err("Corrupt or truncated: no scan".into());
    }
    if let Some(missing) = frame.components.iter().find(|component| component.quantization.is_none()) {
        reader.bits.input.damage.note(|| format!("Without the scan of component {}", missing.id));
    }
    Ok((Frame { scans: reader.scans, ..frame }, reader.bits.input.damage))
}

impl Reader<'_> {
    /// Whether one scan had the whole image.
    fn is_complete(&self) -> bool {
        self.scans > 0 && self.frame.as_ref().is_some_and(|frame| frame.row_wise)
    }

    fn segment(&mut self, marker: u8) -> Result<(), Refusal> {
        match marker {
            0xC0..=0xC2 | 0xC9 | 0xCA => self.start_frame(marker),
            0xC4 => Ok(self.huffman_tables()?),
            0xC3 | 0xC5..=0xC7 | 0xCB | 0xCD..=0xCF => {
                Err("Expected sequential or progressive coding, got lossless or hierarchical".into())
            }
            0xCC => {
                let body = self.bits.input.body()?;
                Ok(self.conditioning.read(body)?)
            }
            0xD8 => Err("Corrupt: a second start of image".into()),
            SOS => self.scan(),
            0xDB => Ok(self.quantization_tables()?),
            0xDD => {
                let [high, low] = self.bits.input.body()? else {
                    return Err("Corrupt: a restart interval of a wrong length".into());
                };
                self.restart_interval = u16::from_be_bytes([*high, *low]) as usize;
                Ok(())
            }
            0xE0..=0xEF | 0xFE | 0xDC => {
                let body = self.bits.input.body()?;
                match marker {
                    0xE0 if body.len() >= 14 && body.starts_with(b"JFIF\0") => {
                        self.jfif = true;
                        if body[5] != 1 {
                            self.bits.input.damage.note(|| format!("Version {} of JFIF", body[5]));
                        }
                    }
                    0xEE if body.len() >= 12 && body.starts_with(b"Adobe") => self.adobe = Some(body[11]),
                    _ => {}
                }
                Ok(())
            }
            // Markers without a segment
            0x01 | 0xD0..=0xD7 => Ok(()),
            _ => Err(format!("Corrupt: the marker {marker:02X}, which has no meaning").into()),
        }
    }

    fn start_frame(&mut self, marker: u8) -> Result<(), Refusal> {
        if self.frame.is_some() {
            return Err("Corrupt: a second frame header".into());
        }
        let frame = Frame::parse(self.bits.input.body()?, matches!(marker, 0xC2 | 0xCA), self.limits)?;
        self.frame = Some(Frame { arithmetic: marker >= 0xC9, ..frame });
        Ok(())
    }

    fn quantization_tables(&mut self) -> Result<(), String> {
        let mut body = self.bits.input.body()?;
        while let [head, rest @ ..] = body {
            let (wide, index) = (head >> 4 != 0, (head & 15) as usize);
            let length = if wide { 2 * BLOCK } else { BLOCK };
            let (Some(values), Some(place)) = (rest.get(..length), self.quantization.get_mut(index)) else {
                return Err("Corrupt: a quantisation table of a wrong length or number".to_string());
            };
            let mut table = [0; BLOCK];
            for (i, &at) in ZIGZAG[..BLOCK].iter().enumerate() {
                table[at as usize] =
                    if wide { u16::from_be_bytes([values[2 * i], values[2 * i + 1]]) } else { u16::from(values[i]) };
            }
            *place = Some(table);
            body = &rest[length..];
        }
        Ok(())
    }

    fn huffman_tables(&mut self) -> Result<(), String> {
        let mut body = self.bits.input.body()?;
        while let [head, rest @ ..] = body {
            let wrong = || "Corrupt: a Huffman table of a wrong length or number".to_string();
            let counts: &[u8; 16] = rest.first_chunk().ok_or_else(wrong)?;
            let symbols = counts.iter().map(|&n| n as usize).sum::<usize>();
            let values = rest.get(16..16 + symbols).filter(|_| symbols <= 256).ok_or_else(wrong)?;
            let (tables, index) = if head & 0x10 == 0 { (&mut self.dc, *head) } else { (&mut self.ac, head - 0x10) };
            let codes = Codes { counts: *counts, symbols: values.to_vec() };
            *tables.get_mut(index as usize).ok_or_else(wrong)? = Table { codes: Some(codes), built: None };
            body = &rest[16 + symbols..];
        }
        Ok(())
    }

    /// A table that a scan needs, made ready.
    fn table(&mut self, ac: bool, index: usize) -> Result<Rc<Huffman>, String> {
        let tables = if ac { &mut self.ac } else { &mut self.dc };
        let table = tables.get_mut(index).ok_or("Corrupt: a scan header with a table number out of range")?;
        if table.codes.is_none() {
            table.codes = usual(ac, index);
            self.bits.input.damage.note(|| "Without Huffman tables, decoded with the usual ones".to_string());
        }
        let codes = table.codes.as_ref().ok_or("Corrupt: a Huffman table is missing")?;
        if !ac && codes.symbols.iter().any(|&symbol| symbol > 15) {
            return Err("Corrupt: a Huffman table with a symbol out of range".to_string());
        }
        if table.built.is_none() {
            table.built = Some(Rc::new(Huffman::new(codes)?));
        }
        Ok(table.built.clone().expect("it was just made"))
    }

    fn scan(&mut self) -> Result<(), Refusal> {
        if self.is_complete() {
            return Err("Corrupt: a second scan of the same data".into());
        }
        let body = self.bits.input.body()?;
        let frame = self.frame.take();
        let mut frame = frame.ok_or("Corrupt: a scan before the frame header")?;
        let mut scan = Scan::parse(body, &frame, self.restart_interval)?;
        let mut scans = self.scans + 1;
        if self.scans == 0 && (frame.progressive || scan.parts.len() < frame.components.len()) {
            // Before memory is asked for
            scans += self.bits.input.scans_ahead();
        }
        self.limits.check(Limit::Scans, scans)?;
        let each = if frame.arithmetic { ARITHMETIC_WORK } else { 1 };
        self.limits.check(Limit::Work, (frame.width as u64 * frame.height as u64 * each).saturating_mul(scans))?;
        for part in &mut scan.parts {
            let component = &mut frame.components[part.component];
            if component.quantization.is_none() {
                let table = self.quantization.get(component.quantizer).copied().flatten();
                component.quantization = Some(table.ok_or("Corrupt: a quantisation table is missing")?);
            }
            if frame.arithmetic {
                continue;
            }
            let Part { dc_index, ac_index, .. } = *part;
            part.dc = scan.spectrum.needs_dc().then(|| self.table(false, dc_index)).transpose()?;
            part.ac = scan.spectrum.needs_ac().then(|| self.table(true, ac_index)).transpose()?;
        }
        scan.arithmetic = frame.arithmetic.then(|| Arithmetic::new(self.conditioning));
        self.scans += 1;
        self.note_progress(&scan, &mut frame);
        if self.scans == 1 {
            // What comes later does not change the colours.
            (frame.jfif, frame.adobe) = (self.jfif, self.adobe);
            frame.allocate(scan.parts.len(), self.limits)?;
        }
        let (isa, row_wise) = (self.isa, frame.row_wise);
        scan.decode(&mut frame, &mut self.bits, self.stop, &mut |frame, row| {
            if row_wise {
                transform_rows(isa, frame, row);
            }
        })?;
        self.frame = Some(frame);
        Ok(())
    }

    /// What is known of the coefficients once this scan is read; an order that makes no sense is damage.
    fn note_progress(&mut self, scan: &Scan, frame: &mut Frame) {
        let [start, end, high, low] = scan.limits;
        if matches!(scan.spectrum, Spectrum::All) {
            if scan.limits != [0, 63, 0, 0] {
                self.bits.input.damage.note(|| "A scan header of progressive coding".to_string());
            }
            return;
        }
        let mut orderly = true;
        for part in &scan.parts {
            let component = &mut frame.components[part.component];
            orderly &= start == 0 || component.known[0] >= 0;
            for k in 0..SMOOTHED {
                // As libjpeg has it: of a scan of the first coefficient all of these are noted.
                if k >= usize::from(start.min(1)) {
                    component.known_before[k] = if self.scans > 1 { component.known[k] } else { 0 };
                }
            }
            for known in &mut component.known[start as usize..=end as usize] {
                orderly &= i8::try_from(high) == Ok((*known).max(0));
                *known = low as i8;
            }
        }
        if !orderly {
            self.bits.input.damage.note(|| "Scans that do not follow from each other".to_string());
        }
    }
}
