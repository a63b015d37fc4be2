//! AVX512_BF16: the tiles of AVX-512, a step of which takes two bf16 of the reduction by `vdpbf16ps`.

use super::microkernel::{Kernels, Tile, Vector, by_rows, tile};
use crate::cpu::isa::Isa;
use std::arch::x86_64::{__m512, __m512bh, _mm512_dpbf16_ps};
use std::mem::transmute;

pub static KERNELS: Kernels = Kernels {
    isa: Isa::Avx512Bf16,
    pairs: true,
    mr: 12,
    lanes: 16,
    kc: 192,
    rows: [
        by_rows!(kernel, 1, false, [1 2 3 4 5 6 7 8 9 10 11 12]),
        by_rows!(kernel, 2, false, [1 2 3 4 5 6 7 8 9 10 11 12]),
    ],
    panel: [
        by_rows!(kernel, 1, true, [1 2 3 4 5 6 7 8 9 10 11 12]),
        by_rows!(kernel, 2, true, [1 2 3 4 5 6 7 8 9 10 11 12]),
    ],
};

#[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn kernel<const MR: usize, const NV: usize, const PANEL: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<Pairs, MR, NV, PANEL>(t) }
}

/// Sums in f32, or words that are pairs of bf16.
#[derive(Clone, Copy)]
struct Pairs(__m512);

// SAFETY (of every block below): the trait's contract is that the caller has AVX512_BF16.
impl Vector for Pairs {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        Pairs(unsafe { Vector::zero() })
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: see above.
        Pairs(unsafe { Vector::splat(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above; the address is the caller's promise.
        Pairs(unsafe { Vector::load(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above; the address is the caller's promise.
        unsafe { self.0.store(to) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Pairs(unsafe { self.0.add(other.0) })
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: see above; 16 words and 32 bf16 are the same 512 bits.
        Pairs(unsafe {
            _mm512_dpbf16_ps(self.0, transmute::<__m512, __m512bh>(a.0), transmute::<__m512, __m512bh>(b.0))
        })
    }
}
