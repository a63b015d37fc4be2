//! Images as the kernels read them: in place, or as a zero-padded copy of a part.

use crate::cpu::scratch::Scratch;
use std::ops::Range;

/// Some adjacent channels of a batch of NHWC images.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    pub data: &'a [f32],
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

/// The same rectangle of one or more consecutive images, readable everywhere.
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
    /// The rectangle's elements, from the first channel of its top left pixel on.
    pub fn data(&self) -> &[f32] {
        self.copy.as_ref().map_or(self.in_place, Scratch::as_slice)
    }
}

impl<'a> Image<'a> {
    /// The channels in `range` alone, as far as there are as many.
    pub fn some_channels(&self, range: Range<usize>) -> Image<'a> {
        let end = range.end.min(self.channels);
        Image { first: self.first + range.start, channels: end - range.start, ..*self }
    }

    fn contains(&self, rect: Rect) -> bool {
        let within = |start: isize, len: usize, size: usize| start >= 0 && start as usize + len <= size;
        within(rect.top, rect.rows, self.h) && within(rect.left, rect.cols, self.w)
    }

    /// Whether each row of `width` pixels of `rect` can be read in place as adjacent floats.
    pub fn readable_in_place(&self, rect: Rect, width: usize) -> bool {
        self.contains(rect) && (width <= 1 || self.channels == self.pixel)
    }

    /// `rect` of images `from..from + count`, in place.
    pub fn in_place(&self, from: usize, rect: Rect) -> Part<'a> {
        let pixel = (from * self.h + rect.top as usize) * self.w + rect.left as usize;
        Part {
            copy: None,
            in_place: self.data.get(pixel * self.pixel + self.first..).unwrap_or_default(),
            image_stride: self.h * self.w * self.pixel,
            row_stride: self.w * self.pixel,
            pixel: self.pixel,
        }
    }

    /// A copy of `rect` of images `from..from + count` with zeros beyond their borders, and
    /// `slack` readable floats after the end.
    pub fn padded(&self, from: usize, count: usize, rect: Rect, slack: usize) -> Part<'a> {
        let row_stride = rect.cols * self.channels;
        let image_stride = rect.rows * row_stride;
        let mut copy = Scratch::take(count * image_stride + slack);
        let (images, rest) = copy.as_mut_slice().split_at_mut(count * image_stride);
        rest.fill(0.0);
        for (i, row) in images.chunks_exact_mut(row_stride.max(1)).enumerate() {
            let y = rect.top + (i % rect.rows) as isize;
            self.copy_row(from + i / rect.rows, y, rect.left, row);
        }
        Part { copy: Some(copy), in_place: &[], image_stride, row_stride, pixel: self.channels }
    }

    /// Fills `row` with the pixels from `(y, left)` on, zero beyond the borders.
    fn copy_row(&self, image: usize, y: isize, left: isize, row: &mut [f32]) {
        let channels = self.channels;
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
        if channels == self.pixel {
            return inside.copy_from_slice(&from[..inside.len()]);
        }
        for (to, from) in inside.chunks_exact_mut(channels).zip(from.chunks(self.pixel)) {
            to.copy_from_slice(&from[..channels]);
        }
    }
}
