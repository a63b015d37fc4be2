//! Images as the kernels read them: in place, or as a zero-padded copy of a part.

use crate::cpu::gemm::microkernel::Kernels;
use crate::cpu::gemm::pairs;
use crate::cpu::scratch::Scratch;
use crate::dtype::Stored;
use std::ops::Range;

/// Some adjacent channels of a batch of NHWC images.
#[derive(Clone, Copy)]
pub struct Image<'a, S = f32> {
    pub data: &'a [S],
    pub n: usize,
    pub h: usize,
    pub w: usize,
    /// Distance between pixels (all channels).
    pub pixel: usize,
    /// The first channel that takes part.
    pub first: usize,
    /// How many channels take part.
    pub channels: usize,
}

/// A rectangle, which may reach beyond the images.
#[derive(Clone, Copy)]
pub struct Rect {
    pub top: isize,
    pub left: isize,
    pub rows: usize,
    pub cols: usize,
}

impl Rect {
    pub fn area(&self) -> usize {
        self.rows * self.cols
    }
}

/// What a copy holds: each element as a float, or the channels of each pixel in pairs.
#[derive(Clone, Copy, PartialEq)]
pub enum Words {
    Floats,
    Pairs,
}

impl Words {
    /// What kernels read.
    pub fn of(kernels: &Kernels) -> Words {
        if kernels.pairs { Words::Pairs } else { Words::Floats }
    }

    /// The words of so many channels.
    pub fn count(self, channels: usize) -> usize {
        if self == Words::Pairs { channels.div_ceil(2) } else { channels }
    }
}

/// The same rectangle of one or more consecutive images, readable everywhere; distances are in words.
pub struct Part<'a> {
    copy: Option<Scratch>,
    in_place: &'a [f32],
    /// Distance between images.
    pub image_stride: usize,
    /// Distance between rows.
    pub row_stride: usize,
    /// Distance between pixels.
    pub pixel: usize,
}

impl Part<'_> {
    /// The rectangle's words, from the first channel of its top left pixel on.
    pub fn data(&self) -> &[f32] {
        self.copy.as_ref().map_or(self.in_place, Scratch::as_slice)
    }
}

impl<'a, S: Stored> Image<'a, S> {
    /// The channels in `range` alone, as far as there are as many.
    pub fn some_channels(&self, range: Range<usize>) -> Image<'a, S> {
        let end = range.end.min(self.channels);
        Image { first: self.first + range.start, channels: end - range.start, ..*self }
    }

    fn contains(&self, rect: Rect) -> bool {
        let within = |start: isize, len: usize, size: usize| start >= 0 && start as usize + len <= size;
        within(rect.top, rect.rows, self.h) && within(rect.left, rect.cols, self.w)
    }

    /// `rect` of the images from `from` on, in place, if each row of `width` pixels can be read there as adjacent words.
    pub fn in_place(&self, words: Words, from: usize, rect: Rect, width: usize) -> Option<Part<'a>> {
        if !self.contains(rect) || (width > 1 && self.channels != self.pixel) {
            return None;
        }
        let (in_place, per_word) = match words {
            Words::Floats => (S::as_f32(self.data)?, 1),
            Words::Pairs => (pairs::words(S::as_bf16(self.data)?)?, 2),
        };
        if ![self.pixel, self.first, self.channels].iter().all(|count| count.is_multiple_of(per_word)) {
            return None;
        }
        let pixel = (from * self.h + rect.top as usize) * self.w + rect.left as usize;
        Some(Part {
            copy: None,
            in_place: in_place.get((pixel * self.pixel + self.first) / per_word..).unwrap_or_default(),
            image_stride: self.h * self.w * self.pixel / per_word,
            row_stride: self.w * self.pixel / per_word,
            pixel: self.pixel / per_word,
        })
    }

    /// A copy of `rect` of images `from..from + count` with zeros beyond their borders, and
    /// `slack` readable words after the end.
    pub fn padded(&self, words: Words, from: usize, count: usize, rect: Rect, slack: usize) -> Part<'a> {
        let pixel = words.count(self.channels);
        let row_stride = rect.cols * pixel;
        let image_stride = rect.rows * row_stride;
        let mut copy = Scratch::take(count * image_stride + slack);
        let (images, rest) = copy.as_mut_slice().split_at_mut(count * image_stride);
        rest.fill(0.0);
        for (i, row) in images.chunks_exact_mut(row_stride.max(1)).enumerate() {
            let y = rect.top + (i % rect.rows) as isize;
            self.copy_row(words, from + i / rect.rows, y, rect.left, row);
        }
        Part { copy: Some(copy), in_place: &[], image_stride, row_stride, pixel }
    }

    /// Fills `row` with the pixels from `(y, left)` on, zero beyond the borders.
    fn copy_row(&self, words: Words, image: usize, y: isize, left: isize, row: &mut [f32]) {
        let channels = words.count(self.channels);
        if y < 0 || y >= self.h as isize {
            return row.fill(0.0);
        }
        let cols = (row.len() / channels) as isize;
        // Columns of `row` that lie within the image.
        let begin = (-left).clamp(0, cols);
        let end = (self.w as isize - left).clamp(begin, cols);
        let (before, rest) = row.split_at_mut(begin as usize * channels);
        let (inside, after) = rest.split_at_mut((end - begin) as usize * channels);
        before.fill(0.0);
        after.fill(0.0);
        if inside.is_empty() {
            return;
        }
        let pixel = (image * self.h + y as usize) * self.w + (left + begin) as usize;
        let from = &self.data[pixel * self.pixel + self.first..];
        if words == Words::Pairs {
            let from = S::as_bf16(from).expect("pairs are of bf16");
            let even = self.pixel.is_multiple_of(2) && self.channels.is_multiple_of(2);
            if let Some(from) = pairs::words(from).filter(|_| even) {
                if self.channels == self.pixel {
                    return inside.copy_from_slice(&from[..inside.len()]);
                }
                for (to, from) in inside.chunks_exact_mut(channels).zip(from.chunks(self.pixel / 2)) {
                    to.copy_from_slice(&from[..channels]);
                }
                return;
            }
            for (to, from) in inside.chunks_exact_mut(channels).zip(from.chunks(self.pixel)) {
                pairs::copy((from, 0), (self.channels, 1), (1, 1), to, 1);
            }
            return;
        }
        if channels == self.pixel {
            return widen(inside, from);
        }
        for (to, from) in inside.chunks_exact_mut(channels).zip(from.chunks(self.pixel)) {
            widen(to, from);
        }
    }
}

/// Fills `to` with the first values of `from`.
fn widen<S: Stored>(to: &mut [f32], from: &[S]) {
    let from = &from[..to.len()];
    match S::as_f32(from) {
        Some(from) => to.copy_from_slice(from),
        None => to.iter_mut().zip(from).for_each(|(to, from)| *to = from.widen()),
    }
}
