//! What the kernels need of a vector beyond arithmetic: each group's lanes filled with one of its channels.

use crate::cpu::gemm::microkernel::{PairVector, Pairs, Vector};

/// A vector over the channels of several groups.
pub trait Lanes: Vector {
    /// Lane l becomes lane i of the group of `WIDTH` lanes that l is in. `WIDTH` is 2, 4 or 8, less than `LANES`.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn fill_groups<const WIDTH: usize>(self, i: usize) -> Self;
}

/// A vector of words, which are pairs of the channels of several groups.
pub trait WordLanes: Vector {
    /// Lane l becomes word i of the `WIDTH / 2` words of the group whose `WIDTH` lanes l is in.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn spread_words<const WIDTH: usize>(self, i: usize) -> Self;
}

impl<V: PairVector + WordLanes> Lanes for Pairs<V> {
    #[inline(always)]
    unsafe fn fill_groups<const WIDTH: usize>(self, i: usize) -> Self {
        // SAFETY: passed on to the caller.
        self.map(|words| unsafe { words.spread_words::<WIDTH>(i) })
    }
}

#[cfg(test)]
impl<const N: usize> WordLanes for [f32; N] {
    #[inline(always)]
    unsafe fn spread_words<const WIDTH: usize>(self, i: usize) -> Self {
        std::array::from_fn(|lane| self[lane / WIDTH * (WIDTH / 2) + i])
    }
}

impl<const N: usize> Lanes for [f32; N] {
    #[inline(always)]
    unsafe fn fill_groups<const WIDTH: usize>(self, i: usize) -> Self {
        std::array::from_fn(|lane| self[(lane / WIDTH * WIDTH + i) % N])
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, WordLanes};
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

    impl WordLanes for __m512 {
        #[inline(always)]
        unsafe fn spread_words<const WIDTH: usize>(self, i: usize) -> Self {
            // SAFETY: the trait's contract is that the caller has AVX-512 F.
            unsafe {
                let starts = match WIDTH {
                    2 => _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7),
                    4 => _mm512_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6),
                    _ => _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4),
                };
                _mm512_permutexvar_ps(_mm512_add_epi32(starts, _mm512_set1_epi32(i as i32)), self)
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

    #[test]
    fn words_of_groups_are_spread_over_their_lanes() {
        let words: [f32; 16] = std::array::from_fn(|i| i as f32);
        // SAFETY: plain arrays need no instruction set.
        let spread = unsafe { [words.spread_words::<2>(0), words.spread_words::<4>(1), words.spread_words::<8>(3)] };
        for (width, lanes) in [2, 4, 8].into_iter().zip(spread) {
            let i = [0, 1, 3][width / 4];
            assert_eq!(lanes, std::array::from_fn(|lane| (lane / width * (width / 2) + i) as f32));
        }
        #[cfg(target_arch = "x86_64")]
        if crate::cpu::isa::Isa::Avx512.is_supported() {
            use std::arch::x86_64::__m512;
            use std::mem::transmute;
            // SAFETY: the processor has AVX-512; both hold 16 floats.
            let same = unsafe {
                let wide: __m512 = transmute(words);
                [wide.spread_words::<2>(0), wide.spread_words::<4>(1), wide.spread_words::<8>(3)]
                    .map(|lanes| transmute::<__m512, [f32; 16]>(lanes))
            };
            assert_eq!(same, spread);
        }
    }
}
