//! Blur pooling, NHWC: a binomial filter on both axes, then subsampling (Zhang 2019, "Making Convolutional Networks
//! Shift-Invariant Again", arXiv:1904.11486):
//! `y[n, oy, ox, c] = sum over i, j of f[i] f[j] x[n, oy s - p + i, ox s - p + j, c]`,
//! where f is [1 1] / 2, [1 2 1] / 4 or [1 4 6 4 1] / 16, p = (taps - 1) / 2 before and taps / 2 after, and x is
//! continued by zeros or by reflection that does not repeat the edge.

pub(super) mod cpu;
pub mod cuda;
pub mod reference;
#[cfg(test)]
pub mod tests;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Bf16, Dtype};
use crate::error::{Error, Result};
use crate::geometry::image::{IMAGE, four};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// The filter of 2, 3 or 5 taps; the outer product with itself is what an image is filtered with.
pub fn filter(taps: usize) -> &'static [f64] {
    match taps {
        2 => &[0.5, 0.5],
        3 => &[0.25, 0.5, 0.25],
        _ => &[0.0625, 0.25, 0.375, 0.25, 0.0625],
    }
}

/// Taps, stride and padding, in the order of the op table.
#[derive(Clone, Copy)]
pub struct Blur {
    pub taps: usize,
    pub stride: usize,
    pub reflect: bool,
}

impl Blur {
    pub fn parse(params: &mut Params) -> Result<Blur> {
        let taps = params.u32("taps")?;
        if ![2, 3, 5].contains(&taps) {
            return Err(Error::argument(params.op(), format!("Expected `taps` as 2, 3 or 5, got {taps}")));
        }
        Ok(Blur { taps, stride: params.at_least("stride", 1)?, reflect: params.bool("reflect")? })
    }

    /// All sizes, from those of the image that is filtered.
    pub fn sizes(&self, op: &'static str, [n, h, w, c]: [usize; 4]) -> Result<BlurShape> {
        let least = if self.reflect { self.taps / 2 + 1 } else { 1 };
        if h < least || w < least {
            let why = if self.reflect { ", more than the padding that reflects it" } else { "" };
            return Err(Error::shape(
                op,
                format!("Expected an image of at least {least} x {least}{why}, got {h} x {w}"),
            ));
        }
        // The padding is taps - 1 in all.
        let out = |size: usize| (size - 1) / self.stride + 1;
        let Blur { taps, stride, reflect } = *self;
        Ok(BlurShape { n, h, w, c, oh: out(h), ow: out(w), taps, stride, pad_before: (taps - 1) / 2, reflect })
    }
}

/// All sizes of a blur pooling.
#[derive(Clone, Copy, Debug)]
pub struct BlurShape {
    pub n: usize,
    /// Height and width of the image that is filtered.
    pub h: usize,
    pub w: usize,
    pub c: usize,
    /// Height and width of the result.
    pub oh: usize,
    pub ow: usize,
    pub taps: usize,
    pub stride: usize,
    /// Padding above and on the left.
    pub pad_before: usize,
    /// Padding by reflection, else by zeros.
    pub reflect: bool,
}

impl BlurShape {
    /// Where tap `tap` of output `out` reads along an axis of `size`; none if that is a zero of the padding.
    pub fn source(&self, size: usize, out: usize, tap: usize) -> Option<usize> {
        let padded = out * self.stride + tap;
        let last = size - 1 + self.pad_before;
        match padded {
            _ if (self.pad_before..=last).contains(&padded) => Some(padded - self.pad_before),
            _ if !self.reflect => None,
            _ if padded < self.pad_before => Some(self.pad_before - padded),
            _ => Some(size - 1 - (padded - last)),
        }
    }
}

/// `blur_pool`
pub struct BlurPool(Blur);

impl Op for BlurPool {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Blur::parse(params).map(BlurPool)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let s = self.0.sizes(inputs.op, four(x))?;
        Ok(vec![Meta::new(Shape::new(inputs.op, &[s.n, s.oh, s.ow, s.c])?, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.0.sizes("blur_pool", four(io.meta(0)))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::forward::<f64>(&sizes, io.input(0), io.output(0)),
            Dtype::Bf16 => cpu::forward::<Bf16>(context.isa, &context.pool, &sizes, io.input(0), io.output(0)),
            _ => cpu::forward::<f32>(context.isa, &context.pool, &sizes, io.input(0), io.output(0)),
        }
        Ok(())
    }
}

/// `blur_pool_backward`
pub struct BlurPoolBackward {
    height: usize,
    width: usize,
    blur: Blur,
}

impl BlurPoolBackward {
    fn sizes(&self, op: &'static str, dy: Meta) -> Result<BlurShape> {
        let [n, _, _, c] = four(dy);
        self.blur.sizes(op, [n, self.height, self.width, c])
    }
}

impl Op for BlurPoolBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward);

    fn parse(params: &mut Params) -> Result<Self> {
        let (height, width) = (params.u32("height")?, params.u32("width")?);
        Ok(BlurPoolBackward { height, width, blur: Blur::parse(params)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let dy = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let s = self.sizes(inputs.op, dy)?;
        inputs.exactly(0, dy.dtype, Shape::new(inputs.op, &[s.n, s.oh, s.ow, s.c])?)?;
        Ok(vec![Meta::new(Shape::new(inputs.op, &[s.n, s.h, s.w, s.c])?, dy.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.sizes("blur_pool_backward", io.meta(0))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::backward::<f64>(&sizes, io.input(0), io.output(0)),
            Dtype::Bf16 => cpu::backward::<Bf16>(context.isa, &context.pool, &sizes, io.input(0), io.output(0)),
            _ => cpu::backward::<f32>(context.isa, &context.pool, &sizes, io.input(0), io.output(0)),
        }
        Ok(())
    }
}
