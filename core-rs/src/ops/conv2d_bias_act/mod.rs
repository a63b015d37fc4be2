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
use crate::cpu::conv::{self, ConvShape};
use crate::cpu::epilogue::Epilogue;
use crate::dtype::{Bf16, Dtype, Stored};
use crate::error::Result;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};
use epilogue::BiasAct;

/// `conv2d_bias_act`
pub struct Conv2dBiasAct {
    conv: Conv2d,
    activation: Activation,
}

impl Conv2dBiasAct {
    fn run<S: Stored>(&self, sizes: &ConvShape, io: &Io, context: &CpuContext) {
        let then = BiasAct { activation: self.activation, bias: io.optional(2), residual: io.optional::<S>(3) };
        let then = then.changes().then_some(&then as &dyn Epilogue);
        let (x, weight, y) = (io.input::<S>(0), io.input(1), io.output(0));
        conv::conv2d_forward_then(context.isa, &context.pool, sizes, x, weight, y, then);
    }
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
        match io.meta(0).dtype {
            Dtype::F64 => {
                let (x, weight) = (io.input::<f64>(0), io.input(1));
                reference::forward(&sizes, self.activation, x, weight, io.optional(2), io.optional(3), io.output(0));
            }
            Dtype::Bf16 => self.run::<Bf16>(&sizes, io, context),
            _ => self.run::<f32>(&sizes, io, context),
        }
        Ok(())
    }
}
