//! `cast`: the values in another dtype; to integers by truncation, saturating (NaN becomes 0).

mod cuda;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::cpu::{CpuContext, convert};
use crate::dtype::{Dtype, Element};
use crate::error::Result;
use crate::geometry::strided::for_dtype;
use crate::runtime::record::Io;
use crate::shape::Meta;

/// Elements a chunk.
const CHUNK: usize = 16 * 1024;

pub struct Cast {
    dtype: Dtype,
}

impl Op for Cast {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Cast { dtype: params.dtype("dtype")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        Ok(vec![Meta::new(inputs.get(0)?.shape, self.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        match (io.meta(0).dtype, self.dtype) {
            (Dtype::Bf16, Dtype::F32) => convert::widen(context, io.input(0), io.output(0)),
            (Dtype::F32, Dtype::Bf16) => convert::round(context, io.input(0), io.output(0)),
            (from, to) => for_dtype!(from, T => for_dtype!(to, U => {
                run::<T, U>(&context.pool, io.input(0), io.output(0));
            })),
        }
        Ok(())
    }
}

fn run<T: Element, U: Element>(pool: &ThreadPool, x: &[T], y: &mut [U]) {
    for_each_chunk_mut(pool, y, CHUNK, |chunk, y| {
        // Exact: f64 holds every value of the other dtypes.
        y.iter_mut().zip(&x[chunk * CHUNK..]).for_each(|(y, &x)| *y = U::from_f64(x.to_f64()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast<T: Element, U: Element>(x: T) -> U {
        let mut y = [U::from_f64(0.0)];
        run(&ThreadPool::new(1), &[x], &mut y);
        y[0]
    }

    #[test]
    fn integers_truncate_and_saturate() {
        assert_eq!([-0.75, 2.999, -2.999, 3e9, -3e9].map(cast::<f32, i32>), [0, 2, -2, i32::MAX, i32::MIN]);
        assert_eq!([-5.0, 254.9, 256.0, f64::NAN].map(cast::<f64, u8>), [0, 254, 255, 0]);
        assert_eq!([-1, 1000].map(cast::<i32, u8>), [0, 255]);
        assert_eq!(cast::<i32, f32>(16_777_217), 16_777_216.0);
        assert_eq!(cast::<u8, f64>(200), 200.0);
    }
}
