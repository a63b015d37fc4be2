//! `gather_rows_backward`: dtable[r, …] is the sum of the dy[i, …] with index[i] = r, in the order of i, in f64, rounded
//! once. A row of the table has one owner, who takes what belongs to it, so no two threads add to one place.

use super::{check_index, cuda_backward};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;
use crate::dtype::{Bf16, Dtype, Stored};
use crate::error::{Error, Result};
use crate::ops::{CudaKernel, Inputs, Op, Params};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Elements of the table that a chunk makes.
const CHUNK: usize = 16 * 1024;

/// Columns that are summed together: their totals stay in the L1 cache.
const WIDTH: usize = 256;

pub struct GatherRowsBackward {
    pub(super) rows: usize,
}

impl Op for GatherRowsBackward {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda_backward::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(GatherRowsBackward { rows: params.u32("rows")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let (index, dy) = (inputs.ranked(0, Dtype::I32, 1, "[n]")?, inputs.float(1)?);
        let mut dims = dy.shape.dims().to_vec();
        match dims.first_mut() {
            Some(count) if *count == index.shape.len() => *count = self.rows,
            _ => {
                let message = format!("Expected `dy` with {} rows, got shape {}", index.shape.len(), dy.shape);
                return Err(Error::shape(inputs.op, message));
            }
        }
        Ok(vec![Meta::new(Shape::new(inputs.op, &dims)?, dy.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let index = io.input::<i32>(0);
        check_index("gather_rows_backward", index, self.rows)?;
        let (isa, pool) = (context.isa, &context.pool);
        match io.meta(1).dtype {
            Dtype::F64 => reference(index, self.rows, io.input(1), io.output(0)),
            Dtype::Bf16 => run::<Bf16>(isa, pool, index, self.rows, io.input(1), io.output(0)),
            _ => run::<f32>(isa, pool, index, self.rows, io.input(1), io.output(0)),
        }
        Ok(())
    }
}

/// The definition; the index was checked.
pub(super) fn reference(index: &[i32], rows: usize, dy: &[f64], dtable: &mut [f64]) {
    let width = dtable.len() / rows.max(1);
    dtable.fill(0.0);
    for (i, &row) in index.iter().enumerate() {
        let sums = &mut dtable[row as usize * width..][..width];
        sums.iter_mut().zip(&dy[i * width..]).for_each(|(sum, dy)| *sum += dy);
    }
}

/// Sorts where each row was taken: once done, those of `row` lie from `ends[row - 1]` to before `ends[row]` of `places`,
/// in order. An index has fewer than 2^32 elements, as every tensor.
fn by_row(index: &[i32], ends: &mut [u32], places: &mut [u32]) {
    ends.fill(0);
    index.iter().for_each(|&row| ends[row as usize] += 1);
    let mut start = 0;
    for end in ends.iter_mut() {
        (start, *end) = (start + *end, start);
    }
    for (place, &row) in index.iter().enumerate() {
        let next = &mut ends[row as usize];
        places[*next as usize] = place as u32;
        *next += 1;
    }
}

multiversion! {
    /// Sums the same columns of some rows of dy that are `width` long.
    fn sum<A, S: Stored>(dy: &[S], width: usize, places: &[u32], y: &mut [S]) {
        for (block, y) in y.chunks_mut(WIDTH).enumerate() {
            let totals = &mut [0.0f64; WIDTH][..y.len()];
            for &place in places {
                let dy = &dy[place as usize * width + block * WIDTH..][..y.len()];
                totals.iter_mut().zip(dy).for_each(|(total, dy)| *total += dy.widen() as f64);
            }
            y.iter_mut().zip(totals).for_each(|(y, total)| *y = S::round(*total as f32));
        }
    }
}

/// The index was checked.
pub(super) fn run<S: Stored>(isa: Isa, pool: &ThreadPool, index: &[i32], rows: usize, dy: &[S], dtable: &mut [S]) {
    let width = dtable.len() / rows.max(1);
    let (mut ends, mut all) = (Scratch::take(rows), Scratch::take(index.len()));
    by_row(index, ends.as_mut_words(), all.as_mut_words());
    let (ends, all) = (&*ends.as_mut_words(), &*all.as_mut_words());
    for_each_chunk_mut(pool, dtable, CHUNK, |chunk, mut y| {
        let (mut row, mut skip) = (chunk * CHUNK / width, chunk * CHUNK % width);
        while !y.is_empty() {
            let (here, rest) = y.split_at_mut(y.len().min(width - skip));
            let start = row.checked_sub(1).map_or(0, |before| ends[before]);
            match &all[start as usize..ends[row] as usize] {
                [] => here.fill(S::round(0.0)),
                &[place] => here.copy_from_slice(&dy[place as usize * width + skip..][..here.len()]),
                places => sum(isa, &dy[skip..], width, places, here),
            }
            (y, row, skip) = (rest, row + 1, 0);
        }
    });
}
