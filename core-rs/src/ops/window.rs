//! Pooling windows: PyTorch's rules of padding and of `ceilMode`.

use crate::error::{Error, Result};
use crate::ops::Params;
use crate::shape::Shape;
use std::ops::Range;

/// The windows along one axis.
#[derive(Clone, Copy, Debug)]
pub struct PoolAxis {
    pub size: usize,
    pub out: usize,
    pub kernel: usize,
    pub stride: usize,
    /// Padding on either side.
    pub pad: usize,
}

impl PoolAxis {
    /// With `ceil`, a last window may reach past the padding, as long as it starts before the padding after the image.
    fn new(op: &'static str, name: &str, size: usize, window: (usize, usize, usize), ceil: bool) -> Result<PoolAxis> {
        let (kernel, stride, pad) = window;
        let room = (size + 2 * pad + if ceil { stride - 1 } else { 0 }).checked_sub(kernel);
        let (Some(room), 1..) = (room, size) else {
            return Err(Error::shape(
                op,
                format!("Expected {name} and padding to hold a window of {kernel}, got {size} with padding {pad}"),
            ));
        };
        let mut out = room / stride + 1;
        if ceil && (out - 1) * stride >= size + pad {
            out -= 1;
        }
        Ok(PoolAxis { size, out, kernel, stride, pad })
    }

    /// The part of window `out` inside the image, never empty.
    pub fn window(&self, out: usize) -> Range<usize> {
        let start = out * self.stride;
        start.saturating_sub(self.pad)..(start + self.kernel - self.pad).min(self.size)
    }

    /// The size of window `out`, clipped to image and padding.
    pub fn padded(&self, out: usize) -> usize {
        let start = out * self.stride;
        (start + self.kernel).min(self.size + 2 * self.pad) - start
    }

    /// The windows that reach into `range` of the image.
    pub fn windows(&self, range: Range<usize>) -> Range<usize> {
        let first = (range.start + self.pad + 1).saturating_sub(self.kernel).div_ceil(self.stride);
        first..((range.end - 1 + self.pad) / self.stride + 1).min(self.out)
    }
}

/// The windows of an op, in the order of the op table.
#[derive(Clone, Copy)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub ceil: bool,
}

impl Window {
    pub fn parse(params: &mut Params) -> Result<Window> {
        let kernel = [params.at_least("kernelH", 1)?, params.at_least("kernelW", 1)?];
        let stride = [params.at_least("strideH", 1)?, params.at_least("strideW", 1)?];
        let pad = [params.u32("paddingH")?, params.u32("paddingW")?];
        if pad[0] > kernel[0] / 2 || pad[1] > kernel[1] / 2 {
            return Err(Error::argument(
                params.op(),
                format!("Expected padding of at most half the kernel {kernel:?}, got {pad:?}"),
            ));
        }
        Ok(Window { kernel, stride, pad, ceil: params.bool("ceilMode")? })
    }

    /// All sizes, from those of the image.
    pub fn sizes(&self, op: &'static str, [n, h, w, c]: [usize; 4]) -> Result<PoolShape> {
        let axis = |name, size, i: usize| {
            PoolAxis::new(op, name, size, (self.kernel[i], self.stride[i], self.pad[i]), self.ceil)
        };
        Ok(PoolShape { n, c, rows: axis("the height", h, 0)?, cols: axis("the width", w, 1)? })
    }
}

/// All sizes of a pooling.
#[derive(Clone, Copy, Debug)]
pub struct PoolShape {
    pub n: usize,
    pub c: usize,
    pub rows: PoolAxis,
    pub cols: PoolAxis,
}

impl PoolShape {
    /// Of the image, or of its gradient.
    pub fn image(&self, op: &'static str) -> Result<Shape> {
        Shape::new(op, &[self.n, self.rows.size, self.cols.size, self.c])
    }

    /// Of the pooled image, or of its gradient.
    pub fn pooled(&self, op: &'static str) -> Result<Shape> {
        Shape::new(op, &[self.n, self.rows.out, self.cols.out, self.c])
    }
}
