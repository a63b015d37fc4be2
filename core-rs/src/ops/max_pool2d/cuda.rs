//! Max pooling on the GPU: what `kernel.cu` is launched with. Average pooling, over the same windows, has its kernels
//! there too.

use super::{MaxPool2d, MaxPool2dBackward};
use crate::cuda::images::{below_2_31, in_packs};
use crate::cuda::launch::Argument;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::geometry::image::four;
use crate::ops::window::{PoolAxis, PoolShape};

pub const SOURCE: Source = Source { name: "max_pool2d", text: include_str!("kernel.cu") };

/// [`PoolAxis`] as the kernels take it; the fields are those of `Axis` in `kernel.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Axis {
    size: u32,
    out: u32,
    kernel: u32,
    stride: u32,
    pad: u32,
}

impl Axis {
    fn new(op: &'static str, axis: &PoolAxis) -> Result<Axis> {
        let [size, out, kernel, stride, pad] =
            below_2_31(op, [axis.size, axis.out, axis.kernel, axis.stride, axis.pad])?;
        Ok(Axis { size, out, kernel, stride, pad })
    }
}

/// [`PoolShape`] as the kernels take it; the fields are those of `Sizes` in `kernel.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Sizes {
    n: u32,
    c: u32,
    rows: Axis,
    cols: Axis,
    count_pad: u32,
    wide: u32,
}

impl Argument for Sizes {}

impl Sizes {
    /// `count_pad` is for the divisor of average pooling.
    pub fn new(s: &PoolShape, count_pad: bool, io: &CudaIo) -> Result<Sizes> {
        let [n, c] = below_2_31(io.name(), [s.n, s.c])?;
        let (rows, cols) = (Axis::new(io.name(), &s.rows)?, Axis::new(io.name(), &s.cols)?);
        Ok(Sizes { n, c, rows, cols, count_pad: u32::from(count_pad), wide: u32::from(in_packs(io, s.c)) })
    }

    pub fn wide(&self) -> bool {
        self.wide != 0
    }
}

pub fn forward(op: &MaxPool2d, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let sizes = Sizes::new(&op.0.sizes(io.name(), four(io.meta(0)))?, false, io)?;
    cuda.launch_pixels(&SOURCE, io, sizes.wide(), &args![io.input(0), io.output(0), sizes])
}

pub fn backward(op: &MaxPool2dBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let sizes = Sizes::new(&op.0.sizes(io.name(), four(io.meta(0)))?, false, io)?;
    cuda.launch_pixels(&SOURCE, io, sizes.wide(), &args![io.input(0), io.input(1), io.output(0), sizes])
}
