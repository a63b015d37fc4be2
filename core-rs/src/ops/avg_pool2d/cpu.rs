//! Average pooling as a separable filter (the divisor is a product of one factor an axis); the gradient is the same
//! with both axes transposed.

use super::divisor;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::cpu::separable::{Axis, Separable};
use crate::dtype::Stored;
use crate::ops::window::{PoolAxis, PoolShape};

fn axis(axis: &PoolAxis, count_pad: bool) -> Axis {
    Axis::new(
        axis.size,
        (0..axis.out).map(|out| {
            let weight = 1.0 / divisor(axis, out, count_pad) as f64;
            axis.window(out).map(move |source| (source, weight))
        }),
    )
}

fn separable(s: &PoolShape, count_pad: bool) -> Separable {
    Separable { rows: axis(&s.rows, count_pad), cols: axis(&s.cols, count_pad), c: s.c }
}

pub fn forward<S: Stored>(isa: Isa, pool: &ThreadPool, s: &PoolShape, count_pad: bool, x: &[S], y: &mut [S]) {
    if !y.is_empty() {
        separable(s, count_pad).apply(isa, pool, x, y);
    }
}

pub fn backward<S: Stored>(isa: Isa, pool: &ThreadPool, s: &PoolShape, count_pad: bool, dy: &[S], dx: &mut [S]) {
    if !dx.is_empty() {
        separable(s, count_pad).transposed().apply(isa, pool, dy, dx);
    }
}
