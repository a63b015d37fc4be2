//! AVX-512: tiles of 12 x 32, which fill 24 of the 32 registers with C.

use super::microkernel::{Kernels, Tile, Vector, kernels, tile};
use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

pub static KERNELS: Kernels =
    kernels!(kernel, Avx512, pairs: false, mr: 12, lanes: 16, kc: 384, [1 2 3 4 5 6 7 8 9 10 11 12]);

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn kernel<const MR: usize, const NV: usize, const PANEL: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<__m512, MR, NV, PANEL>(t) }
}

// SAFETY (of every block below): the trait's contract is that the caller has AVX-512 F.
impl Vector for __m512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above; the address is the caller's promise.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above; the address is the caller's promise.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }
}
