//! The definition: every output from its elements, one after the other; also the way for reduced axes apart.

use super::Fold;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::dtype::Element;
use crate::geometry::strided::{Walk, strides};
use crate::shape::{MAX_RANK, Shape};

/// Elements of x that a chunk reads, about.
const CHUNK: usize = 16 * 1024;

pub fn run<F: Fold, T: Element>(pool: &ThreadPool, shape: Shape, reduced: [bool; MAX_RANK], x: &[T], y: &mut [T]) {
    let strides = strides(shape);
    let axes = |wanted: bool| {
        (0..shape.rank()).rev().filter(move |&axis| reduced[axis] == wanted).map(move |axis| (shape.dims()[axis], axis))
    };
    let count = axes(true).map(|(size, _)| size).product::<usize>();
    let (kept, folded) = (axes(false), axes(true).collect::<Vec<_>>());
    let kept = Walk::new(kept.map(|(size, axis)| (size, [strides[axis]])));
    let chunk = (CHUNK / count.max(1)).max(1);
    for_each_chunk_mut(pool, y, chunk, |at, y| {
        kept.tiles(at * chunk, y, |tile, y| {
            for (i, y) in y.iter_mut().enumerate() {
                let (row, col) = (i / tile.cols, i % tile.cols);
                let start = tile.offset[0] + row * tile.row_stride[0] + col * tile.col_stride[0];
                let total = (0..count).fold(F::IDENTITY, |total, element| {
                    let (mut rest, mut at) = (element, start);
                    for &(size, axis) in &folded {
                        at += rest % size * strides[axis];
                        rest /= size;
                    }
                    F::join(total, x[at].to_f64())
                });
                *y = T::from_f64(F::finish(total, count));
            }
        });
    });
}
