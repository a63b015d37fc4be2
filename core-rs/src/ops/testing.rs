//! What the tests of kernels share.

use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::dtype::{Dtype, Stored};

/// Deterministic values in [-1, 1).
pub fn noise(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_769) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// The same values in f64.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// The values as a kernel is given them.
pub fn stored<S: Stored>(x: &[f32]) -> Vec<S> {
    x.iter().map(|&x| S::round(x)).collect()
}

/// The same values in f64, for the definition.
pub fn stored_wide<S: Stored>(x: &[S]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

/// Compares `run` with `want` on every instruction set, with one thread and with two: in f32 nearly exactly, in bf16
/// within the rounding of what is written.
pub fn check<S: Stored>(want: &[f64], run: impl Fn(Isa, &ThreadPool, &mut [S])) {
    let step = if S::DTYPE == Dtype::Bf16 { 1.0 / 256.0 } else { 0.0 };
    for isa in Isa::available() {
        let results = [1, 2].map(|threads| {
            let mut got = vec![S::round(f32::NAN); want.len()];
            run(isa, &ThreadPool::new(threads), &mut got);
            got.iter().map(|got| got.widen()).collect::<Vec<_>>()
        });
        assert_eq!(results[0], results[1], "threads matter: {isa:?}");
        for (i, (&got, want)) in results[0].iter().zip(want).enumerate() {
            assert!(
                (f64::from(got) - want).abs() < 2e-6 * (1.0 + want.abs()) + step * want.abs(),
                "{isa:?} at {i}: {got}, expected {want}"
            );
        }
    }
}
