//! Which window of source pixels goes to which destination pixel, for the forward pass and the input gradient.

use super::ConvShape;
use super::image::Rect;
use std::ops::Range;

/// A window of source pixels for each destination pixel.
#[derive(Clone, Copy)]
pub struct Geometry {
    /// Window height and width.
    pub taps: (usize, usize),
    /// Source pixels from one window to the next.
    pub stride: (usize, usize),
    /// How far the first window begins before the source (negative: inside).
    pub pad: (isize, isize),
    /// Destination rows per image.
    pub rows: usize,
    /// Destination pixels per row.
    pub cols: usize,
    /// Where the destination's first pixel is, in floats.
    pub first: usize,
    /// Distance between destination images.
    pub image_stride: usize,
    /// Distance between destination rows.
    pub row_stride: usize,
    /// Distance between destination pixels.
    pub col_stride: usize,
}

impl Geometry {
    /// From the images to the results.
    pub fn forward(s: &ConvShape) -> Geometry {
        Geometry {
            taps: (s.kh, s.kw),
            stride: (s.stride_h, s.stride_w),
            pad: (s.pad_h as isize, s.pad_w as isize),
            rows: s.oh,
            cols: s.ow,
            first: 0,
            image_stride: s.oh * s.ow * s.out,
            row_stride: s.ow * s.out,
            col_stride: s.out,
        }
    }

    /// From the result gradient to the image gradient's pixels of one phase per axis.
    pub fn backward(s: &ConvShape, v: &Phase, h: &Phase) -> Geometry {
        Geometry {
            taps: (v.taps, h.taps),
            stride: (1, 1),
            pad: (v.pad, h.pad),
            rows: v.count,
            cols: h.count,
            first: (v.start * s.w + h.start) * s.c,
            image_stride: s.h * s.w * s.c,
            row_stride: s.stride_h * s.w * s.c,
            col_stride: s.stride_w * s.c,
        }
    }

    /// The source pixels that the windows of some destination rows cover.
    pub fn rect(&self, rows: Range<usize>) -> Rect {
        let covered = |count: usize, stride: usize, taps: usize| (count - 1) * stride + taps;
        Rect {
            top: (rows.start * self.stride.0) as isize - self.pad.0,
            left: -self.pad.1,
            rows: covered(rows.len(), self.stride.0, self.taps.0),
            cols: covered(self.cols, self.stride.1, self.taps.1),
        }
    }
}

/// The pixels of an image along one axis that a strided window meets at the same phase, as a
/// window of stride 1 over the result gradient.
#[derive(Clone)]
pub struct Phase {
    /// The first image pixel.
    pub start: usize,
    /// How many image pixels, each `stride` after the last.
    pub count: usize,
    /// The first weight tap that meets them; the others follow `stride` apart.
    tap: usize,
    /// Distance between those taps.
    stride: usize,
    /// How many taps meet them.
    pub taps: usize,
    /// Padding of the window over the gradient (negative: it begins inside).
    pub pad: isize,
}

impl Phase {
    fn new(phase: usize, size: usize, kernel: usize, stride: usize, pad: usize) -> Phase {
        let start = (phase + stride - pad % stride) % stride;
        let taps = kernel.saturating_sub(phase).div_ceil(stride);
        Phase {
            start,
            count: size.saturating_sub(start).div_ceil(stride),
            tap: phase,
            stride,
            taps,
            // Pixel i meets tap t in window (i + pad) / stride - t; taps run backwards.
            pad: taps as isize - 1 - ((start + pad) / stride) as isize,
        }
    }

    /// The weight tap at an index of the window over the gradient.
    pub fn weight_tap(&self, index: usize) -> usize {
        self.tap + (self.taps - 1 - index) * self.stride
    }
}

/// Every pair of phases whose pixels are in some window.
pub fn phases(s: &ConvShape) -> impl Iterator<Item = (Phase, Phase)> {
    let along = |size: usize, kernel: usize, stride: usize, pad: usize| {
        (0..stride.min(kernel)).map(move |phase| Phase::new(phase, size, kernel, stride, pad))
    };
    let (h, kh, stride_h, pad_h) = (s.h, s.kh, s.stride_h, s.pad_h);
    let (w, kw, stride_w, pad_w) = (s.w, s.kw, s.stride_w, s.pad_w);
    along(h, kh, stride_h, pad_h).flat_map(move |v| along(w, kw, stride_w, pad_w).map(move |h| (v.clone(), h)))
}

/// Whether some pixels are in no window, so that their gradient is 0.
pub fn leaves_gaps(s: &ConvShape) -> bool {
    s.kh < s.stride_h || s.kw < s.stride_w
}
