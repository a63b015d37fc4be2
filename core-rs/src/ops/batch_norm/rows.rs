//! x [.., c] as rows of c channels, and how the passes over it are cut.
//!
//! A loop over one row of few channels is too short to vectorise, so the passes walk wide rows: several rows at once,
//! with the per-channel values repeated over them.

use crate::cpu::pool::{SliceParts, ThreadPool, for_each_chunk_mut, split};
use std::ops::{Deref, DerefMut, Range};

/// Rows with fewer channels are taken several at a time.
const WIDE: usize = 256;
/// Widths are multiples of this where that takes few rows: four AVX2 registers, one step of an unrolled loop.
const STEP: usize = 32;
/// Elements a chunk: tens of microseconds of work, and two operands fit in the L2 cache.
const CHUNK: usize = 32 * 1024;
/// Partial sums cost 4 values of f32 a channel and chunk, so a chunk has many more rows than that.
const CHUNK_ROWS: usize = 128;
/// More chunks than this have nothing to give.
const CHUNKS: usize = 256;

/// Sizes of x, and of the pieces it is worked on in; all follow from its shape alone.
pub(in crate::ops) struct Rows {
    pub channels: usize,
    /// Elements in all.
    pub len: usize,
    /// Elements of a wide row: a multiple of the channels.
    pub width: usize,
}

impl Rows {
    /// `channels` divides `len` and is not 0.
    pub fn new(channels: usize, len: usize) -> Rows {
        let count = len / channels;
        // The smallest number of rows that make a multiple of a power of two.
        let unit = STEP >> channels.trailing_zeros().min(STEP.trailing_zeros());
        let together = if channels < WIDE { unit * WIDE.div_ceil(channels * unit) } else { 1 };
        Rows { channels, len, width: channels * together.min(count.max(1)) }
    }

    /// Rows in all.
    pub fn count(&self) -> usize {
        self.len / self.channels
    }

    /// Elements between two flushes of f32 sums to f64: few enough for their accuracy, and for the cache.
    pub fn block(&self) -> usize {
        (32 * self.channels).clamp(8 * 1024, 64 * 1024).next_multiple_of(4 * self.width)
    }

    /// Elements a chunk of a pass that sums over the rows.
    pub fn sums_chunk(&self) -> usize {
        CHUNK.max(CHUNK_ROWS * self.channels).max(self.len / CHUNKS).next_multiple_of(self.block())
    }

    /// A value for each channel, repeated over a wide row.
    pub fn widen(&self, value: impl Fn(usize) -> f32) -> Aligned {
        let mut row = Aligned::zeros(self.width);
        for part in row.chunks_exact_mut(self.channels) {
            part.iter_mut().enumerate().for_each(|(channel, at)| *at = value(channel));
        }
        row
    }

    /// Two sums a channel, [2, c]: `add(elements, sums)` adds those of a range of x.
    pub fn sum_pairs(&self, pool: &ThreadPool, add: impl Fn(Range<usize>, &mut [f64]) + Sync) -> Vec<f64> {
        let (chunk, pair) = (self.sums_chunk(), 2 * self.channels);
        let mut sums = vec![0.0; split(self.len, chunk).max(1) * pair];
        for_each_chunk_mut(pool, &mut sums, pair, |i, sums| {
            add(i * chunk..self.len.min((i + 1) * chunk), sums);
        });
        let (total, others) = sums.split_at_mut(pair);
        for part in others.chunks(pair) {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
        sums.truncate(pair);
        sums
    }

    /// Runs `f(elements, part of y)` over y in whole wide rows.
    ///
    /// Last chunks come first: the pass before went through x from its start, so its end is still in the cache.
    pub fn for_each_chunk<T: Send>(&self, pool: &ThreadPool, y: &mut [T], f: impl Fn(Range<usize>, &mut [T]) + Sync) {
        let chunk = CHUNK.next_multiple_of(self.width);
        let (chunks, parts) = (split(self.len, chunk), SliceParts::new(y));
        pool.run(chunks, &|i| {
            let start = (chunks - 1 - i) * chunk;
            let range = start..self.len.min(start + chunk);
            // SAFETY: every chunk runs once, and their ranges are disjoint.
            f(range.clone(), unsafe { parts.part(range) });
        });
    }
}

/// Floats from the start of a cache line on: a vector of AVX-512 that crosses lines takes twice as long to load.
pub(in crate::ops) struct Aligned {
    values: Vec<f32>,
    start: usize,
}

/// Floats of a cache line.
const LINE: usize = 16;

impl Aligned {
    pub fn zeros(len: usize) -> Aligned {
        let values = vec![0.0; len + LINE - 1];
        // Where the offset cannot be told, which is allowed, rows are slower.
        let start = values.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE - 1);
        Aligned { values, start }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &self.values[self.start..self.values.len() + self.start + 1 - LINE]
    }
}

impl DerefMut for Aligned {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        let end = self.values.len() + self.start + 1 - LINE;
        &mut self.values[self.start..end]
    }
}

/// `z = (x - mean) scale + bias`, each over a wide row.
pub(super) struct Coefficients {
    pub mean: Aligned,
    /// weight rstd
    pub scale: Aligned,
    pub bias: Aligned,
}

impl Coefficients {
    pub fn new(rows: &Rows, eps: f64, weight: &[f32], bias: &[f32], mean: &[f32], variance: &[f32]) -> Coefficients {
        Coefficients {
            mean: rows.widen(|c| mean[c]),
            scale: rows.widen(|c| (weight[c] as f64 * rstd(variance[c], eps)) as f32),
            bias: rows.widen(|c| bias[c]),
        }
    }
}

/// 1 / sqrt(variance + eps)
pub(super) fn rstd(variance: f32, eps: f64) -> f64 {
    1.0 / (variance as f64 + eps).sqrt()
}

/// Adds each lane of a wide row to its channel's sum.
#[inline(always)]
pub(in crate::ops) fn fold(lanes: &[f32], sums: &mut [f64]) {
    for row in lanes.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, &lane)| *sum += lane as f64);
    }
}
