//! AVX2 and FMA: tiles of 6 x 16, which fill 12 of the 16 registers with C.

use super::microkernel::{Kernels, Tile, Vector, kernels, tile};
use std::arch::x86_64::{
    __m256, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

pub static KERNELS: Kernels = kernels!(kernel, Avx2, pairs: false, mr: 6, lanes: 8, kc: 384, [1 2 3 4 5 6 6 6 6 6 6 6]);

#[target_feature(enable = "avx2,fma")]
unsafe fn kernel<const MR: usize, const NV: usize, const PANEL: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<__m256, MR, NV, PANEL>(t) }
}

// SAFETY (of every block below): the trait's contract is that the caller has AVX2 and FMA.
impl Vector for __m256 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above; the address is the caller's promise.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above; the address is the caller's promise.
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }
}
