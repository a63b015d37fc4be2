//! Element types.

pub mod bf16;

use crate::cpu::isa::Isa;
pub use bf16::Bf16;
use std::fmt;

/// Codes are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Dtype {
    F32 = 0,
    F64 = 1,
    Bf16 = 2,
    I32 = 3,
    U8 = 4,
}

impl Dtype {
    /// Every dtype, with its name in TypeScript.
    pub const ALL: [Dtype; 5] = [Dtype::F32, Dtype::F64, Dtype::Bf16, Dtype::I32, Dtype::U8];

    pub fn from_code(code: u32) -> Option<Dtype> {
        Self::ALL.into_iter().find(|dtype| *dtype as u32 == code)
    }

    /// Bytes an element.
    pub fn size(self) -> usize {
        match self {
            Dtype::F32 | Dtype::I32 => 4,
            Dtype::F64 => 8,
            Dtype::Bf16 => 2,
            Dtype::U8 => 1,
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Dtype::F32 | Dtype::F64 | Dtype::Bf16)
    }

    /// What sums, statistics and losses of a float dtype are kept in: f32 for bf16, else the dtype itself.
    pub fn wide(self) -> Dtype {
        if self == Dtype::Bf16 { Dtype::F32 } else { self }
    }

    pub fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
            Dtype::Bf16 => "bf16",
            Dtype::I32 => "i32",
            Dtype::U8 => "u8",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that a tensor can hold.
pub trait Element: Copy + Send + Sync + PartialOrd + fmt::Debug + 'static {
    const DTYPE: Dtype;
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($type:ty, $dtype:expr) => {
        impl Element for $type {
            const DTYPE: Dtype = $dtype;
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    };
}
element!(f32, Dtype::F32);
element!(f64, Dtype::F64);
element!(i32, Dtype::I32);
element!(u8, Dtype::U8);

impl Element for Bf16 {
    const DTYPE: Dtype = Dtype::Bf16;
    /// Through f32, as PyTorch and GPUs convert.
    fn from_f64(value: f64) -> Self {
        Bf16::round(value as f32)
    }
    fn to_f64(self) -> f64 {
        self.widen() as f64
    }
}

/// What tensors hold that kernels of the CPU compute in f32: read as f32, and rounded once as it is written.
///
/// Kernels are generic over it and convert inside their loops, so that 16 bits a number go through memory for bf16.
pub trait Stored: Element {
    fn widen(self) -> f32;
    fn round(value: f32) -> Self;

    /// The same numbers, where they are stored as f32.
    fn as_f32(values: &[Self]) -> Option<&[f32]>;
    fn as_f32_mut(values: &mut [Self]) -> Option<&mut [f32]>;
    /// The same numbers, where they are stored as bf16.
    fn as_bf16(values: &[Self]) -> Option<&[Bf16]>;

    /// [`Stored::widen`] of each.
    fn widen_all(isa: Isa, x: &[Self], y: &mut [f32]);
    /// [`Stored::round`] of each.
    fn round_all(isa: Isa, x: &[f32], y: &mut [Self]);
}

impl Stored for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
    #[inline(always)]
    fn round(value: f32) -> f32 {
        value
    }
    fn as_f32(values: &[f32]) -> Option<&[f32]> {
        Some(values)
    }
    fn as_f32_mut(values: &mut [f32]) -> Option<&mut [f32]> {
        Some(values)
    }
    fn as_bf16(_values: &[f32]) -> Option<&[Bf16]> {
        None
    }
    fn widen_all(_isa: Isa, x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(x);
    }
    fn round_all(_isa: Isa, x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(x);
    }
}

impl Stored for Bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        Bf16::widen(self)
    }
    #[inline(always)]
    fn round(value: f32) -> Bf16 {
        Bf16::round(value)
    }
    fn as_f32(_values: &[Bf16]) -> Option<&[f32]> {
        None
    }
    fn as_f32_mut(_values: &mut [Bf16]) -> Option<&mut [f32]> {
        None
    }
    fn as_bf16(values: &[Bf16]) -> Option<&[Bf16]> {
        Some(values)
    }
    fn widen_all(isa: Isa, x: &[Bf16], y: &mut [f32]) {
        bf16::widen_all(isa, x, y);
    }
    fn round_all(isa: Isa, x: &[f32], y: &mut [Bf16]) {
        bf16::round_all(isa, x, y);
    }
}

/// The arithmetic that reference kernels are written in.
pub trait Float:
    Element
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::iter::Sum
{
    const ZERO: Self;
    const ONE: Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn tanh(self) -> Self;
    fn sqrt(self) -> Self;
    fn powf(self, exponent: Self) -> Self;
    fn abs(self) -> Self;
    fn is_finite(self) -> bool;
    fn is_nan(self) -> bool;
}

macro_rules! float {
    ($type:ty) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            fn exp(self) -> Self {
                <$type>::exp(self)
            }
            fn ln(self) -> Self {
                <$type>::ln(self)
            }
            fn ln_1p(self) -> Self {
                <$type>::ln_1p(self)
            }
            fn tanh(self) -> Self {
                <$type>::tanh(self)
            }
            fn sqrt(self) -> Self {
                <$type>::sqrt(self)
            }
            fn powf(self, exponent: Self) -> Self {
                <$type>::powf(self, exponent)
            }
            fn abs(self) -> Self {
                <$type>::abs(self)
            }
            fn is_finite(self) -> bool {
                <$type>::is_finite(self)
            }
            fn is_nan(self) -> bool {
                <$type>::is_nan(self)
            }
        }
    };
}
float!(f32);
float!(f64);
