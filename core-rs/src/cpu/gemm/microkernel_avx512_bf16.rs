//! AVX512_BF16: the tiles of AVX-512, a step of which takes two bf16 of the reduction by `vdpbf16ps`.

use super::microkernel::{Kernels, PairVector, Pairs, Tile, kernels, tile};
use std::arch::x86_64::{__m512, __m512bh, _mm512_dpbf16_ps};
use std::mem::transmute;

pub static KERNELS: Kernels =
    kernels!(kernel, Avx512Bf16, pairs: true, mr: 12, lanes: 16, kc: 384, [1 2 3 4 5 6 7 8 9 10 11 12]);

#[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn kernel<const MR: usize, const NV: usize, const PANEL: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<Pairs<__m512>, MR, NV, PANEL>(t) }
}

impl PairVector for __m512 {
    #[inline(always)]
    unsafe fn add_pairs(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller has AVX512_BF16; 16 words and 32 bf16 are the same 512 bits.
        unsafe { _mm512_dpbf16_ps(self, transmute::<__m512, __m512bh>(a), transmute::<__m512, __m512bh>(b)) }
    }
}
