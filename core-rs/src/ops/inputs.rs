//! What a shape rule sees of an op's inputs, with messages that name them.

use super::Row;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::{Meta, Shape};

/// The inputs' shapes and dtypes under their names in the op table.
pub struct Inputs<'a> {
    pub op: &'static str,
    row: &'static Row,
    metas: &'a [Option<Meta>],
}

impl<'a> Inputs<'a> {
    pub fn new(row: &'static Row, metas: &'a [Option<Meta>]) -> Self {
        Inputs { op: row.name, row, metas }
    }

    pub fn count(&self) -> usize {
        self.metas.len()
    }

    /// An input's name; those that repeat are numbered.
    pub fn name(&self, index: usize) -> String {
        self.row.input_name(index)
    }

    /// An input that must be there.
    pub fn get(&self, index: usize) -> Result<Meta> {
        self.optional(index)
            .ok_or_else(|| Error::argument(self.op, format!("Expected a tensor `{}`, got none", self.name(index))))
    }

    pub fn optional(&self, index: usize) -> Option<Meta> {
        self.metas.get(index).copied().flatten()
    }

    /// An input of a float dtype.
    pub fn float(&self, index: usize) -> Result<Meta> {
        let meta = self.get(index)?;
        if !meta.dtype.is_float() {
            return Err(Error::dtype(
                self.op,
                format!("Expected `{}` of dtype f32, bf16 or f64, got {}", self.name(index), meta.dtype),
            ));
        }
        Ok(meta)
    }

    /// An input that keeps what is added up over many steps, which bf16 would lose: of dtype f32 or f64.
    pub fn master(&self, index: usize, what: &str) -> Result<Meta> {
        let meta = self.float(index)?;
        if meta.dtype == Dtype::Bf16 {
            return Err(Error::dtype(
                self.op,
                format!(
                    "Expected `{}` of dtype f32 or f64, got bf16: {what} are f32 where a network computes in bf16",
                    self.name(index)
                ),
            ));
        }
        Ok(meta)
    }

    /// An input of one dtype.
    pub fn of(&self, index: usize, dtype: Dtype) -> Result<Meta> {
        let meta = self.get(index)?;
        if meta.dtype != dtype {
            return Err(Error::dtype(
                self.op,
                format!("Expected `{}` of dtype {dtype}, got {}: to() converts", self.name(index), meta.dtype),
            ));
        }
        Ok(meta)
    }

    /// An input of one dtype and rank.
    pub fn ranked(&self, index: usize, dtype: Dtype, rank: usize, layout: &str) -> Result<Meta> {
        let meta = self.of(index, dtype)?;
        self.rank(index, rank, layout)?;
        Ok(meta)
    }

    /// Checks the number of axes; `layout` shows them, as in "[n, h, w, c]".
    pub fn rank(&self, index: usize, rank: usize, layout: &str) -> Result<Meta> {
        let meta = self.get(index)?;
        if meta.shape.rank() != rank {
            return Err(Error::shape(
                self.op,
                format!("Expected `{}` with {rank} axes {layout}, got shape {}", self.name(index), meta.shape),
            ));
        }
        Ok(meta)
    }

    /// Checks shape and dtype against what another argument asks for.
    pub fn exactly(&self, index: usize, dtype: Dtype, shape: Shape) -> Result<()> {
        let meta = self.of(index, dtype)?;
        if meta.shape != shape {
            return Err(Error::shape(
                self.op,
                format!("Expected `{}` of shape {shape}, got {}", self.name(index), meta.shape),
            ));
        }
        Ok(())
    }

    /// [`Inputs::exactly`] for an input that may be absent.
    pub fn exactly_if_there(&self, index: usize, dtype: Dtype, shape: Shape) -> Result<()> {
        if self.optional(index).is_some() { self.exactly(index, dtype, shape) } else { Ok(()) }
    }
}
