//! Random tensors from Philox keyed by (seed, stream): elements 4 i to 4 i + 3 come from group i.
//! `uniform`: low + (high - low) u with u in 0..1; `normal`: mean + std z, z by Box and Muller's transform.

mod cuda;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::geometry::strided::for_dtype;
use crate::random::{group, normal_pair, unit};
use crate::runtime::record::Io;
use crate::shape::Meta;

/// Groups of four numbers a chunk.
const GROUPS: usize = 1024;

/// What both ops begin with.
struct Stream {
    meta: Meta,
    key: [u32; 2],
    /// low and high, or mean and std
    range: [f64; 2],
}

impl Stream {
    fn parse(params: &mut Params, names: [&str; 2]) -> Result<Stream> {
        let dtype = params.dtype("dtype")?;
        if !dtype.is_float() {
            return Err(Error::dtype(params.op(), format!("Expected `dtype` as f32, bf16 or f64, got {dtype}")));
        }
        let key = [params.u32("seed")? as u32, params.u32("stream")? as u32];
        let range = [params.f64(names[0])?, params.f64(names[1])?];
        Ok(Stream { meta: Meta::new(params.rest_shape("shape")?, dtype), key, range })
    }

    /// Fills `y` from the numbers that `f` makes of four random ones.
    fn run<T: Element>(&self, pool: &ThreadPool, y: &mut [T], f: impl Fn([u32; 4]) -> [f64; 4] + Sync) {
        for_each_chunk_mut(pool, y, 4 * GROUPS, |chunk, y| {
            for (i, y) in y.chunks_mut(4).enumerate() {
                let numbers = f(group(self.key, (chunk * GROUPS + i) as u64));
                y.iter_mut().zip(numbers).for_each(|(y, number)| *y = T::from_f64(number));
            }
        });
    }
}

/// `uniform`
pub struct Uniform(Stream);

impl Op for Uniform {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::uniform);
    const MOVES_BF16: bool = true;

    fn parse(params: &mut Params) -> Result<Self> {
        let stream = Stream::parse(params, ["low", "high"])?;
        let [low, high] = stream.range;
        if low > high {
            return Err(Error::argument(params.op(), format!("Expected low <= high, got {low} and {high}")));
        }
        Ok(Uniform(stream))
    }

    fn outputs(&self, _inputs: &Inputs) -> Result<Vec<Meta>> {
        Ok(vec![self.0.meta])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        for_dtype!(self.0.meta.dtype, T => self.run::<T>(&context.pool, io.output(0)));
        Ok(())
    }
}

impl Uniform {
    fn run<T: Element>(&self, pool: &ThreadPool, y: &mut [T]) {
        let [low, high] = self.0.range;
        self.0.run(pool, y, |u| u.map(|u| low + (high - low) * unit(u)));
    }
}

/// `normal`
pub struct Normal(Stream);

impl Op for Normal {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::normal);
    const MOVES_BF16: bool = true;

    fn parse(params: &mut Params) -> Result<Self> {
        let stream = Stream::parse(params, ["mean", "std"])?;
        if stream.range[1] < 0.0 {
            let message = format!("Expected `std` not below 0, got {}", stream.range[1]);
            return Err(Error::argument(params.op(), message));
        }
        Ok(Normal(stream))
    }

    fn outputs(&self, _inputs: &Inputs) -> Result<Vec<Meta>> {
        Ok(vec![self.0.meta])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        for_dtype!(self.0.meta.dtype, T => self.run::<T>(&context.pool, io.output(0)));
        Ok(())
    }
}

impl Normal {
    fn run<T: Element>(&self, pool: &ThreadPool, y: &mut [T]) {
        let [mean, std] = self.0.range;
        self.0.run(pool, y, |[u0, u1, u2, u3]| {
            let ([a, b], [c, d]) = (normal_pair(u0, u1), normal_pair(u2, u3));
            [a, b, c, d].map(|z| mean + std * z)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::shape::Shape;

    fn stream(range: [f64; 2]) -> Stream {
        Stream { meta: Meta::new(Shape::scalar(), Dtype::F32), key: [42, 7], range }
    }

    #[test]
    fn numbers_do_not_depend_on_threads_or_length() {
        let (mut one, mut two) = (vec![0.0f32; 9001], vec![0.0f32; 9003]);
        Uniform(stream([-1.0, 2.0])).run(&ThreadPool::new(1), &mut one);
        Uniform(stream([-1.0, 2.0])).run(&ThreadPool::new(2), &mut two);
        assert!(one == two[..9001]);
        assert_eq!(one[8005], (-1.0 + 3.0 * unit(group([42, 7], 2001)[1])) as f32);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let moments = |y: &[f64]| {
            let mean = y.iter().sum::<f64>() / y.len() as f64;
            (mean, y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / y.len() as f64)
        };
        let mut y = vec![0.0f64; 100_000];
        // Five standard errors: 1/sqrt(n) of the deviation for the mean.
        Normal(stream([3.0, 0.5])).run(&ThreadPool::new(2), &mut y);
        let (mean, variance) = moments(&y);
        assert!((mean - 3.0).abs() < 0.008 && (variance - 0.25).abs() < 0.006, "{mean} {variance}");
        Uniform(stream([0.0, 1.0])).run(&ThreadPool::new(2), &mut y);
        let (mean, variance) = moments(&y);
        assert!((mean - 0.5).abs() < 0.005 && (variance - 1.0 / 12.0).abs() < 0.002, "{mean} {variance}");
    }
}
