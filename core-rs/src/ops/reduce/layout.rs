//! Shapes with neighbouring axes merged around the reduced ones.

use crate::shape::{MAX_RANK, Shape};

/// x as [outer, count, inner], of which `count` is reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub outer: usize,
    pub count: usize,
    pub inner: usize,
}

impl Layout {
    /// None where the reduced axes are not neighbours (axes of size 1 aside).
    pub fn new(shape: Shape, reduced: [bool; MAX_RANK]) -> Option<Layout> {
        let mut layout = Layout { outer: 1, count: 1, inner: 1 };
        let (mut counting, mut done) = (false, false);
        for (axis, &dim) in shape.dims().iter().enumerate().filter(|&(_, &dim)| dim != 1) {
            match (reduced[axis], counting) {
                (true, _) if done => return None,
                (true, _) => (counting, layout.count) = (true, layout.count * dim),
                (false, true) => (done, layout.inner) = (true, layout.inner * dim),
                (false, false) => layout.outer *= dim,
            }
        }
        Some(layout)
    }

    pub fn outputs(&self) -> usize {
        self.outer * self.inner
    }
}
