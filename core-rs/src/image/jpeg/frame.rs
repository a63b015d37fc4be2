//! The frame header: size, components, and the blocks of coefficients that the scans fill.

use crate::image::limits::{Limit, Limits, Refusal};
use crate::image::{CHANNELS, zeroed};

/// Coefficients of a block of 8 x 8, row by row.
pub const BLOCK: usize = 64;

/// What the components are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Grey,
    Rgb,
    YCbCr,
    Cmyk,
    /// CMYK with the first three as YCbCr
    Ycck,
}

/// One component (colour channel).
pub struct Component {
    pub id: u8,
    /// Samples relative to the other components: across, down.
    pub h: usize,
    pub v: usize,
    /// Which quantisation table.
    pub quantizer: usize,
    /// The table as it was when the component's first scan began; `None` before.
    pub quantization: Option<[u16; BLOCK]>,
    /// Samples that belong to the image.
    pub width: usize,
    pub height: usize,
    /// Blocks in memory: whole units of the interleaved scan.
    pub blocks_across: usize,
    pub blocks_down: usize,
    /// Of the whole component, or of one row of units.
    pub coefficients: Vec<i16>,
    /// Of the whole component, `blocks_across` * 8 a row; empty while coefficients are kept instead.
    pub samples: Vec<u8>,
    /// By place in zigzag order: from which bit up the coefficient is known; -1: not at all.
    pub known: [i8; BLOCK],
    /// The same before the component's last scan, as far as smoothing asks for it.
    pub known_before: [i8; SMOOTHED],
}

/// Coefficients that smoothing looks at, in zigzag order.
pub const SMOOTHED: usize = 10;

impl Component {
    /// Blocks that hold samples of the image: across, down.
    pub fn blocks(&self) -> (usize, usize) {
        (self.width.div_ceil(8), self.height.div_ceil(8))
    }

    /// Samples in memory.
    pub fn padded(&self) -> usize {
        self.blocks_across * self.blocks_down * BLOCK
    }
}

/// The frame of an image.
pub struct Frame {
    pub progressive: bool,
    /// Whether coding is arithmetic, not Huffman's.
    pub arithmetic: bool,
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    /// The largest sampling factors.
    pub h: usize,
    pub v: usize,
    /// Whether a JFIF segment was there.
    pub jfif: bool,
    /// The transform of Adobe's segment, if that was there.
    pub adobe: Option<u8>,
    /// Whether coefficients are kept of one row of units only: one scan has them all.
    pub row_wise: bool,
    /// The last row of units for which the last scan had data.
    pub last_good_row: usize,
    pub scans: u64,
}

impl Frame {
    /// Reads the body of a frame header, without asking for memory yet.
    pub fn parse(body: &[u8], progressive: bool, limits: &Limits) -> Result<Frame, Refusal> {
        let [precision, h1, h0, w1, w0, count, rest @ ..] = body else {
            return Err("Corrupt: the frame header is too short".into());
        };
        if *precision != 8 {
            return Err(format!("Expected 8 bits a sample, got {precision}").into());
        }
        let (height, width) = (u16::from_be_bytes([*h1, *h0]) as usize, u16::from_be_bytes([*w1, *w0]) as usize);
        limits.check_size(width, height)?;
        let count = *count as usize;
        if ![1, 3, 4].contains(&count) || rest.len() != count * 3 {
            return Err(format!("Expected 1, 3 or 4 components, got {count}").into());
        }
        let mut components: Vec<Component> = Vec::new();
        for part in rest.chunks_exact(3) {
            let (id, h, v, quantizer) = (part[0], (part[1] >> 4) as usize, (part[1] & 15) as usize, part[2] as usize);
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
                return Err("Corrupt: the frame header has a sampling factor out of range".into());
            }
            components.push(Component {
                id,
                h,
                v,
                quantizer,
                quantization: None,
                width: 0,
                height: 0,
                blocks_across: 0,
                blocks_down: 0,
                coefficients: Vec::new(),
                samples: Vec::new(),
                known: [-1; BLOCK],
                known_before: [0; SMOOTHED],
            });
        }
        let h = components.iter().map(|c| c.h).max().unwrap_or(1);
        let v = components.iter().map(|c| c.v).max().unwrap_or(1);
        if components.iter().any(|c| !h.is_multiple_of(c.h) || !v.is_multiple_of(c.v)) {
            return Err("Expected sampling factors that divide the largest".into());
        }
        let mut frame = Frame {
            progressive,
            arithmetic: false,
            width,
            height,
            components,
            h,
            v,
            jfif: false,
            adobe: None,
            row_wise: false,
            last_good_row: 0,
            scans: 0,
        };
        let (across, down) = frame.units();
        for c in &mut frame.components {
            (c.width, c.height) = ((width * c.h).div_ceil(h), (height * c.v).div_ceil(v));
            (c.blocks_across, c.blocks_down) = (across * c.h, down * c.v);
        }
        Ok(frame)
    }

    /// Units of an interleaved scan: across, down.
    pub fn units(&self) -> (usize, usize) {
        (self.width.div_ceil(8 * self.h), self.height.div_ceil(8 * self.v))
    }

    /// Asks for memory: for the first scan, which has `parts` components.
    pub fn allocate(&mut self, parts: usize, limits: &Limits) -> Result<(), Refusal> {
        self.row_wise = !self.progressive && parts == self.components.len();
        let [samples, largest] = [
            self.components.iter().map(|c| c.padded() as u64).sum::<u64>(),
            self.components.iter().map(|c| c.padded() as u64).max().unwrap_or(0),
        ];
        let image = samples + (self.width * self.height * CHANNELS) as u64;
        limits.check(Limit::Memory, if self.row_wise { image } else { image.max(2 * samples + largest) })?;
        let interleaved = parts > 1;
        for c in &mut self.components {
            if self.row_wise {
                c.samples = zeroed(c.padded())?;
                // What has no data is grey.
                c.samples.fill(128);
                c.coefficients = zeroed(c.blocks_across * if interleaved { c.v } else { 1 } * BLOCK)?;
            } else {
                c.coefficients = zeroed(c.padded())?;
            }
        }
        Ok(())
    }

    /// What the components are, by the rules of libjpeg.
    pub fn color(&self) -> Result<Color, String> {
        let ids: Vec<u8> = self.components.iter().map(|c| c.id).collect();
        match (self.components.len(), self.adobe) {
            (1, _) => Ok(Color::Grey),
            (3, _) if self.jfif => Ok(Color::YCbCr),
            (3, Some(0)) => Ok(Color::Rgb),
            (3, None) if ids == *b"RGB" => Ok(Color::Rgb),
            (3, _) => Ok(Color::YCbCr),
            (4, None | Some(0)) => Ok(Color::Cmyk),
            (4, _) => Ok(Color::Ycck),
            (n, _) => Err(format!("Expected 1, 3 or 4 components, got {n}")),
        }
    }
}
