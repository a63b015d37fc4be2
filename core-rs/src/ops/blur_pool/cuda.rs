//! Blur pooling on the GPU: what `kernel.cu` is launched with. Max-blur pooling has its kernels there too.

use super::{BlurPool, BlurPoolBackward, BlurShape, four};
use crate::cuda::images::{below_2_31, in_packs};
use crate::cuda::launch::Argument;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "blur_pool", text: include_str!("kernel.cu") };

/// [`BlurShape`] as the kernels take it; the fields are those of `Sizes` in `kernel.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Sizes {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    taps: u32,
    stride: u32,
    pad_before: u32,
    reflect: u32,
    kernel: u32,
    wide: u32,
}

impl Argument for Sizes {}

impl Sizes {
    /// Of a blur pooling of the largest of `kernel` x `kernel` windows; 1 for a plain one.
    pub fn new(s: &BlurShape, kernel: usize, io: &CudaIo) -> Result<Sizes> {
        let [n, h, w, c, oh, ow] = below_2_31(io.name(), [s.n, s.h, s.w, s.c, s.oh, s.ow])?;
        let [taps, stride, pad_before, kernel] = below_2_31(io.name(), [s.taps, s.stride, s.pad_before, kernel])?;
        let (reflect, wide) = (u32::from(s.reflect), u32::from(in_packs(io, s.c)));
        Ok(Sizes { n, h, w, c, oh, ow, taps, stride, pad_before, reflect, kernel, wide })
    }

    pub fn wide(&self) -> bool {
        self.wide != 0
    }
}

pub fn forward(op: &BlurPool, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    launch(&op.0.sizes(io.name(), four(io.meta(0)))?, io, cuda)
}

pub fn backward(op: &BlurPoolBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    launch(&op.sizes(io.name(), io.meta(0))?, io, cuda)
}

fn launch(s: &BlurShape, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let sizes = Sizes::new(s, 1, io)?;
    cuda.launch_pixels(&SOURCE, io, sizes.wide(), &args![io.input(0), io.output(0), sizes])
}
