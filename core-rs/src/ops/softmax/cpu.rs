//! Rows over fixed chunks of the pool. As a row is gone over several times, chunks of bf16 are computed on f32 copies.

use super::row;
use crate::cpu::CpuContext;
use crate::cpu::convert::in_f32;
use crate::cpu::math;
use crate::cpu::pool::for_each_chunk_mut;
use crate::dtype::Stored;

/// Elements a chunk; an exponential each takes a nanosecond.
const CHUNK: usize = 16 * 1024;

/// Elements of a chunk of whole rows.
pub(in crate::ops) fn chunk(size: usize) -> usize {
    (CHUNK / size).max(1) * size
}

/// Defines `$name(context, size, inputs, out)`, which runs `$row` over the rows of a chunk.
macro_rules! by_rows {
    ($(fn $name:ident<$arch:ident>($($input:ident),+; $out:ident) $row:block)*) => {$(
        pub(super) fn $name<S: Stored>(context: &CpuContext, size: usize, $($input: &[S],)+ $out: &mut [S]) {
            multiversion! {
                fn run<$arch>(size: usize, $($input: &[f32],)+ out: &mut [f32]) {
                    for (i, $out) in out.chunks_mut(size).enumerate() {
                        $(let $input = &$input[i * size..][..size];)+
                        $row
                    }
                }
            }
            let chunk = chunk(size);
            for_each_chunk_mut(&context.pool, $out, chunk, |i, out| {
                let inputs = [$(&$input[i * chunk..][..out.len()]),+];
                in_f32(context.isa, inputs, out, |[$($input),+], out| run(context.isa, size, $($input,)+ out));
            });
        }
    )*};
}

by_rows! {
    fn softmax<A>(x; y) {
        let max = row::max(x);
        row::map(x, y, |x| math::exp::<A>(x - max));
        let scale = (1.0 / row::sum(y, 0.0, |e| e)) as f32;
        y.iter_mut().for_each(|y| *y *= scale);
    }

    fn log_softmax<A>(x; y) {
        let max = row::max(x);
        let log_sum = row::sum(x, f32::NEG_INFINITY, |x| math::exp::<A>(x - max)).ln() as f32;
        row::map(x, y, |x| (x - max) - log_sum);
    }

    fn softmax_backward<A>(y, dy; dx) {
        let dot = row::sum2(y, dy, 0.0, |y, dy| y * dy) as f32;
        row::map2(y, dy, dx, |y, dy| y * (dy - dot));
    }

    fn log_softmax_backward<A>(y, dy; dx) {
        let total = row::sum(dy, 0.0, |dy| dy) as f32;
        row::map2(y, dy, dx, |y, dy| A::madd(-math::exp::<A>(y), total, dy));
    }
}
