//! Blur pooling as a separable filter; the gradient is the same with both axes transposed.

use super::{BlurShape, filter};
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::cpu::separable::{Axis, Separable};
use crate::dtype::Stored;

/// The filter of one axis of `size`, as what each of its `out` results reads.
fn axis(s: &BlurShape, size: usize, out: usize) -> Axis {
    let weights = filter(s.taps);
    Axis::new(
        size,
        (0..out).map(|o| {
            weights.iter().enumerate().filter_map(move |(tap, &weight)| Some((s.source(size, o, tap)?, weight)))
        }),
    )
}

/// The filter of both axes.
pub fn separable(s: &BlurShape) -> Separable {
    Separable { rows: axis(s, s.h, s.oh), cols: axis(s, s.w, s.ow), c: s.c }
}

pub fn forward<S: Stored>(isa: Isa, pool: &ThreadPool, s: &BlurShape, x: &[S], y: &mut [S]) {
    if !y.is_empty() {
        separable(s).apply(isa, pool, x, y);
    }
}

pub fn backward<S: Stored>(isa: Isa, pool: &ThreadPool, s: &BlurShape, dy: &[S], dx: &mut [S]) {
    if !dx.is_empty() {
        separable(s).transposed().apply(isa, pool, dy, dx);
    }
}
