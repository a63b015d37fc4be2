//! `argmax`: y[k] is the first index i along the axis with the largest x[k, i]; the first NaN counts as largest.

use super::cuda;
use super::layout::Layout;
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::{Bf16, Dtype, Element};
use crate::error::{Error, Result};
use crate::ops::{CudaKernel, Inputs, Op, Params};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Elements of x that a chunk reads, about.
const CHUNK: usize = 32 * 1024;

pub struct Argmax {
    axis: usize,
}

impl Argmax {
    /// x around the axis.
    pub(super) fn layout(&self, shape: Shape) -> Layout {
        let dims = shape.dims();
        Layout {
            outer: dims[..self.axis].iter().product(),
            count: dims[self.axis],
            inner: dims[self.axis + 1..].iter().product(),
        }
    }
}

impl Op for Argmax {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::argmax);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Argmax { axis: params.u32("axis")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        let mut dims = x.shape.dims().to_vec();
        if self.axis >= dims.len() {
            let message = format!("Expected `axis` as an axis of shape {}, got {}", x.shape, self.axis);
            return Err(Error::argument(inputs.op, message));
        }
        // The index is an i32.
        if !(1..=i32::MAX as usize).contains(&dims.remove(self.axis)) {
            let message =
                format!("Expected 1 to {} elements along axis {}, got shape {}", i32::MAX, self.axis, x.shape);
            return Err(Error::shape(inputs.op, message));
        }
        Ok(vec![Meta::new(Shape::new(inputs.op, &dims)?, Dtype::I32)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let Meta { shape, dtype } = io.meta(0);
        let layout = self.layout(shape);
        match dtype {
            Dtype::F64 => run::<f64>(&context.pool, &layout, io.input(0), io.output(0)),
            Dtype::Bf16 => run::<Bf16>(&context.pool, &layout, io.input(0), io.output(0)),
            _ => run::<f32>(&context.pool, &layout, io.input(0), io.output(0)),
        }
        Ok(())
    }
}

pub fn run<T: Element>(pool: &ThreadPool, layout: &Layout, x: &[T], y: &mut [i32]) {
    let Layout { count, inner, .. } = *layout;
    let chunk = (CHUNK / count).max(1);
    for_each_chunk_mut(pool, y, chunk, |at, y| {
        for (i, y) in y.iter_mut().enumerate() {
            let (outer, col) = ((at * chunk + i) / inner, (at * chunk + i) % inner);
            let x = &x[outer * count * inner + col..];
            let mut best = 0;
            for i in 1..count {
                let (value, largest) = (x[i * inner], x[best * inner]);
                if value > largest || value.to_f64().is_nan() && !largest.to_f64().is_nan() {
                    best = i;
                }
            }
            *y = best as i32;
        }
    });
}
