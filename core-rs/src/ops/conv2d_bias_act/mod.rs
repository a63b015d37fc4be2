//! Convolution with what follows it in a network that no longer trains: `y = activation(conv(x, weight) + bias + residual)`,
//! the convolution being that of `conv2d`. A batch norm with given statistics is a factor and a shift a channel, so it goes
//! into weight and bias beforehand. Beside a bf16 x the bias is f32, and the sum is rounded once on the CPU.

mod cuda;
mod epilogue;
mod reference;
#[cfg(test)]
mod tests;

use super::activation::Activation;
use super::conv2d::Conv2d;
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::conv;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};
use epilogue::Epilogue;

/// `conv2d_bias_act`
pub struct Conv2dBiasAct {
    conv: Conv2d,
    activation: Activation,
}

impl Op for Conv2dBiasAct {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Conv2dBiasAct { conv: Conv2d::parse(params)?, activation: params.activation("activation")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let outputs = self.conv.outputs(inputs)?;
        let y = outputs[0];
        inputs.exactly_if_there(2, y.dtype.wide(), Shape::new(inputs.op, &[y.shape.last()])?)?;
        inputs.exactly_if_there(3, y.dtype, y.shape)?;
        Ok(outputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.conv.sizes("conv2d_bias_act", io.meta(0), io.meta(1))?;
        if io.meta(0).dtype == Dtype::F64 {
            let (x, weight) = (io.input::<f64>(0), io.input(1));
            reference::forward(&sizes, self.activation, x, weight, io.optional(2), io.optional(3), io.output(0));
        } else {
            let (x, weight, y) = (io.input(0), io.input(1), io.output::<f32>(0));
            conv::conv2d_forward(context.isa, &context.pool, &sizes, x, weight, y);
            Epilogue::new(sizes.out, y.len(), self.activation, io.optional(2), io.optional(3)).run(context, y);
        }
        Ok(())
    }
}
