//! `crop_batch`: images of a pixel cache, cut, resized, mirrored and erased, as f32 [batch, size, size, 3] in 0..1.
//!
//! Image i has its pixels from byte (table[i, 0] << 32 | table[i, 1]) on, table[i, 2] rows of table[i, 3] pixels. A window
//! of it is resized to `size` x `size` as PIL does (antialiased bilinear, 8 bits; a window of that size stays as it is),
//! mirrored where told, divided by 255, and boxes of noise are laid over it. The window by `mode`:
//! - 0, centre: the square of the short side m in the middle, from ((h - m) / 2, (w - m) / 2) rounded down;
//! - 1, random: that square anywhere along the long side (the recipe; fastai's `Resize` draws floor(u (long - m)), which
//!   never reaches the far end);
//! - 2, fastai's `RandomResizedCrop`: up to ten times an area of minScale..1 of the image's and a ratio of width to height
//!   whose logarithm is uniform between those of 3/4 and 4/3; the first that fits is put anywhere; else the middle, cut to
//!   the nearest ratio.
//!
//! With probability `erase` fastai's `RandomErasing` (sl 0, sh 0.3, min_aspect 0.3): 1..=eraseCount boxes, each with an
//! area of 0..0.3 of (the image's / boxes) and log aspect uniform between those of 0.3 and 1/0.3, put anywhere, cut off at
//! the border; they hold standard normal numbers, as in fastai where nothing normalises either. fastai draws once a
//! batch; here every image has its own.
//!
//! Random numbers are Philox's of key (seed, epoch); `unit` is the upper 24 bits as 0..1, `below n` is (u n) >> 32:
//!
//! - counter (i, 0, 2, 0): u0 the place of mode 1, below long - m + 1; u1 mirrored where unit < flip; u2 erased where
//!   unit < erase; u3 boxes, 1 + below eraseCount;
//! - counter (i, k, 2, 0), attempt k = 1..=10 of mode 2: u0 area, u1 ratio, u2 left, below w - width + 1, u3 top, below
//!   h - height + 1;
//! - counter (i, 16 + b, 2, 0), box b: u0 area, u1 aspect, u2 top, below size - height + 1 (below 1 if it is higher), u3
//!   left likewise;
//! - counter (i, g, 3, b): elements 4 g to 4 g + 3 of box b as [height, width, 3], by two Box-Muller pairs as in `normal`.

mod cpu;
mod cuda;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use super::gather_rows::check_index;
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::image::{CHANNELS, limits};
use crate::random::{philox, unit};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

const NAME: &str = "crop_batch";

/// Width over height, smallest and largest, of mode 2.
const RATIOS: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];
/// How often mode 2 tries.
const ATTEMPTS: u32 = 10;
/// The largest share of an image that boxes cover, and their smallest aspect.
const ERASED: f64 = 0.3;
const ASPECT: f64 = 0.3;
/// The most boxes an image.
const MOST_BOXES: usize = 16;
/// Third word of the counters: choices, noise.
const CHOICES: u32 = 2;
const NOISE: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Centre,
    Random,
    Resized,
}

pub struct CropBatch {
    key: [u32; 2],
    size: usize,
    mode: Mode,
    min_scale: f64,
    flip: f64,
    erase: f64,
    erase_count: usize,
}

/// Part of an image: first row and column, rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rect {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

/// What happens to one image.
#[derive(Debug, PartialEq)]
struct Plan {
    /// Of the image.
    window: Rect,
    mirrored: bool,
    /// Of the result; [`Plan::boxes`] of them count.
    erased: [Rect; MOST_BOXES],
    count: usize,
}

impl Plan {
    fn boxes(&self) -> &[Rect] {
        &self.erased[..self.count]
    }
}

/// The tensors of a call, checked.
struct Images<'a> {
    pixels: &'a [u8],
    table: &'a [[i32; 4]],
    index: &'a [i32],
}

impl Op for CropBatch {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        let key = [params.u32("seed")? as u32, params.u32("epoch")? as u32];
        let size = params.at_least("size", 1)?;
        let mode = match params.u32("mode")? {
            0 => Mode::Centre,
            1 => Mode::Random,
            2 => Mode::Resized,
            other => {
                let message = format!("Expected `mode` as 0 (centre), 1 (random) or 2 (random resized), got {other}");
                return Err(Error::argument(params.op(), message));
            }
        };
        let [min_scale, flip, erase] = ["minScale", "flip", "erase"].map(|name| params.within(name, 0.0, 1.0));
        let erase_count = params.at_least("eraseCount", 1)?;
        if size > limits::SIDE || erase_count > MOST_BOXES {
            let message = format!(
                "Expected `size` of at most {} and `eraseCount` of at most {MOST_BOXES}, got {size} and {erase_count}",
                limits::SIDE
            );
            return Err(Error::argument(params.op(), message));
        }
        Ok(CropBatch { key, size, mode, min_scale: min_scale?, flip: flip?, erase: erase?, erase_count })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        inputs.of(0, Dtype::U8)?;
        let table = inputs.ranked(1, Dtype::I32, 2, "[images, 4]")?;
        let index = inputs.ranked(2, Dtype::I32, 1, "[batch]")?;
        if table.shape.last() != 4 {
            let message = format!("Expected `table` as [images, 4], got shape {}", table.shape);
            return Err(Error::shape(inputs.op, message));
        }
        let shape = Shape::new(inputs.op, &[index.shape.len(), self.size, self.size, CHANNELS])?;
        Ok(vec![Meta::new(shape, Dtype::F32)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let table = io.input::<i32>(1).as_chunks::<4>().0;
        let images = Images { pixels: io.input_bytes(0), table, index: io.input::<i32>(2) };
        images.check()?;
        cpu::run(self, context.isa, &context.pool, &images, io.output(0));
        Ok(())
    }
}

impl<'a> Images<'a> {
    /// Fails unless every image that is asked for lies among the pixels.
    fn check(&self) -> Result<()> {
        check_index(NAME, self.index, self.table.len())?;
        for &number in self.index {
            let (offset, [height, width]) = self.place(number as usize);
            let side = 1..=limits::SIDE as u64;
            let fits = side.contains(&height)
                && side.contains(&width)
                && offset
                    .checked_add(height * width * CHANNELS as u64)
                    .is_some_and(|end| end <= self.pixels.len() as u64);
            if !fits {
                let place = format!("at byte {offset} of {}", self.pixels.len());
                return Err(Error::argument(NAME, format!("{} {place}", apart(number as u32, [height, width]))));
            }
        }
        Ok(())
    }

    /// Where an image begins, and its height and width.
    fn place(&self, number: usize) -> (u64, [u64; 2]) {
        let [high, low, height, width] = self.table[number].map(|word| u64::from(word as u32));
        (high << 32 | low, [height, width])
    }

    /// The pixels from an image's first on, and its height and width.
    fn image(&self, number: usize) -> (&'a [u8], [usize; 2]) {
        let (offset, size) = self.place(number);
        (&self.pixels[offset as usize..], size.map(|side| side as usize))
    }
}

/// The message for a row of the table that points elsewhere.
fn apart(number: u32, [height, width]: [u64; 2]) -> String {
    format!("Expected row {number} of `table` as an image within `pixels`, got {height} x {width}")
}

/// One of 0..n, from 32 random bits.
fn below(u: u32, n: usize) -> usize {
    ((u64::from(u) * n as u64) >> 32) as usize
}

/// A number between `low` and `high` on the logarithmic scale.
fn log_uniform(u: u32, [low, high]: [f64; 2]) -> f64 {
    (low.ln() + (high.ln() - low.ln()) * unit(u)).exp()
}

impl CropBatch {
    /// The plan of an image of this number and size.
    fn plan(&self, number: u32, [h, w]: [usize; 2]) -> Plan {
        let [u0, u1, u2, u3] = philox(self.key, [number, 0, CHOICES, 0]);
        let m = h.min(w);
        let square = |top: usize, left: usize| Rect { top, left, height: m, width: m };
        let window = match self.mode {
            Mode::Centre => square((h - m) / 2, (w - m) / 2),
            Mode::Random if h > w => square(below(u0, h - m + 1), 0),
            Mode::Random => square(0, below(u0, w - m + 1)),
            Mode::Resized => self.resized_window(number, [h, w]),
        };
        let count = if unit(u2) < self.erase { 1 + below(u3, self.erase_count) } else { 0 };
        let mut erased = [Rect { top: 0, left: 0, height: 0, width: 0 }; MOST_BOXES];
        for (b, place) in erased.iter_mut().enumerate().take(count) {
            *place = self.erased_box(number, b as u32, count);
        }
        Plan { window, mirrored: unit(u1) < self.flip, erased, count }
    }

    fn resized_window(&self, number: u32, [h, w]: [usize; 2]) -> Rect {
        for attempt in 1..=ATTEMPTS {
            let [u0, u1, u2, u3] = philox(self.key, [number, attempt, CHOICES, 0]);
            let area = (self.min_scale + (1.0 - self.min_scale) * unit(u0)) * (w * h) as f64;
            let ratio = log_uniform(u1, RATIOS);
            // Python rounds halves to even; an image of a few pixels may come out as none.
            let side = |exact: f64| (exact.sqrt().round_ties_even() as usize).max(1);
            let (width, height) = (side(area * ratio), side(area / ratio));
            if width <= w && height <= h {
                return Rect { top: below(u3, h - height + 1), left: below(u2, w - width + 1), height, width };
            }
        }
        let ratio = w as f64 / h as f64;
        let (width, height) = if ratio < RATIOS[0] {
            (w, (w as f64 / RATIOS[0]) as usize)
        } else if ratio > RATIOS[1] {
            ((h as f64 * RATIOS[1]) as usize, h)
        } else {
            (w, h)
        };
        Rect { top: (h - height) / 2, left: (w - width) / 2, height, width }
    }

    fn erased_box(&self, number: u32, b: u32, count: usize) -> Rect {
        let [u0, u1, u2, u3] = philox(self.key, [number, 16 + b, CHOICES, 0]);
        let area = ERASED * unit(u0) * (self.size * self.size) as f64 / count as f64;
        let aspect = log_uniform(u1, [ASPECT, 1.0 / ASPECT]);
        let span = |exact: f64, u: u32| {
            let length = exact.sqrt().round_ties_even() as usize;
            let start = below(u, self.size.saturating_sub(length) + 1);
            (start, length.min(self.size - start))
        };
        let ((top, height), (left, width)) = (span(area * aspect, u2), span(area / aspect, u3));
        Rect { top, left, height, width }
    }
}
