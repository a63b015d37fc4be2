//! `image_batch`: rows of u8 images as f32 in 0..1, each moved by up to `shift` pixels and perhaps mirrored. With
//! r = index[i] and Philox's numbers u of key (seed, epoch) and counter (r, 0, 1, 0):
//! dx = u0 mod (2 shift + 1) - shift, dy = u1 mod (2 shift + 1) - shift, mirrored where unit(u2) < flip;
//! y[i, y, x] = images[r, y + dy, x' + dx] / 255, x' = w - 1 - x if mirrored, else x; 0 outside the image.

mod cuda;
#[cfg(test)]
mod tests;

use super::gather_rows::check_index;
use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::random::{philox, unit};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};
use std::ops::Range;

/// Elements a chunk, about: whole images.
const CHUNK: usize = 32 * 1024;

pub struct ImageBatch {
    key: [u32; 2],
    shift: usize,
    flip: f64,
}

impl Op for ImageBatch {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(ImageBatch {
            key: [params.u32("seed")? as u32, params.u32("epoch")? as u32],
            shift: params.u32("shift")?,
            flip: params.within("flip", 0.0, 1.0)?,
        })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let images = inputs.ranked(0, Dtype::U8, 4, "[n, h, w, c]")?;
        let index = inputs.ranked(1, Dtype::I32, 1, "[n]")?;
        let mut dims = images.shape.dims().to_vec();
        dims[0] = index.shape.len();
        Ok(vec![Meta::new(Shape::new(inputs.op, &dims)?, Dtype::F32)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let (dims, index) = (io.meta(0).shape, io.input::<i32>(1));
        let [n, h, w, c] = dims.dims().try_into().expect("the rank was checked");
        check_index("image_batch", index, n)?;
        self.run(context.isa, &context.pool, [h, w, c], io.input(0), index, io.output(0));
        Ok(())
    }
}

/// How one image is moved, in pixels.
#[derive(Debug, PartialEq)]
struct Move {
    dx: i64,
    dy: i64,
    mirrored: bool,
}

impl ImageBatch {
    /// The move of a row of the images.
    fn draw(&self, row: u32) -> Move {
        let [u0, u1, u2, _] = philox(self.key, [row, 0, 1, 0]);
        let offset = |u: u32| (u as u64 % (2 * self.shift as u64 + 1)) as i64 - self.shift as i64;
        Move { dx: offset(u0), dy: offset(u1), mirrored: unit(u2) < self.flip }
    }

    /// The index was checked.
    fn run(&self, isa: Isa, pool: &ThreadPool, [h, w, c]: [usize; 3], images: &[u8], index: &[i32], y: &mut [f32]) {
        let (row, size) = (w * c, h * w * c);
        if size == 0 {
            return;
        }
        let group = (CHUNK / size).max(1);
        for_each_chunk_mut(pool, y, group * size, |chunk, y| {
            for (y, &number) in y.chunks_exact_mut(size).zip(&index[chunk * group..]) {
                let image = &images[number as usize * size..][..size];
                let Move { dx, dy, mirrored } = self.draw(number as u32);
                // A mirrored row is moved the other way once it is turned round.
                let cols = inside(w, if mirrored { -dx } else { dx });
                let source = inside(w, -dx).start * c;
                for (at, y) in y.chunks_exact_mut(row).enumerate() {
                    let from = at as i64 + dy;
                    if cols.is_empty() || !(0..h as i64).contains(&from) {
                        y.fill(0.0);
                        continue;
                    }
                    let (before, y) = y.split_at_mut(cols.start * c);
                    let (y, after) = y.split_at_mut(cols.len() * c);
                    before.fill(0.0);
                    after.fill(0.0);
                    scale(isa, &image[from as usize * row + source..][..y.len()], y);
                    if mirrored {
                        turn_round(y, c);
                    }
                }
            }
        });
    }
}

/// The x of 0..w for which x + dx is in it too.
fn inside(w: usize, dx: i64) -> Range<usize> {
    let w = w as i64;
    let (start, end) = ((-dx).clamp(0, w), (w - dx).clamp(0, w));
    start as usize..end as usize
}

multiversion! {
    fn scale<A>(x: &[u8], y: &mut [f32]) {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = x as f32 / 255.0);
    }
}

/// Reverses the order of the pixels of `c` channels.
fn turn_round(y: &mut [f32], c: usize) {
    match c {
        1 => y.reverse(),
        3 => y.as_chunks_mut::<3>().0.reverse(),
        _ => {
            y.reverse();
            y.chunks_exact_mut(c).for_each(|pixel| pixel.reverse());
        }
    }
}
