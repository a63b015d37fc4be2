//! Whether all numbers of a slice are finite.

use crate::cpu::isa::Isa;
use crate::dtype::Float;

/// An element type that this can be asked of.
pub trait Finite: Float {
    fn all_finite(isa: Isa, values: &[Self]) -> bool;
}

impl Finite for f64 {
    fn all_finite(_isa: Isa, values: &[f64]) -> bool {
        values.iter().all(|value| value.is_finite())
    }
}

impl Finite for f32 {
    fn all_finite(isa: Isa, values: &[f32]) -> bool {
        multiversion! {
            fn largest<A>(values: &[f32]) -> u32 {
                // The exponent is all ones where a value is infinite or NaN; not stopping there keeps the loop a vector one.
                values.iter().fold(0, |largest, value| largest.max(value.to_bits() & 0x7f80_0000))
            }
        }
        largest(isa, values) < 0x7f80_0000
    }
}
