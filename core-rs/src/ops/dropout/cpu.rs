//! The fast kernels. A dropout's random numbers are made for sixteen groups side by side.

use super::{Draw, ELEMENTS, ROWS, Share};
use crate::cpu::isa::Isa;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::Stored;
use crate::random::{philox, philox_lanes};

/// Elements a chunk.
const CHUNK: usize = 32 * 1024;

/// Groups of four numbers that are made side by side; `CHUNK / 4` is a multiple of it.
const LANES: usize = 16;

pub fn dropout<S: Stored>(isa: Isa, pool: &ThreadPool, share: Share, draw: Draw, x: &[S], y: &mut [S]) {
    let (limit, scale) = (share.limit(), share.scale() as f32);
    for_each_chunk_mut(pool, y, CHUNK, |chunk, y| {
        let start = chunk * CHUNK;
        drop_elements(isa, draw, (start / 4) as u64, limit, scale, &x[start..][..y.len()], y);
    });
}

multiversion! {
    /// Of elements from the first of group `first` on, which is a multiple of `LANES`.
    fn drop_elements<A, S: Stored>(draw: Draw, first: u64, limit: u32, scale: f32, x: &[S], y: &mut [S]) {
        for (block, (y, x)) in y.chunks_mut(4 * LANES).zip(x.chunks(4 * LANES)).enumerate() {
            let group = first + (block * LANES) as u64;
            // The lower half does not overflow within a block.
            let mut counter = [[0; LANES], [draw.number; LANES], [ELEMENTS; LANES], [(group >> 32) as u32; LANES]];
            counter[0].iter_mut().zip(group as u32..).for_each(|(lane, low)| *lane = low);
            let words = philox_lanes(draw.key, counter);
            for (at, (y, x)) in y.iter_mut().zip(x).enumerate() {
                *y = S::round(if words[at % 4][at / 4] >> 8 < limit { 0.0 } else { x.widen() * scale });
            }
        }
    }
}

multiversion! {
    fn scaled<A, S: Stored>(x: &[S], scale: f32, y: &mut [S]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = S::round(x.widen() * scale));
    }
}

pub fn stochastic_depth<S: Stored>(
    isa: Isa,
    pool: &ThreadPool,
    share: Share,
    draw: Draw,
    rows: usize,
    x: &[S],
    y: &mut [S],
) {
    let (limit, scale, width) = (share.limit(), share.scale() as f32, x.len() / rows.max(1));
    for_each_chunk_mut(pool, y, CHUNK, |chunk, mut y| {
        let mut start = chunk * CHUNK;
        while !y.is_empty() {
            let row = start / width;
            let (here, rest) = y.split_at_mut(y.len().min((row + 1) * width - start));
            let x = &x[start..][..here.len()];
            start += here.len();
            if philox(draw.key, [row as u32, draw.number, ROWS, 0])[0] >> 8 < limit {
                here.fill(S::round(0.0));
            } else {
                scaled(isa, x, scale, here);
            }
            y = rest;
        }
    });
}
