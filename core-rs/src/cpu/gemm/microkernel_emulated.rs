//! AVX512_BF16 emulated, so that what surrounds its kernels is tested everywhere.

use super::microkernel::{Kernels, Tile, Vector, by_rows, tile};
use crate::cpu::isa::Isa;

/// Pairs of bf16 as `vdpbf16ps` multiplies them, for tests on processors without it but with AVX2: of each pair the second element's
/// product is added first, each by one fused operation, and denormals are 0.
pub static PAIRS: Kernels = {
    #[target_feature(enable = "avx2,fma")]
    unsafe fn kernel<const MR: usize, const NV: usize, const PANEL: bool>(t: &Tile) {
        // SAFETY: passed on to the caller.
        unsafe { tile::<EmulatedPairs, MR, NV, PANEL>(t) }
    }
    Kernels {
        isa: Isa::Avx2,
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
    }
};

#[derive(Clone, Copy)]
struct EmulatedPairs([f32; 16]);

/// A denormal number as 0 of its sign.
#[inline(always)]
fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0_f32.copysign(x) } else { x }
}

impl EmulatedPairs {
    /// The first and second element of a word.
    #[inline(always)]
    fn halves(word: f32) -> [f32; 2] {
        [f32::from_bits(word.to_bits() << 16), f32::from_bits(word.to_bits() & 0xffff_0000)].map(flushed)
    }
}

impl Vector for EmulatedPairs {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        EmulatedPairs([0.0; 16])
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        EmulatedPairs([x; 16])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the address.
        EmulatedPairs(unsafe { Vector::load(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for the address.
        unsafe { self.0.store(to) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        EmulatedPairs(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        EmulatedPairs(std::array::from_fn(|i| {
            let ([a0, a1], [b0, b1]) = (Self::halves(a.0[i]), Self::halves(b.0[i]));
            let second = flushed(a1.mul_add(b1, flushed(self.0[i])));
            flushed(a0.mul_add(b0, second))
        }))
    }
}
