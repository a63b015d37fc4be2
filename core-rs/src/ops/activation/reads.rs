//! What the gradient before a fused activation is computed from.

use crate::dtype::Stored;
use std::ops::Range;

/// What is read; `residual` is empty where there is none.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Reads<'a, S> {
    pub dy: &'a [S],
    pub x: &'a [S],
    pub residual: &'a [S],
}

impl<'a, S: Stored> Reads<'a, S> {
    #[inline(always)]
    pub fn part(&self, range: Range<usize>) -> Reads<'a, S> {
        let residual = if self.residual.is_empty() { self.residual } else { &self.residual[range.clone()] };
        Reads { dy: &self.dy[range.clone()], x: &self.x[range], residual }
    }
}
