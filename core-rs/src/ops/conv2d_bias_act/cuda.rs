//! On the GPU: whoever computes the convolution, then one launch over its result.

use super::Conv2dBiasAct;
use crate::cuda::images::{below_2_31, move_in_packs};
use crate::cuda::launch::Argument;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::ops::conv2d;

static SOURCE: Source = Source { name: "conv2d_bias_act", text: include_str!("kernel.cu") };

/// `Sizes` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Sizes {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    activation: u32,
    wide: u32,
}

impl Argument for Sizes {}

pub(super) fn forward(op: &Conv2dBiasAct, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    conv2d::cuda::forward(&op.conv, io, cuda)?;
    let (bias, residual, y) = (io.optional(2), io.optional(3), io.output(0));
    let [n, h, w, c]: [usize; 4] = io.output_meta(0).shape.dims().try_into().expect("the shape rule gives images");
    let wide = move_in_packs(io.output_meta(0).dtype, c, [residual, y]);
    let [n, h, w, c] = below_2_31(io.name(), [n, h, w, c])?;
    let sizes = Sizes { n, h, w, c, activation: op.activation as u32, wide: u32::from(wide) };
    cuda.launch_pixels(&SOURCE, io, wide, &args![bias, residual, y, sizes])
}
