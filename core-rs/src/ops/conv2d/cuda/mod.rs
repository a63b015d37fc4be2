//! Convolution and its gradients on the GPU: what is computed, on which tensors; [`engine`] says by whom.

mod direct;
mod engine;
mod gemm;
mod grouped;

use super::{Conv2d, Conv2dBackwardInput, Conv2dBackwardWeight};
use crate::cuda::context::failed;
use crate::cuda::cudnn::Tensors;
use crate::cuda::images::below_2_31;
use crate::cuda::launch::Argument;
use crate::cuda::nvrtc::Source;
use crate::cuda::plan::{Arithmetic, Convolution, Pass};
use crate::cuda::{CudaContext, CudaIo};
use crate::error::Result;
use crate::geometry::conv::ConvShape;
use cudarc::driver::result;

pub const SOURCE: Source = Source { name: "conv2d", text: include_str!("../kernel.cu") };

/// `conv2d`, and the convolution of an op that begins with its inputs.
pub fn forward(op: &Conv2d, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let shape = op.sizes(io.name(), io.meta(0), io.meta(1))?;
    let tensors = Tensors { image: io.input(0), weight: io.input(1), result: io.output(0) };
    run(Pass::Forward, shape, tensors, io, cuda)
}

pub fn backward_input(op: &Conv2dBackwardInput, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let shape = op.sizes(io.name(), io.meta(0), io.meta(1))?;
    let tensors = Tensors { image: io.output(0), weight: io.input(1), result: io.input(0) };
    run(Pass::Input, shape, tensors, io, cuda)
}

pub fn backward_weight(op: &Conv2dBackwardWeight, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let shape = op.sizes(io.name(), io.meta(0), io.meta(1))?;
    let tensors = Tensors { image: io.input(0), weight: io.output(0), result: io.input(1) };
    run(Pass::Weight, shape, tensors, io, cuda)
}

fn run(pass: Pass, shape: ConvShape, tensors: Tensors, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (op, output) = (io.name(), io.output_meta(0));
    if output.shape.is_empty() {
        return Ok(());
    }
    let convolution = Convolution { pass, arithmetic: Arithmetic::of(op, output.dtype, cuda)?, shape };
    if [0, 1].into_iter().any(|input| io.meta(input).shape.is_empty()) {
        // Nothing to sum.
        let told = |error| failed(op, "Filling with zeros", &error);
        cuda.bind().map_err(told)?;
        let bytes = output.bytes();
        // SAFETY: the output has as many bytes.
        return unsafe { result::memset_d8_async(io.output(0), 0, bytes, cuda.stream().cu_stream()) }.map_err(told);
    }
    engine::run(op, &convolution, tensors, cuda)
}

/// [`ConvShape`] as the kernels take it; the fields are those of `Sizes` in `kernel.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Sizes {
    pub n: u32,
    pub h: u32,
    pub w: u32,
    pub c: u32,
    pub out: u32,
    pub kh: u32,
    pub kw: u32,
    pub stride_h: u32,
    pub stride_w: u32,
    pub pad_h: u32,
    pub pad_w: u32,
    pub groups: u32,
    pub oh: u32,
    pub ow: u32,
}

impl Argument for Sizes {}

impl Sizes {
    pub fn new(op: &'static str, s: &ConvShape) -> Result<Sizes> {
        let [n, h, w, c] = below_2_31(op, [s.n, s.h, s.w, s.c])?;
        let [out, kh, kw, groups] = below_2_31(op, [s.out, s.kh, s.kw, s.groups])?;
        let [stride_h, stride_w, pad_h, pad_w] = below_2_31(op, [s.stride_h, s.stride_w, s.pad_h, s.pad_w])?;
        let [oh, ow] = below_2_31(op, [s.oh, s.ow])?;
        Ok(Sizes { n, h, w, c, out, kh, kw, stride_h, stride_w, pad_h, pad_w, groups, oh, ow })
    }
}
