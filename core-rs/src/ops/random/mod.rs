//! Random tensors from Philox keyed by (seed, stream): elements 4 i to 4 i + 3 come from group i.
//! `uniform`: low + (high - low) u with u in 0..1; `normal`: mean + std z, z by Box and Muller's transform.
//!
//! `uniform_draw` and `normal_draw` take the numbers of a draw of a counter (`draw_counter`) instead, i32 [3]: seed, layer,
//! number d. Group g then has the key (seed, layer) and the counter (g low, d, 7, g high).

mod cuda;

use super::draw_counter::DRAW;
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};
use crate::geometry::strided::for_dtype;
use crate::random::{group, normal_pair, philox, unit};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Groups of four numbers a chunk.
const GROUPS: usize = 1024;

/// What tells the numbers of a counter's draw from others of the same key.
const PURPOSE: u32 = 7;

/// Which random numbers.
#[derive(Clone, Copy)]
enum Numbers {
    /// Of a seed and a stream.
    Keyed([u32; 2]),
    /// Of a draw of a counter, by its key and number.
    Drawn([u32; 2], u32),
}

impl Numbers {
    /// The `at`th four.
    fn group(self, at: u64) -> [u32; 4] {
        match self {
            Numbers::Keyed(key) => group(key, at),
            Numbers::Drawn(key, number) => philox(key, [at as u32, number, PURPOSE, (at >> 32) as u32]),
        }
    }
}

/// What the ops begin with.
struct Stream {
    meta: Meta,
    /// Seed and stream; none where a draw is an input.
    key: Option<[u32; 2]>,
    /// low and high, or mean and std
    range: [f64; 2],
}

impl Stream {
    fn parse(params: &mut Params, drawn: bool, names: [&str; 2]) -> Result<Stream> {
        let dtype = params.dtype("dtype")?;
        if !dtype.is_float() {
            return Err(Error::dtype(params.op(), format!("Expected `dtype` as f32, bf16 or f64, got {dtype}")));
        }
        let key = if drawn { None } else { Some([params.u32("seed")? as u32, params.u32("stream")? as u32]) };
        let range = [params.f64(names[0])?, params.f64(names[1])?];
        Ok(Stream { meta: Meta::new(params.rest_shape("shape")?, dtype), key, range })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        if self.key.is_none() {
            inputs.exactly(0, Dtype::I32, Shape::new(inputs.op, &[DRAW])?)?;
        }
        Ok(vec![self.meta])
    }

    fn numbers(&self, io: &Io) -> Numbers {
        self.key.map(Numbers::Keyed).unwrap_or_else(|| {
            let draw = io.input::<i32>(0);
            Numbers::Drawn([draw[0] as u32, draw[1] as u32], draw[2] as u32)
        })
    }

    /// Fills `y` from the numbers that `f` makes of four random ones.
    fn run<T: Element>(numbers: Numbers, pool: &ThreadPool, y: &mut [T], f: impl Fn([u32; 4]) -> [f64; 4] + Sync) {
        for_each_chunk_mut(pool, y, 4 * GROUPS, |chunk, y| {
            for (i, y) in y.chunks_mut(4).enumerate() {
                let four = f(numbers.group((chunk * GROUPS + i) as u64));
                y.iter_mut().zip(four).for_each(|(y, number)| *y = T::from_f64(number));
            }
        });
    }
}

/// `uniform`, and with `DRAWN` `uniform_draw`
pub struct Uniform<const DRAWN: bool>(Stream);

impl<const DRAWN: bool> Op for Uniform<DRAWN> {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::uniform::<DRAWN>);

    fn parse(params: &mut Params) -> Result<Self> {
        let stream = Stream::parse(params, DRAWN, ["low", "high"])?;
        let [low, high] = stream.range;
        if low > high {
            return Err(Error::argument(params.op(), format!("Expected low <= high, got {low} and {high}")));
        }
        Ok(Uniform(stream))
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        self.0.outputs(inputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        for_dtype!(self.0.meta.dtype, T => self.run::<T>(self.0.numbers(io), &context.pool, io.output(0)));
        Ok(())
    }
}

impl<const DRAWN: bool> Uniform<DRAWN> {
    fn run<T: Element>(&self, numbers: Numbers, pool: &ThreadPool, y: &mut [T]) {
        let [low, high] = self.0.range;
        Stream::run(numbers, pool, y, |u| u.map(|u| low + (high - low) * unit(u)));
    }
}

/// `normal`, and with `DRAWN` `normal_draw`
pub struct Normal<const DRAWN: bool>(Stream);

impl<const DRAWN: bool> Op for Normal<DRAWN> {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::normal::<DRAWN>);

    fn parse(params: &mut Params) -> Result<Self> {
        let stream = Stream::parse(params, DRAWN, ["mean", "std"])?;
        if stream.range[1] < 0.0 {
            let message = format!("Expected `std` not below 0, got {}", stream.range[1]);
            return Err(Error::argument(params.op(), message));
        }
        Ok(Normal(stream))
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        self.0.outputs(inputs)
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        for_dtype!(self.0.meta.dtype, T => self.run::<T>(self.0.numbers(io), &context.pool, io.output(0)));
        Ok(())
    }
}

impl<const DRAWN: bool> Normal<DRAWN> {
    fn run<T: Element>(&self, numbers: Numbers, pool: &ThreadPool, y: &mut [T]) {
        let [mean, std] = self.0.range;
        Stream::run(numbers, pool, y, |[u0, u1, u2, u3]| {
            let ([a, b], [c, d]) = (normal_pair(u0, u1), normal_pair(u2, u3));
            [a, b, c, d].map(|z| mean + std * z)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYED: Numbers = Numbers::Keyed([42, 7]);

    fn stream(range: [f64; 2]) -> Stream {
        Stream { meta: Meta::new(Shape::scalar(), Dtype::F32), key: None, range }
    }

    #[test]
    fn numbers_do_not_depend_on_threads_or_length() {
        let (mut one, mut two) = (vec![0.0f32; 9001], vec![0.0f32; 9003]);
        Uniform::<false>(stream([-1.0, 2.0])).run(KEYED, &ThreadPool::new(1), &mut one);
        Uniform::<false>(stream([-1.0, 2.0])).run(KEYED, &ThreadPool::new(2), &mut two);
        assert!(one == two[..9001]);
        assert_eq!(one[8005], (-1.0 + 3.0 * unit(group([42, 7], 2001)[1])) as f32);
        Uniform::<true>(stream([-1.0, 2.0])).run(Numbers::Drawn([42, 7], 9), &ThreadPool::new(2), &mut two);
        assert_eq!(two[8005], (-1.0 + 3.0 * unit(philox([42, 7], [2001, 9, 7, 0])[1])) as f32);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let moments = |y: &[f64]| {
            let mean = y.iter().sum::<f64>() / y.len() as f64;
            (mean, y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / y.len() as f64)
        };
        let mut y = vec![0.0f64; 100_000];
        // Five standard errors: 1/sqrt(n) of the deviation for the mean.
        Normal::<false>(stream([3.0, 0.5])).run(KEYED, &ThreadPool::new(2), &mut y);
        let (mean, variance) = moments(&y);
        assert!((mean - 3.0).abs() < 0.008 && (variance - 0.25).abs() < 0.006, "{mean} {variance}");
        Uniform::<false>(stream([0.0, 1.0])).run(KEYED, &ThreadPool::new(2), &mut y);
        let (mean, variance) = moments(&y);
        assert!((mean - 0.5).abs() < 0.005 && (variance - 1.0 / 12.0).abs() < 0.002, "{mean} {variance}");
    }
}
