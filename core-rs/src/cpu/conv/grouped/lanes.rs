//! What the kernels need of a vector beyond arithmetic: each group's lanes filled with one of its channels.

use crate::cpu::gemm::microkernel::Vector;

/// A vector over the channels of several groups.
pub trait Lanes: Vector {
    /// Lane l becomes lane i of the group of `WIDTH` lanes that l is in. `WIDTH` is 2, 4 or 8, less than `LANES`.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn fill_groups<const WIDTH: usize>(self, i: usize) -> Self;
}

impl<const N: usize> Lanes for [f32; N] {
    #[inline(always)]
    unsafe fn fill_groups<const WIDTH: usize>(self, i: usize) -> Self {
        std::array::from_fn(|lane| self[(lane / WIDTH * WIDTH + i) % N])
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::{
        __m256, __m512, _mm256_permute_ps, _mm512_add_epi32, _mm512_permute_ps, _mm512_permutexvar_ps,
        _mm512_set1_epi32, _mm512_setr_epi32,
    };

    impl Lanes for __m256 {
        #[inline(always)]
        unsafe fn fill_groups<const WIDTH: usize>(self, i: usize) -> Self {
            // SAFETY: the trait's contract is that the caller has AVX2.
            unsafe {
                match (WIDTH, i) {
                    (2, 0) => _mm256_permute_ps::<0xa0>(self),
                    (2, _) => _mm256_permute_ps::<0xf5>(self),
                    (_, 0) => _mm256_permute_ps::<0x00>(self),
                    (_, 1) => _mm256_permute_ps::<0x55>(self),
                    (_, 2) => _mm256_permute_ps::<0xaa>(self),
                    _ => _mm256_permute_ps::<0xff>(self),
                }
            }
        }
    }

    impl Lanes for __m512 {
        #[inline(always)]
        unsafe fn fill_groups<const WIDTH: usize>(self, i: usize) -> Self {
            // SAFETY: the trait's contract is that the caller has AVX-512 F.
            unsafe {
                match (WIDTH, i) {
                    (8, _) => {
                        let starts = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8);
                        _mm512_permutexvar_ps(_mm512_add_epi32(starts, _mm512_set1_epi32(i as i32)), self)
                    }
                    (2, 0) => _mm512_permute_ps::<0xa0>(self),
                    (2, _) => _mm512_permute_ps::<0xf5>(self),
                    (_, 0) => _mm512_permute_ps::<0x00>(self),
                    (_, 1) => _mm512_permute_ps::<0x55>(self),
                    (_, 2) => _mm512_permute_ps::<0xaa>(self),
                    _ => _mm512_permute_ps::<0xff>(self),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_repeat_one_of_their_lanes() {
        let vector: [f32; 8] = std::array::from_fn(|i| i as f32);
        // SAFETY: plain arrays need no instruction set.
        let (pairs, quads) = unsafe { (vector.fill_groups::<2>(1), vector.fill_groups::<4>(2)) };
        assert_eq!(pairs, [1.0, 1.0, 3.0, 3.0, 5.0, 5.0, 7.0, 7.0]);
        assert_eq!(quads, [2.0, 2.0, 2.0, 2.0, 6.0, 6.0, 6.0, 6.0]);
    }
}
