//! `one_hot`: y[i, j] = 1 where j = labels[i], else 0.

mod cuda;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};
use crate::geometry::strided::for_dtype;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

pub struct OneHot {
    classes: usize,
    dtype: Dtype,
}

impl Op for OneHot {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(OneHot { classes: params.at_least("classes", 1)?, dtype: params.dtype("dtype")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let labels = inputs.ranked(0, Dtype::I32, 1, "[n]")?;
        Ok(vec![Meta::new(Shape::new(inputs.op, &[labels.shape.len(), self.classes])?, self.dtype)])
    }

    fn cpu(&self, io: &Io, _context: &CpuContext) -> Result<()> {
        for_dtype!(self.dtype, T => run::<T>(io.input(0), self.classes, io.output(0)))
    }
}

fn run<T: Element>(labels: &[i32], classes: usize, y: &mut [T]) -> Result<()> {
    y.fill(T::from_f64(0.0));
    for (position, (row, &label)) in y.chunks_exact_mut(classes).zip(labels).enumerate() {
        match usize::try_from(label).ok().and_then(|label| row.get_mut(label)) {
            Some(value) => *value = T::from_f64(1.0),
            None => {
                return Err(Error::argument("one_hot", outside(classes, label, position)));
            }
        }
    }
    Ok(())
}

/// What is said of a label that is no class.
fn outside(classes: usize, label: i32, position: usize) -> String {
    format!("Expected labels from 0 to {}, got {label} at position {position}", classes - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_one_and_bad_labels_are_named() {
        let mut y = [7.0f32; 6];
        run(&[2, 0], 3, &mut y).unwrap();
        assert_eq!(y, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        for label in [3, -1] {
            let message = run(&[1, label], 3, &mut y).unwrap_err().to_string();
            assert_eq!(message, format!("one_hot(): Expected labels from 0 to 2, got {label} at position 1"));
        }
    }
}
