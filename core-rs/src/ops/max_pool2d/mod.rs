//! Max pooling, NHWC: `y[n, oy, ox, c] = max of x[n, iy, ix, c]` over the window of (oy, ox) inside the image; the
//! gradient goes to the first largest, row by row. Windows, ceilMode and NaN (the last one in a window is its largest)
//! as in PyTorch's `max_pool2d`.

pub(super) mod cpu;
pub mod cuda;
pub mod reference;
#[cfg(test)]
pub mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype};
use crate::error::Result;
use crate::geometry::image::{IMAGE, four};
use crate::ops::window::Window;
use crate::runtime::record::Io;
use crate::shape::Meta;

/// `max_pool2d`
pub struct MaxPool2d(Window);

impl Op for MaxPool2d {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Window::parse(params).map(MaxPool2d)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let sizes = self.0.sizes(inputs.op, four(x))?;
        Ok(vec![Meta::new(sizes.pooled(inputs.op)?, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.0.sizes("max_pool2d", four(io.meta(0)))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::forward::<f64>(&sizes, io.input(0), io.output(0)),
            Dtype::Bf16 => cpu::forward::<Bf16>(context.isa, &context.pool, &sizes, io.input(0), io.output(0)),
            _ => cpu::forward::<f32>(context.isa, &context.pool, &sizes, io.input(0), io.output(0)),
        }
        Ok(())
    }
}

/// `max_pool2d_backward`
pub struct MaxPool2dBackward(Window);

impl Op for MaxPool2dBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward);

    fn parse(params: &mut Params) -> Result<Self> {
        Window::parse(params).map(MaxPool2dBackward)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let sizes = self.0.sizes(inputs.op, four(x))?;
        inputs.exactly(1, x.dtype, sizes.pooled(inputs.op)?)?;
        Ok(vec![x])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.0.sizes("max_pool2d_backward", four(io.meta(0)))?;
        let (isa, pool) = (context.isa, &context.pool);
        match io.meta(0).dtype {
            Dtype::F64 => reference::backward::<f64>(&sizes, io.input(0), io.input(1), io.output(0)),
            Dtype::Bf16 => cpu::backward::<Bf16>(isa, pool, &sizes, io.input(0), io.input(1), io.output(0)),
            _ => cpu::backward::<f32>(isa, pool, &sizes, io.input(0), io.input(1), io.output(0)),
        }
        Ok(())
    }
}
