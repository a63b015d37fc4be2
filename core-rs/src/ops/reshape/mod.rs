//! `reshape`: the same values, in the same order, under another shape; a view.

use super::{Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

pub struct Reshape {
    shape: Shape,
}

impl Op for Reshape {
    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Reshape { shape: params.rest_shape("shape")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.get(0)?;
        if x.shape.len() != self.shape.len() {
            return Err(Error::shape(
                inputs.op,
                format!(
                    "Expected a shape of {} elements, as {} has, got {} of {}",
                    x.shape.len(),
                    x.shape,
                    self.shape,
                    self.shape.len()
                ),
            ));
        }
        Ok(vec![Meta::new(self.shape, x.dtype)])
    }

    /// A view runs nothing.
    fn cpu(&self, _io: &Io, _context: &CpuContext) -> Result<()> {
        Ok(())
    }
}
