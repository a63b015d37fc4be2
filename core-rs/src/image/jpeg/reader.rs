//! Walks the segments of a file, keeps their tables, and has the scans decoded.

use super::bits::Bits;
use super::frame::{BLOCK, Frame};
use super::huffman::Huffman;
use super::scan::{Part, Scan};
use crate::image::limits::{Limit, Limits, Refusal};

/// Where the `i`th coefficient in zigzag order stands in its block.
pub const ZIGZAG: [u8; BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

#[derive(Default)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    frame: Option<Frame>,
    quantization: [Option<[u16; BLOCK]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    restart_interval: usize,
    jfif: bool,
    adobe: Option<u8>,
    scans: u64,
    limits: Limits,
}

/// Reads a whole file; the frame comes back with all its coefficients.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Frame, Refusal> {
    let mut reader = Reader { bytes, at: 2, limits: *limits, ..Reader::default() };
    while let Some(marker) = reader.marker()? {
        reader.segment(marker)?;
    }
    let (jfif, adobe) = (reader.jfif, reader.adobe);
    let frame = reader.frame.ok_or("Corrupt: no frame header")?;
    if let Some(missing) = frame.components.iter().find(|c| c.quantization.is_none()) {
        return Err(format!("Corrupt: no data for component {}", missing.id).into());
    }
    Ok(Frame { jfif, adobe, ..frame })
}

impl<'a> Reader<'a> {
    /// The next marker; `None` at the end of the image. Bytes between segments are stepped over, as libjpeg does.
    fn marker(&mut self) -> Result<Option<u8>, String> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or(&[]);
            let skip = rest.iter().position(|&byte| byte == 0xFF);
            let (Some(skip), true) = (skip, rest.len() >= 2) else { break };
            self.at += skip + 1;
            match self.bytes.get(self.at) {
                None => break,
                // A fill byte, a byte of data, restart markers and others without a segment
                Some(0xFF | 0x00 | 0x01 | 0xD0..=0xD7) => {}
                Some(0xD9) => return Ok(None),
                Some(&marker) => {
                    self.at += 1;
                    return Ok(Some(marker));
                }
            }
        }
        Err("Truncated: the file ends without its end marker".to_string())
    }

    /// The body of the segment here; steps over it.
    fn body(&mut self) -> Result<&'a [u8], String> {
        let Some([high, low, rest @ ..]) = self.bytes.get(self.at..) else {
            return Err("Truncated: the file ends inside a segment".to_string());
        };
        let length = u16::from_be_bytes([*high, *low]) as usize;
        if length < 2 {
            return Err(format!("Corrupt: a segment of {length} bytes at byte {}", self.at));
        }
        let body = rest.get(..length - 2).ok_or("Truncated: the file ends inside a segment")?;
        self.at += length;
        Ok(body)
    }

    fn segment(&mut self, marker: u8) -> Result<(), Refusal> {
        match marker {
            0xC0..=0xC2 => self.start_frame(marker == 0xC2),
            0xC4 => Ok(self.huffman_tables()?),
            0xC3 | 0xC5..=0xC7 => Err("Expected sequential or progressive coding, got lossless or hierarchical".into()),
            0xC9..=0xCB | 0xCD..=0xCF => Err("Expected Huffman coding, got arithmetic coding".into()),
            0xD8 => Err("Corrupt: a second start of image".into()),
            0xDA => self.scan(),
            0xDB => Ok(self.quantization_tables()?),
            0xDC => Err("Expected the height in the frame header, got it later (DNL)".into()),
            0xDD => {
                let [high, low] = self.body()? else {
                    return Err("Corrupt: a restart interval of a wrong length".into());
                };
                self.restart_interval = u16::from_be_bytes([*high, *low]) as usize;
                Ok(())
            }
            _ => {
                let body = self.body()?;
                match marker {
                    0xE0 if body.starts_with(b"JFIF\0") => self.jfif = true,
                    0xEE if body.len() >= 12 && body.starts_with(b"Adobe") => self.adobe = Some(body[11]),
                    _ => {}
                }
                Ok(())
            }
        }
    }

    fn start_frame(&mut self, progressive: bool) -> Result<(), Refusal> {
        if self.frame.is_some() {
            return Err("Corrupt: a second frame header".into());
        }
        self.frame = Some(Frame::parse(self.body()?, progressive, &self.limits)?);
        Ok(())
    }

    fn quantization_tables(&mut self) -> Result<(), String> {
        let mut body = self.body()?;
        while let [head, rest @ ..] = body {
            let (wide, index) = (head >> 4 != 0, (head & 15) as usize);
            let length = if wide { 2 * BLOCK } else { BLOCK };
            let (Some(values), Some(place)) = (rest.get(..length), self.quantization.get_mut(index)) else {
                return Err("Corrupt: a quantisation table of a wrong length or number".to_string());
            };
            let mut table = [0; BLOCK];
            for (i, &at) in ZIGZAG.iter().enumerate() {
                table[at as usize] =
                    if wide { u16::from_be_bytes([values[2 * i], values[2 * i + 1]]) } else { u16::from(values[i]) };
            }
            *place = Some(table);
            body = &rest[length..];
        }
        Ok(())
    }

    fn huffman_tables(&mut self) -> Result<(), String> {
        let mut body = self.body()?;
        while let [head, rest @ ..] = body {
            let (kind, index) = (head >> 4, (head & 15) as usize);
            let wrong = || "Corrupt: a Huffman table of a wrong length or number".to_string();
            let counts: &[u8; 16] = rest.first_chunk().ok_or_else(wrong)?;
            let symbols = counts.iter().map(|&n| n as usize).sum::<usize>();
            let values = rest.get(16..16 + symbols).filter(|_| symbols <= 256 && kind < 2).ok_or_else(wrong)?;
            let tables = if kind == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(index).ok_or_else(wrong)? = Some(Huffman::new(counts, values)?);
            body = &rest[16 + symbols..];
        }
        Ok(())
    }

    fn scan(&mut self) -> Result<(), Refusal> {
        self.scans += 1;
        self.limits.check(Limit::Scans, self.scans)?;
        let body = self.body()?;
        let frame = self.frame.as_mut().ok_or("Corrupt: a scan before the frame header")?;
        let mut scan = Scan::parse(body, frame, self.restart_interval)?;
        for part in &mut scan.parts {
            let component = &mut frame.components[part.component];
            if component.quantization.is_none() {
                let table = self.quantization[component.quantizer];
                component.quantization = Some(table.ok_or("Corrupt: a quantisation table is missing")?);
            }
            let find = |tables: &[Option<Huffman>; 4], index: usize| {
                tables[index].clone().ok_or("Corrupt: a Huffman table is missing")
            };
            let Part { dc_index, ac_index, .. } = *part;
            part.dc = scan.spectrum.needs_dc().then(|| find(&self.dc, dc_index)).transpose()?;
            part.ac = scan.spectrum.needs_ac().then(|| find(&self.ac, ac_index)).transpose()?;
        }
        frame.allocate()?;
        let mut bits = Bits::new(self.bytes, self.at);
        scan.decode(frame, &mut bits)?;
        self.at = bits.position();
        Ok(())
    }
}
