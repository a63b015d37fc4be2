//! Squeeze-and-excitation (Hu, Shen, Albanie, Sun and Wu 2018, <https://arxiv.org/abs/1709.01507>) with the residual and
//! activation that follow it, x [n, h, w, c]: `y = end(v)`, `v = x gate + residual`, `gate = sigmoid(w2 activation(hidden) + b2)`,
//! `hidden = w1 pooled + b1`, where `pooled` [n, c] is the mean of x over its pixels, w1 is [r, c] and w2 [c, r]. Beside a
//! bf16 x everything else but the residual is f32.
//!
//! Backward computes v again: `dv = dy end'(v)`, `dresidual = dv`. With `dgate = sum over pixels of dv x` and
//! `dz = dgate gate (1 - gate)`: `dhidden = (w2^T dz) activation'(hidden)`, `dx = dv gate + w1^T dhidden / pixels`,
//! `dw2 = dz^T activation(hidden)`, `dw1 = dhidden^T pooled`, and db2 and db1 are the sums of dz and dhidden over the images.

mod backward;
mod cuda;
mod forward;
mod loops;
mod reference;
#[cfg(test)]
mod tests;

use super::activation::Activation;
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype, Element, Stored};
use crate::error::{Error, Result};
use crate::geometry::image::IMAGE;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// All sizes: images, pixels of each, channels, hidden channels.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    n: usize,
    pixels: usize,
    c: usize,
    r: usize,
}

impl Sizes {
    /// Of an x [n, h, w, c] and a w1 [r, c].
    fn new(x: Meta, w1: Meta) -> Sizes {
        let [n, h, w, c]: [usize; 4] = x.shape.dims().try_into().expect("the rank was checked");
        Sizes { n, pixels: h * w, c, r: w1.shape.dims()[0] }
    }
}

/// The parameters of both ops: the activations of the hidden layer and of the end.
#[derive(Clone, Copy)]
struct Activations {
    hidden: Activation,
    end: Activation,
}

impl Activations {
    fn parse(params: &mut Params) -> Result<Activations> {
        Ok(Activations { hidden: params.activation("activation")?, end: params.activation("end")? })
    }
}

/// Checks x, w1 and the residual, and gives the sizes.
fn check(inputs: &Inputs, x: usize, w1: usize, residual: usize) -> Result<(Meta, Sizes)> {
    let meta = inputs.float(x)?;
    inputs.rank(x, 4, IMAGE)?;
    inputs.rank(w1, 2, "[r, c]")?;
    let s = Sizes::new(meta, inputs.get(w1)?);
    if s.pixels == 0 || s.c == 0 || s.r == 0 {
        let message = format!(
            "Expected pixels, channels and hidden channels, got x of shape {} and {} hidden channels",
            meta.shape, s.r
        );
        return Err(Error::shape(inputs.op, message));
    }
    inputs.exactly(w1, meta.dtype.wide(), Shape::new(inputs.op, &[s.r, s.c])?)?;
    inputs.exactly_if_there(residual, meta.dtype, meta.shape)?;
    Ok((meta, s))
}

/// `squeeze_excitation`
pub struct SqueezeExcitation(Activations);

impl Op for SqueezeExcitation {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Activations::parse(params).map(SqueezeExcitation)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let (x, s) = check(inputs, 0, 1, 5)?;
        let wide = x.dtype.wide();
        let shape = |dims: &[usize]| Shape::new(inputs.op, dims);
        inputs.exactly(2, wide, shape(&[s.r])?)?;
        inputs.exactly(3, wide, shape(&[s.c, s.r])?)?;
        inputs.exactly(4, wide, shape(&[s.c])?)?;
        let (channels, hidden) = (Meta::new(shape(&[s.n, s.c])?, wide), Meta::new(shape(&[s.n, s.r])?, wide));
        Ok(vec![x, channels, hidden, channels])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let s = Sizes::new(io.meta(0), io.meta(1));
        match io.meta(0).dtype {
            Dtype::F64 => {
                let weights = [1, 2, 3, 4].map(|index| io.input::<f64>(index));
                let made = [1, 2, 3].map(|index| io.output(index));
                reference::forward(&s, self.0, io.input(0), io.optional(5), weights, io.output(0), made);
            }
            Dtype::Bf16 => self.run::<Bf16>(&s, io, context),
            _ => self.run::<f32>(&s, io, context),
        }
        Ok(())
    }
}

impl SqueezeExcitation {
    fn run<S: Stored>(&self, s: &Sizes, io: &Io, context: &CpuContext) {
        let weights = [1, 2, 3, 4].map(|index| io.input(index));
        let made = [1, 2, 3].map(|index| io.output(index));
        forward::run::<S>(context, s, self.0, (io.input(0), io.optional(5)), weights, io.output(0), made);
    }
}

/// `squeeze_excitation_backward`
pub struct SqueezeExcitationBackward(Activations);

impl Op for SqueezeExcitationBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward);

    fn parse(params: &mut Params) -> Result<Self> {
        Activations::parse(params).map(SqueezeExcitationBackward)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let (x, s) = check(inputs, 1, 2, 7)?;
        inputs.exactly(0, x.dtype, x.shape)?;
        let wide = |dims: &[usize]| Ok(Meta::new(Shape::new(inputs.op, dims)?, x.dtype.wide()));
        let (channels, hidden) = (wide(&[s.n, s.c])?, wide(&[s.n, s.r])?);
        for (index, meta) in [(3, wide(&[s.c, s.r])?), (4, channels), (5, hidden), (6, channels)] {
            inputs.exactly(index, meta.dtype, meta.shape)?;
        }
        let mut outputs = vec![x, wide(&[s.r, s.c])?, wide(&[s.r])?, wide(&[s.c, s.r])?, wide(&[s.c])?];
        outputs.extend(inputs.optional(7));
        Ok(outputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let s = Sizes::new(io.meta(1), io.meta(2));
        match io.meta(1).dtype {
            Dtype::F64 => {
                let inputs = [0, 1, 2, 3, 4, 5, 6].map(|index| io.input::<f64>(index));
                let gradients = [0, 1, 2, 3, 4].map(|index| io.output(index));
                reference::backward(&s, self.0, inputs, io.optional(7), gradients, dresidual(io));
            }
            Dtype::Bf16 => self.run::<Bf16>(&s, io, context),
            _ => self.run::<f32>(&s, io, context),
        }
        Ok(())
    }
}

impl SqueezeExcitationBackward {
    fn run<S: Stored>(&self, s: &Sizes, io: &Io, context: &CpuContext) {
        let images = backward::Images {
            dy: io.input::<S>(0),
            x: io.input(1),
            residual: io.optional(7),
            dx: io.output(0),
            dresidual: dresidual(io),
        };
        let made = [2, 3, 4, 5, 6].map(|index| io.input(index));
        backward::run(context, s, self.0, images, made, [1, 2, 3, 4].map(|index| io.output(index)));
    }
}

/// There where a residual is.
fn dresidual<'a, T: Element>(io: &Io<'a>) -> Option<&'a mut [T]> {
    io.has(7).then(|| io.output(5))
}
