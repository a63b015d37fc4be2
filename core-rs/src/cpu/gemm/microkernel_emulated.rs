//! AVX512_BF16 emulated, so that what surrounds its kernels is tested everywhere.

use super::microkernel::{Kernels, PairVector, Pairs, Tile, kernels, tile};

/// Pairs of bf16 as `vdpbf16ps` multiplies them, for tests on processors without it but with AVX2: of each pair the second
/// element's product is added first, each by one fused operation, and denormals are 0.
pub static PAIRS: Kernels =
    kernels!(kernel, Avx2, pairs: true, mr: 12, lanes: 16, kc: 384, [1 2 3 4 5 6 7 8 9 10 11 12]);

#[target_feature(enable = "avx2,fma")]
unsafe fn kernel<const MR: usize, const NV: usize, const PANEL: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<Pairs<[f32; 16]>, MR, NV, PANEL>(t) }
}

/// A denormal number as 0 of its sign.
#[inline(always)]
fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0_f32.copysign(x) } else { x }
}

/// The first and second element of a word.
#[inline(always)]
fn halves(word: f32) -> [f32; 2] {
    [f32::from_bits(word.to_bits() << 16), f32::from_bits(word.to_bits() & 0xffff_0000)].map(flushed)
}

impl PairVector for [f32; 16] {
    #[inline(always)]
    unsafe fn add_pairs(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|i| {
            let ([a0, a1], [b0, b1]) = (halves(a[i]), halves(b[i]));
            let second = flushed(a1.mul_add(b1, flushed(self[i])));
            flushed(a0.mul_add(b0, second))
        })
    }
}
