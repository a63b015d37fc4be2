//! Max pooling (kernel x kernel, stride 1, no padding), then blur pooling of what it gives (Zhang 2019,
//! arXiv:1904.11486; kornia's `MaxBlurPool2D` is kernel 2, taps 3, stride 2 with zero padding):
//! `y = blur_pool(max_pool2d(x))`, without the whole of the pooled image in memory.

mod backward;
mod cpu;
mod cuda;
mod reference;
mod ring;
#[cfg(test)]
mod tests;

use super::blur_pool::{Blur, BlurShape};
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype};
use crate::error::{Error, Result};
use crate::geometry::image::{IMAGE, four};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// The kernel of the max pooling and the blur, in the order of the op table.
#[derive(Clone, Copy)]
struct MaxBlur {
    kernel: usize,
    blur: Blur,
}

/// All sizes of a max-blur pooling.
#[derive(Clone, Copy, Debug)]
pub struct MaxBlurShape {
    /// Height and width of x.
    pub h: usize,
    pub w: usize,
    pub kernel: usize,
    /// The blur pooling of the (h - kernel + 1) x (w - kernel + 1) image of maxima.
    pub blur: BlurShape,
}

impl MaxBlur {
    fn parse(params: &mut Params) -> Result<MaxBlur> {
        Ok(MaxBlur { kernel: params.at_least("kernel", 1)?, blur: Blur::parse(params)? })
    }

    fn sizes(&self, op: &'static str, [n, h, w, c]: [usize; 4]) -> Result<MaxBlurShape> {
        let kernel = self.kernel;
        if h < kernel || w < kernel {
            return Err(Error::shape(op, format!("Expected an image of at least {kernel} x {kernel}, got {h} x {w}")));
        }
        let blur = self.blur.sizes(op, [n, h - kernel + 1, w - kernel + 1, c])?;
        Ok(MaxBlurShape { h, w, kernel, blur })
    }
}

impl MaxBlurShape {
    fn y(&self, op: &'static str) -> Result<Shape> {
        Shape::new(op, &[self.blur.n, self.blur.oh, self.blur.ow, self.blur.c])
    }
}

/// `max_blur_pool`
pub struct MaxBlurPool(MaxBlur);

impl Op for MaxBlurPool {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        MaxBlur::parse(params).map(MaxBlurPool)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let sizes = self.0.sizes(inputs.op, four(x))?;
        Ok(vec![Meta::new(sizes.y(inputs.op)?, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.0.sizes("max_blur_pool", four(io.meta(0)))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::forward::<f64>(&sizes, io.input(0), io.output(0)),
            Dtype::Bf16 => cpu::forward::<Bf16>(context.isa, &context.pool, &sizes, io.input(0), io.output(0)),
            _ => cpu::forward::<f32>(context.isa, &context.pool, &sizes, io.input(0), io.output(0)),
        }
        Ok(())
    }
}

/// `max_blur_pool_backward`
pub struct MaxBlurPoolBackward(MaxBlur);

impl Op for MaxBlurPoolBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward);

    fn parse(params: &mut Params) -> Result<Self> {
        MaxBlur::parse(params).map(MaxBlurPoolBackward)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let sizes = self.0.sizes(inputs.op, four(x))?;
        inputs.exactly(1, x.dtype, sizes.y(inputs.op)?)?;
        Ok(vec![x])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.0.sizes("max_blur_pool_backward", four(io.meta(0)))?;
        let (isa, pool) = (context.isa, &context.pool);
        match io.meta(0).dtype {
            Dtype::F64 => reference::backward::<f64>(&sizes, io.input(0), io.input(1), io.output(0)),
            Dtype::Bf16 => backward::run::<Bf16>(isa, pool, &sizes, io.input(0), io.input(1), io.output(0)),
            _ => backward::run::<f32>(isa, pool, &sizes, io.input(0), io.input(1), io.output(0)),
        }
        Ok(())
    }
}
