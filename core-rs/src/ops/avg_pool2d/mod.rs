//! Average pooling, NHWC: `y[n, oy, ox, c] = sum of x[n, iy, ix, c] / divisor` over the window of (oy, ox) inside the
//! image. As in PyTorch's `avg_pool2d`, the divisor is the size of the window clipped to the image, or with
//! `countIncludePad` clipped to the image and its padding.

mod cpu;
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use super::window::{PoolAxis, PoolShape, Window};
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype};
use crate::error::Result;
use crate::geometry::image::{IMAGE, four};
use crate::runtime::record::Io;
use crate::shape::Meta;

/// What the sum over window `out` is divided by along one axis.
fn divisor(axis: &PoolAxis, out: usize, count_pad: bool) -> usize {
    if count_pad { axis.padded(out) } else { axis.window(out).len() }
}

/// `avg_pool2d`
pub struct AvgPool2d {
    window: Window,
    count_pad: bool,
}

impl Op for AvgPool2d {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(AvgPool2d { window: Window::parse(params)?, count_pad: params.bool("countIncludePad")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let sizes = self.window.sizes(inputs.op, four(x))?;
        Ok(vec![Meta::new(sizes.pooled(inputs.op)?, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.window.sizes("avg_pool2d", four(io.meta(0)))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::forward::<f64>(&sizes, self.count_pad, io.input(0), io.output(0)),
            Dtype::Bf16 => {
                cpu::forward::<Bf16>(context.isa, &context.pool, &sizes, self.count_pad, io.input(0), io.output(0))
            }
            _ => cpu::forward::<f32>(context.isa, &context.pool, &sizes, self.count_pad, io.input(0), io.output(0)),
        }
        Ok(())
    }
}

/// `avg_pool2d_backward`
pub struct AvgPool2dBackward {
    height: usize,
    width: usize,
    window: Window,
    count_pad: bool,
}

impl AvgPool2dBackward {
    fn sizes(&self, op: &'static str, dy: Meta) -> Result<PoolShape> {
        let [n, _, _, c] = four(dy);
        self.window.sizes(op, [n, self.height, self.width, c])
    }
}

impl Op for AvgPool2dBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward);

    fn parse(params: &mut Params) -> Result<Self> {
        let (height, width) = (params.u32("height")?, params.u32("width")?);
        let (window, count_pad) = (Window::parse(params)?, params.bool("countIncludePad")?);
        Ok(AvgPool2dBackward { height, width, window, count_pad })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let dy = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let sizes = self.sizes(inputs.op, dy)?;
        inputs.exactly(0, dy.dtype, sizes.pooled(inputs.op)?)?;
        Ok(vec![Meta::new(sizes.image(inputs.op)?, dy.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.sizes("avg_pool2d_backward", io.meta(0))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::backward::<f64>(&sizes, self.count_pad, io.input(0), io.output(0)),
            Dtype::Bf16 => {
                cpu::backward::<Bf16>(context.isa, &context.pool, &sizes, self.count_pad, io.input(0), io.output(0))
            }
            _ => cpu::backward::<f32>(context.isa, &context.pool, &sizes, self.count_pad, io.input(0), io.output(0)),
        }
        Ok(())
    }
}
