//! bfloat16: the upper half of an f32, so its range with 8 bits of precision.

use crate::cpu::isa::Isa;
use std::cmp::Ordering;
use std::fmt;

/// A bfloat16 number, as its bits.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl Bf16 {
    /// The nearest number, of two as near the even one; NaN stays NaN.
    #[inline(always)]
    pub fn round(value: f32) -> Bf16 {
        let bits = value.to_bits();
        // A carry out of the mantissa gives the next power of two, or infinity, as it should.
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
        // The quiet bit, as the upper half alone could be that of infinity.
        let nan = bits >> 16 | 0x40;
        Bf16(if value.is_nan() { nan } else { rounded } as u16)
    }

    /// The same number.
    #[inline(always)]
    pub fn widen(self) -> f32 {
        f32::from_bits((self.0 as u32) << 16)
    }
}

impl PartialEq for Bf16 {
    fn eq(&self, other: &Bf16) -> bool {
        self.widen() == other.widen()
    }
}

impl PartialOrd for Bf16 {
    fn partial_cmp(&self, other: &Bf16) -> Option<Ordering> {
        self.widen().partial_cmp(&other.widen())
    }
}

impl fmt::Debug for Bf16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.widen().fmt(f)
    }
}

/// [`Bf16::round`] of each.
pub fn round_all(isa: Isa, x: &[f32], y: &mut [Bf16]) {
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512Bf16 {
        isa.assert_supported();
        // SAFETY: the assertion above found these features on this processor.
        return unsafe { round_by_conversion(x, y) };
    }
    round_in_steps(isa, x, y);
}

multiversion! {
    /// [`round_all`] without an instruction for it.
    fn round_in_steps<A>(x: &[f32], y: &mut [Bf16]) {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = Bf16::round(x));
    }
}

/// [`round_all`] by `vcvtneps2bf16`, which takes denormals for 0: vectors that have some are rounded in steps.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn round_by_conversion(x: &[f32], y: &mut [Bf16]) {
    use std::arch::x86_64::{__m256bh, _mm512_cvtneps_pbh, _mm512_fpclass_ps_mask, _mm512_loadu_ps};
    const DENORMAL: i32 = 0x20;
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<16>(), y.as_chunks_mut::<16>());
    for (x, y) in xs.iter().zip(ys) {
        // SAFETY: 16 floats are read.
        let vector = unsafe { _mm512_loadu_ps(x.as_ptr()) };
        if _mm512_fpclass_ps_mask::<DENORMAL>(vector) != 0 {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = Bf16::round(x));
        } else {
            // SAFETY: the vector's 16 numbers are 256 bits, as are `y`'s.
            *y = unsafe { std::mem::transmute::<__m256bh, [Bf16; 16]>(_mm512_cvtneps_pbh(vector)) };
        }
    }
    y_rest.iter_mut().zip(x_rest).for_each(|(y, &x)| *y = Bf16::round(x));
}

multiversion! {
    /// [`Bf16::widen`] of each.
    pub fn widen_all<A>(x: &[Bf16], y: &mut [f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = x.widen());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(value: f32) -> u16 {
        Bf16::round(value).0
    }

    #[test]
    fn every_number_of_16_bits_comes_back() {
        for bits in 0..=u16::MAX {
            let value = Bf16(bits).widen();
            if value.is_nan() {
                assert!(Bf16::round(value).widen().is_nan(), "{bits:#06x}");
            } else {
                assert_eq!(round(value), bits, "{bits:#06x}");
            }
        }
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        // Around 1 a step is 2^-7.
        let step = 2f32.powi(-7);
        assert_eq!(round(1.0 + 0.5 * step), 0x3f80);
        assert_eq!(round(1.0 + 1.5 * step), 0x3f82);
        assert_eq!(round(1.0 + 0.5 * step + f32::EPSILON), 0x3f81);
        assert_eq!(round(-1.0 - 1.5 * step), 0xbf82);
    }

    #[test]
    fn ends_of_the_range() {
        assert_eq!([round(f32::INFINITY), round(f32::NEG_INFINITY), round(-0.0)], [0x7f80, 0xff80, 0x8000]);
        assert_eq!(round(f32::MAX), 0x7f80);
        assert_eq!(round(Bf16(0x7f7f).widen()), 0x7f7f);
        // The smallest f32 above 0, and half of the smallest bf16 with all that is above it.
        assert_eq!([round(f32::from_bits(1)), round(f32::from_bits(0x8000)), round(f32::from_bits(0x8001))], [0, 0, 1]);
        // A NaN whose upper half is that of infinity.
        assert!(Bf16::round(f32::from_bits(0x7f80_0001)).widen().is_nan());
        assert!(Bf16::round(f32::from_bits(0xffff_ffff)).widen().is_nan());
    }

    #[test]
    fn slices_are_the_same_on_every_instruction_set() {
        let x: Vec<f32> = (0..10_007u32).map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9))).collect();
        for isa in Isa::available() {
            let (mut y, mut back) = (vec![Bf16(0); x.len()], vec![0.0; x.len()]);
            round_all(isa, &x, &mut y);
            widen_all(isa, &y, &mut back);
            for ((x, y), back) in x.iter().zip(&y).zip(&back) {
                assert_eq!((y.0, back.to_bits()), (round(*x), y.widen().to_bits()), "{x} on {}", isa.name());
            }
        }
    }
}
