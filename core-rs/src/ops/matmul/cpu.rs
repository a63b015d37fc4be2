//! Through the packed GEMM, which reads either storage order.

use crate::cpu::gemm::{Mat, gemm_batch};
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::dtype::Stored;
use crate::shape::MatmulShape;

pub fn run<S: Stored>(isa: Isa, pool: &ThreadPool, s: &MatmulShape, a: &[S], b: &[S], y: &mut [S]) {
    let &MatmulShape { batch, m, n, k, .. } = s;
    let a = if s.transpose_a { Mat::row_major(a, m).transposed() } else { Mat::row_major(a, k) };
    let b = if s.transpose_b { Mat::row_major(b, k).transposed() } else { Mat::row_major(b, n) };
    gemm_batch(isa, pool, batch, m, n, k, (a, m * k), (b, k * n), y, false);
}
