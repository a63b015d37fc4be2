//! What the tests of kernels share.

use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;

/// Deterministic values in [-1, 1).
pub fn noise(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_769) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// The same values in f64.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Compares `run` with `want` on every instruction set, with one thread and with two.
pub fn check(want: &[f64], run: impl Fn(Isa, &ThreadPool, &mut [f32])) {
    for isa in Isa::available() {
        let results = [1, 2].map(|threads| {
            let mut got = vec![f32::NAN; want.len()];
            run(isa, &ThreadPool::new(threads), &mut got);
            got
        });
        assert_eq!(results[0], results[1], "threads matter: {isa:?}");
        for (i, (&got, want)) in results[0].iter().zip(want).enumerate() {
            assert!(
                (f64::from(got) - want).abs() < 2e-6 * (1.0 + want.abs()),
                "{isa:?} at {i}: {got}, expected {want}"
            );
        }
    }
}
