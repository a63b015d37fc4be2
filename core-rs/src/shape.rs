//! Shapes: up to six sizes, row-major, no strides.

use crate::dtype::Dtype;
use crate::error::{Error, Result};
use std::fmt;

/// The largest number of axes.
pub const MAX_RANK: usize = 6;

/// Sizes of up to [`MAX_RANK`] axes; the element count always fits in an isize of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    rank: u8,
    dims: [usize; MAX_RANK],
}

impl Shape {
    /// Checks the rank, that every size crosses the ABI as a u32, and that the byte count of the widest dtype (8 bytes) does not overflow.
    pub fn new(op: &'static str, dims: &[usize]) -> Result<Shape> {
        if dims.len() > MAX_RANK {
            return Err(Error::shape(op, format!("Expected at most {MAX_RANK} axes, got {}", dims.len())));
        }
        let bytes = dims.iter().try_fold(8usize, |product, &dim| product.checked_mul(dim));
        let wide = dims.iter().any(|&dim| dim > u32::MAX as usize);
        if wide || bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
            return Err(Error::shape(op, format!("Expected a shape that fits in memory, got {dims:?}")));
        }
        let mut shape = Shape { rank: dims.len() as u8, dims: [1; MAX_RANK] };
        shape.dims[..dims.len()].copy_from_slice(dims);
        Ok(shape)
    }

    pub fn scalar() -> Shape {
        Shape { rank: 0, dims: [1; MAX_RANK] }
    }

    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank as usize]
    }

    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Elements in all.
    pub fn len(&self) -> usize {
        self.dims().iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of the last axis; 1 for a scalar.
    pub fn last(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

/// Shape and dtype: all that a shape rule sees of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    pub shape: Shape,
    pub dtype: Dtype,
}

impl Meta {
    pub fn new(shape: Shape, dtype: Dtype) -> Meta {
        Meta { shape, dtype }
    }

    pub fn bytes(&self) -> usize {
        self.shape.len() * self.dtype.size()
    }
}

/// All sizes of a batch of products of m x k and k x n matrices, stored by rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatmulShape {
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// Whether a is stored as k x m, and b as n x k.
    pub transpose_a: bool,
    pub transpose_b: bool,
}

/// The shape that two shapes broadcast to (NumPy's rule: aligned at the last axis, sizes equal or 1).
pub fn broadcast(op: &'static str, a: Shape, b: Shape) -> Result<Shape> {
    let rank = a.rank().max(b.rank());
    let mut dims = [1; MAX_RANK];
    for (i, dim) in dims[..rank].iter_mut().enumerate() {
        let size = |s: &Shape| (i + s.rank()).checked_sub(rank).map_or(1, |axis| s.dims()[axis]);
        *dim = match (size(&a), size(&b)) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => {
                return Err(Error::shape(
                    op,
                    format!("Expected shapes that broadcast (sizes equal or 1, from the last axis), got {a} and {b}"),
                ));
            }
        };
    }
    Shape::new(op, &dims[..rank])
}
