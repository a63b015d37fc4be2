//! Resampling as a separable filter.

use super::Plan;
use super::rule::Line;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::cpu::separable::{Axis, Separable};
use crate::dtype::Stored;

/// The sums of an axis.
pub(super) fn axis(line: &Line) -> Axis {
    Axis::new(line.size, (0..line.results).map(|result| line.terms(result)))
}

fn separable(p: &Plan) -> Separable {
    Separable { rows: axis(&p.rows), cols: axis(&p.columns), c: p.c }
}

pub(super) fn forward<S: Stored>(isa: Isa, pool: &ThreadPool, p: &Plan, x: &[S], y: &mut [S]) {
    if !y.is_empty() {
        separable(p).apply(isa, pool, x, y);
    }
}

pub(super) fn backward<S: Stored>(isa: Isa, pool: &ThreadPool, p: &Plan, dy: &[S], dx: &mut [S]) {
    if !dx.is_empty() {
        separable(p).transposed().apply(isa, pool, dy, dx);
    }
}
