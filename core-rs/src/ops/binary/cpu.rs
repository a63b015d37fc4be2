//! Binary ops over fixed chunks of the output, cut into tiles with constant strides.

use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::geometry::strided::{Tile, Walk};
use crate::shape::Shape;

/// Elements a chunk: at most 64 KiB an operand, so that three fit in the L2 cache.
const CHUNK: usize = 16 * 1024;

/// Elements to which a short vector is repeated.
const WIDE: usize = 256;

/// `shapes` are the output's and the inputs'; `f` makes one tile.
pub fn run<T: Sync, U: Send>(
    pool: &ThreadPool,
    shapes: (Shape, [Shape; 2]),
    a: &[T],
    b: &[T],
    y: &mut [U],
    f: impl Fn(&Tile<2>, &[T], &[T], &mut [U]) + Sync,
) {
    let walk = Walk::broadcast(shapes.0, shapes.1);
    for_each_chunk_mut(pool, y, CHUNK, |chunk, y| walk.tiles(chunk * CHUNK, y, |tile, y| f(&tile, a, b, y)));
}

/// One tile; inlined into the copy of every instruction set.
#[inline(always)]
pub fn tile<T: Copy, U>(tile: &Tile<2>, a: &[T], b: &[T], y: &mut [U], f: impl Fn(T, T) -> U) {
    let cols = tile.cols;
    let (a, b) = (&a[tile.offset[0]..], &b[tile.offset[1]..]);
    if tile.rows > 1 && cols <= WIDE / 4 && tile.col_stride == [1, 1] {
        if tile.row_stride == [cols, 0] {
            return with_short(a, &b[..cols], y, f);
        } else if tile.row_stride == [0, cols] {
            return with_short(b, &a[..cols], y, |b, a| f(a, b));
        }
    }
    for (row, y) in y.chunks_exact_mut(cols).enumerate() {
        let (a, b) = (&a[row * tile.row_stride[0]..], &b[row * tile.row_stride[1]..]);
        match (tile.col_stride, a[0], b[0]) {
            ([1, 1], ..) => {
                y.iter_mut().zip(a[..cols].iter().zip(&b[..cols])).for_each(|(y, (&a, &b))| *y = f(a, b));
            }
            ([1, 0], _, b) => y.iter_mut().zip(&a[..cols]).for_each(|(y, &a)| *y = f(a, b)),
            ([0, 1], a, _) => y.iter_mut().zip(&b[..cols]).for_each(|(y, &b)| *y = f(a, b)),
            (_, a, b) => y.iter_mut().for_each(|y| *y = f(a, b)),
        }
    }
}

/// Rows of `long` with one short vector, which is repeated so that the loop fills whole registers.
#[inline(always)]
fn with_short<T: Copy, U>(long: &[T], short: &[T], y: &mut [U], f: impl Fn(T, T) -> U) {
    let mut wide = [short[0]; WIDE];
    let wide = &mut wide[..WIDE / short.len() * short.len()];
    wide.chunks_exact_mut(short.len()).for_each(|part| part.copy_from_slice(short));
    for (y, long) in y.chunks_mut(wide.len()).zip(long.chunks(wide.len())) {
        y.iter_mut().zip(long.iter().zip(&*wide)).for_each(|(y, (&a, &b))| *y = f(a, b));
    }
}
