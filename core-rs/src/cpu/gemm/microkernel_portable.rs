//! Plain arrays as vectors: tiles of 4 x 8, which LLVM keeps in 8 of SSE2's 16 registers.

use super::microkernel::{Kernels, Tile, Vector, kernels, tile};

pub static KERNELS: Kernels =
    kernels!(kernel, Portable, pairs: false, mr: 4, lanes: 4, kc: 256, [1 2 3 4 4 4 4 4 4 4 4 4]);

unsafe fn kernel<const MR: usize, const NV: usize, const PANEL: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<[f32; 4], MR, NV, PANEL>(t) }
}

impl<const N: usize> Vector for [f32; N] {
    const LANES: usize = N;

    #[inline(always)]
    unsafe fn zero() -> Self {
        [0.0; N]
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        [x; N]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the address.
        unsafe { from.cast::<Self>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for the address.
        unsafe { to.cast::<Self>().write_unaligned(self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|i| self[i] + a[i] * b[i])
    }
}

/// Tiles of 12 x 32, the geometry of AVX-512, for tests on processors without it.
#[cfg(test)]
pub static WIDE: Kernels = {
    unsafe fn kernel<const MR: usize, const NV: usize, const PANEL: bool>(t: &Tile) {
        // SAFETY: passed on to the caller.
        unsafe { tile::<[f32; 16], MR, NV, PANEL>(t) }
    }
    kernels!(kernel, Portable, pairs: false, mr: 12, lanes: 16, kc: 256, [1 2 3 4 5 6 7 8 9 10 11 12])
};
