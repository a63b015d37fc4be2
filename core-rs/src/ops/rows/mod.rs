//! `rows`: y[i, …] = x[start + i, …] for i < count; a view.

use super::{Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

pub struct Rows {
    start: usize,
    count: usize,
}

impl Op for Rows {
    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Rows { start: params.u32("start")?, count: params.u32("count")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.get(0)?;
        let mut dims = x.shape.dims().to_vec();
        let end = self.start + self.count;
        match dims.first_mut() {
            Some(rows) if end <= *rows => *rows = self.count,
            _ => {
                return Err(Error::shape(
                    inputs.op,
                    format!("Expected `x` with at least {end} rows (start + count), got shape {}", x.shape),
                ));
            }
        }
        Ok(vec![Meta::new(Shape::new(inputs.op, &dims)?, x.dtype)])
    }

    fn view_offset(&self, input: Meta) -> usize {
        // Beside an axis of size 0 the others may be anything.
        input.shape.dims()[1..]
            .iter()
            .fold(self.start, |offset, &dim| offset.saturating_mul(dim))
            .min(input.shape.len())
    }

    /// A view runs nothing.
    fn cpu(&self, _io: &Io, _context: &CpuContext) -> Result<()> {
        Ok(())
    }
}
