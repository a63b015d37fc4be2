//! Images of another size, NHWC: `y[n, oy, ox, c] = sum over i, j of a[oy, i] b[ox, j] x[n, i, j, c]`, the same rule making a
//! and b for its axis; `rule.rs` has them. Backward is the same with both transposed.

mod cpu;
mod cuda;
mod reference;
mod rule;
#[cfg(test)]
mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype};
use crate::error::{Error, Result};
use crate::geometry::image::{IMAGE, four};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};
use rule::{Line, Rule};

/// What both ops are told, in the order of the op table; `height` and `width` are those of what the op makes.
#[derive(Clone, Copy)]
struct Settings {
    height: usize,
    width: usize,
    rule: Rule,
    /// Results to a source pixel, down and across, as the caller gave them; 0 where they follow from the sizes.
    scales: [f64; 2],
}

impl Settings {
    fn parse(params: &mut Params) -> Result<Settings> {
        Ok(Settings {
            height: params.at_least("height", 1)?,
            width: params.at_least("width", 1)?,
            rule: Rule::parse(params)?,
            scales: [params.within("scaleH", 0.0, f64::MAX)?, params.within("scaleW", 0.0, f64::MAX)?],
        })
    }

    /// For images of the sizes `from` that become those of `to`.
    fn plan(&self, op: &'static str, from: [usize; 4], to: [usize; 2]) -> Result<Plan> {
        let [n, h, w, c] = from;
        if h == 0 || w == 0 {
            return Err(Error::shape(op, format!("Expected an image of at least 1 x 1, got {h} x {w}")));
        }
        let line = |size, results, scale| Line { rule: self.rule, size, results, scale };
        Ok(Plan { n, rows: line(h, to[0], self.scales[0]), columns: line(w, to[1], self.scales[1]), c })
    }

    /// Makes images of the op's size from `x`.
    fn forward(&self, op: &'static str, x: Meta) -> Result<Plan> {
        self.plan(op, four(x), [self.height, self.width])
    }

    /// From the gradient `dy` of images that were of the op's size.
    fn backward(&self, op: &'static str, dy: Meta) -> Result<Plan> {
        let [n, h, w, c] = four(dy);
        if h == 0 || w == 0 {
            return Err(Error::shape(op, format!("Expected `dy` of at least 1 x 1, got {h} x {w}")));
        }
        self.plan(op, [n, self.height, self.width, c], [h, w])
    }
}

/// Both axes of a batch of images.
struct Plan {
    n: usize,
    rows: Line,
    columns: Line,
    c: usize,
}

/// Checks an image and gives the result, which has the op's size.
fn outputs(settings: &Settings, inputs: &Inputs) -> Result<Vec<Meta>> {
    let image = inputs.float(0)?;
    inputs.rank(0, 4, IMAGE)?;
    let [n, _, _, c] = four(image);
    Ok(vec![Meta::new(Shape::new(inputs.op, &[n, settings.height, settings.width, c])?, image.dtype)])
}

/// `resample2d`
pub struct Resample2d(Settings);

impl Op for Resample2d {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Settings::parse(params).map(Resample2d)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let outputs = outputs(&self.0, inputs)?;
        self.0.forward(inputs.op, inputs.get(0)?)?;
        Ok(outputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let plan = self.0.forward("resample2d", io.meta(0))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::forward::<f64>(&plan, io.input(0), io.output(0)),
            Dtype::Bf16 => cpu::forward::<Bf16>(context.isa, &context.pool, &plan, io.input(0), io.output(0)),
            _ => cpu::forward::<f32>(context.isa, &context.pool, &plan, io.input(0), io.output(0)),
        }
        Ok(())
    }
}

/// `resample2d_backward`
pub struct Resample2dBackward(Settings);

impl Op for Resample2dBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward);

    fn parse(params: &mut Params) -> Result<Self> {
        Settings::parse(params).map(Resample2dBackward)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let outputs = outputs(&self.0, inputs)?;
        self.0.backward(inputs.op, inputs.get(0)?)?;
        Ok(outputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let plan = self.0.backward("resample2d_backward", io.meta(0))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::backward::<f64>(&plan, io.input(0), io.output(0)),
            Dtype::Bf16 => cpu::backward::<Bf16>(context.isa, &context.pool, &plan, io.input(0), io.output(0)),
            _ => cpu::backward::<f32>(context.isa, &context.pool, &plan, io.input(0), io.output(0)),
        }
        Ok(())
    }
}
