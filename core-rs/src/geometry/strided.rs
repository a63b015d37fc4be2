//! Reading tensors with any strides, 0 where they broadcast, in the order of a contiguous output.

use crate::shape::{MAX_RANK, Shape};

/// One axis more than a tensor has, so that elements can be walked as their bytes.
const AXES: usize = MAX_RANK + 1;

/// Rows and columns that a strided copy moves at once: a cache line read is used whole, and the lines of a block fit in
/// one set of the L1 cache, where a power of two as stride puts them all.
const ROWS: usize = 16;
const COLS: usize = 8;

#[derive(Clone, Copy)]
struct Axis<const N: usize> {
    size: usize,
    strides: [usize; N],
}

/// How N inputs are read to make one output, with the axes merged that all of them walk without a break.
pub struct Walk<const N: usize> {
    axes: [Axis<N>; AXES],
}

/// Rows and columns of the output that are read with constant strides.
pub struct Tile<const N: usize> {
    pub rows: usize,
    pub cols: usize,
    /// Elements of each input before the first one.
    pub offset: [usize; N],
    pub row_stride: [usize; N],
    pub col_stride: [usize; N],
}

impl<const N: usize> Walk<N> {
    /// From the output's axes, last one first: the size and every input's stride.
    pub fn new(axes_from_last: impl IntoIterator<Item = (usize, [usize; N])>) -> Walk<N> {
        let mut axes = [Axis { size: 1, strides: [0; N] }; AXES];
        let mut at = AXES;
        for (size, strides) in axes_from_last.into_iter().filter(|&(size, _)| size != 1) {
            if at < AXES && (0..N).all(|n| strides[n] == axes[at].strides[n].saturating_mul(axes[at].size)) {
                axes[at].size *= size;
            } else {
                at -= 1;
                axes[at] = Axis { size, strides };
            }
        }
        Walk { axes }
    }

    /// Inputs that broadcast to a shape.
    pub fn broadcast(output: Shape, inputs: [Shape; N]) -> Walk<N> {
        let strides = inputs.map(|input| broadcast_strides(input, output));
        Walk::new((0..output.rank()).rev().map(|axis| (output.dims()[axis], strides.map(|s| s[axis]))))
    }

    /// The merged axes that are longer than 1, from the last one, with every input's stride.
    pub fn axes(&self) -> impl Iterator<Item = (usize, [usize; N])> {
        self.axes.iter().rev().map(|axis| (axis.size, axis.strides)).filter(|&(size, _)| size != 1)
    }

    /// Elements of the innermost axis, after merging.
    pub fn cols(&self) -> usize {
        self.axes[AXES - 1].size
    }

    /// Cuts `y`, which begins at element `start` of the output, into tiles.
    pub fn tiles<T>(&self, start: usize, mut y: &mut [T], mut f: impl FnMut(Tile<N>, &mut [T])) {
        let ([.., outer_rows, outer_cols], mut at) = (self.axes, start);
        while !y.is_empty() {
            let (row, col) = (at / outer_cols.size, at % outer_cols.size);
            // A row cut by the range's ends is a tile of its own.
            let (rows, cols) = if col > 0 || y.len() < outer_cols.size {
                (1, y.len().min(outer_cols.size - col))
            } else {
                ((y.len() / outer_cols.size).min(outer_rows.size - row % outer_rows.size), outer_cols.size)
            };
            let (mut index, mut offset) = (row, outer_cols.strides.map(|stride| stride * col));
            for axis in self.axes[..AXES - 1].iter().rev() {
                let here = index % axis.size;
                index /= axis.size;
                (0..N).for_each(|n| offset[n] += here * axis.strides[n]);
            }
            let (part, rest) = y.split_at_mut(rows * cols);
            let (row_stride, col_stride) = (outer_rows.strides, outer_cols.strides);
            f(Tile { rows, cols, offset, row_stride, col_stride }, part);
            (y, at) = (rest, at + rows * cols);
        }
    }
}

impl Tile<1> {
    /// Copies the tile out of `x`.
    pub fn copy<T: Copy>(&self, x: &[T], y: &mut [T]) {
        let ([row_stride], [col_stride]) = (self.row_stride, self.col_stride);
        let x = &x[self.offset[0]..];
        match col_stride {
            0 => y.chunks_exact_mut(self.cols).enumerate().for_each(|(row, y)| y.fill(x[row * row_stride])),
            1 => y
                .chunks_exact_mut(self.cols)
                .enumerate()
                .for_each(|(row, y)| y.copy_from_slice(&x[row * row_stride..][..self.cols])),
            _ => {
                for (block, y) in y.chunks_mut(ROWS * self.cols).enumerate() {
                    for first in (0..self.cols).step_by(COLS) {
                        for (row, y) in y.chunks_exact_mut(self.cols).enumerate() {
                            let end = (first + COLS).min(self.cols);
                            let x = &x[(block * ROWS + row) * row_stride + first * col_stride..];
                            y[first..end].iter_mut().zip(x.iter().step_by(col_stride)).for_each(|(y, &x)| *y = x);
                        }
                    }
                }
            }
        }
    }
}

/// Row-major strides in elements, of the first `rank` axes.
pub fn strides(shape: Shape) -> [usize; MAX_RANK] {
    let mut strides = [1usize; MAX_RANK];
    for axis in (1..shape.rank()).rev() {
        // Saturating: beside an axis of size 0 the others may be anything.
        strides[axis - 1] = strides[axis].saturating_mul(shape.dims()[axis]);
    }
    strides
}

/// The strides of an input along the axes of the output that it broadcasts to.
pub fn broadcast_strides(input: Shape, output: Shape) -> [usize; MAX_RANK] {
    let (own, added) = (strides(input), output.rank() - input.rank());
    let mut along = [0; MAX_RANK];
    for (axis, &size) in input.dims().iter().enumerate() {
        along[added + axis] = if size == 1 { 0 } else { own[axis] };
    }
    along
}

/// Runs an expression with `$T` as the Rust type of a dtype.
macro_rules! for_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::Dtype::F32 => {
                type $T = f32;
                $body
            }
            $crate::dtype::Dtype::F64 => {
                type $T = f64;
                $body
            }
            $crate::dtype::Dtype::Bf16 => {
                type $T = $crate::dtype::Bf16;
                $body
            }
            $crate::dtype::Dtype::I32 => {
                type $T = i32;
                $body
            }
            $crate::dtype::Dtype::U8 => {
                type $T = u8;
                $body
            }
        }
    };
}
pub(crate) use for_dtype;
