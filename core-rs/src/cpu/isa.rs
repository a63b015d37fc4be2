//! Instruction sets: run-time detection, and compiling one loop for several of them.

/// An instruction set that kernels are compiled for, from least to most capable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Whatever the compilation target guarantees (SSE2 on x86-64).
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, DQ, VL, and everything in [`Isa::Avx2`].
    Avx512,
    /// [`Isa::Avx512`], with products of bf16 by `vdpbf16ps` (AVX512_BF16) instead of in f32.
    Avx512Bf16,
}

impl Isa {
    const ALL: [Isa; 4] = [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16];

    /// The most capable instruction set that this processor has.
    pub fn detect() -> Isa {
        Self::available().pop().unwrap_or(Isa::Portable)
    }

    /// Every instruction set that this processor has, least capable first.
    pub fn available() -> Vec<Isa> {
        Self::ALL.into_iter().filter(|isa| isa.is_supported()).collect()
    }

    /// Whether this processor can run code compiled for `self`.
    ///
    /// The standard library caches the CPUID answer, so this costs a few nanoseconds.
    #[inline]
    pub fn is_supported(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = || {
                avx2()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            };
            match self {
                Isa::Portable => true,
                Isa::Avx2 => avx2(),
                Isa::Avx512 => avx512(),
                Isa::Avx512Bf16 => avx512() && is_x86_feature_detected!("avx512bf16"),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Isa::Portable
        }
    }

    /// Panics unless [`Isa::is_supported`]; dispatchers call it before code that would
    /// otherwise be undefined behaviour on this processor.
    #[inline]
    pub fn assert_supported(self) {
        assert!(self.is_supported(), "this processor has no {}", self.name());
    }

    /// The name that [`Isa::parse`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Avx512Bf16 => "avx512bf16",
        }
    }

    /// Reads `portable`, `avx2`, `avx512` or `avx512bf16`, whether or not this processor has it.
    pub fn parse(name: &str) -> Option<Isa> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }
}

/// The compile-time side of an [`Isa`]: what a scalar operation should compile to.
pub trait Arch {
    /// Whether fused multiply-add is one instruction.
    const FMA: bool;

    /// `a * b + c`, fused where that is one instruction and never a library call.
    #[inline(always)]
    fn madd(a: f32, b: f32, c: f32) -> f32 {
        if Self::FMA { a.mul_add(b, c) } else { a * b + c }
    }
}

/// [`Arch`] of [`Isa::Portable`].
pub struct Portable;
/// [`Arch`] of [`Isa::Avx2`].
pub struct Avx2;
/// [`Arch`] of [`Isa::Avx512`].
pub struct Avx512;

impl Arch for Portable {
    const FMA: bool = false;
}
impl Arch for Avx2 {
    const FMA: bool = true;
}
impl Arch for Avx512 {
    const FMA: bool = true;
}

/// Compiles one function body for every [`Isa`] and dispatches on a leading `isa` argument.
///
/// The body is generic over the named [`Arch`], and over further types with one bound each, such as the
/// [`Stored`](crate::dtype::Stored) dtype of what it reads. Plain loops in it, and `#[inline(always)]`
/// functions it calls, are auto-vectorised with the instructions of each set. Arguments are
/// plain `name: Type` pairs (slices, references, scalars); a return type is optional.
/// Panics if the processor lacks the asked-for set.
///
/// ```
/// use libtrain::cpu::{isa::Isa, math};
///
/// libtrain::multiversion! {
///     /// `y[i] = exp(x[i]) * scale`
///     pub fn scaled_exp<A>(x: &[f32], scale: f32, y: &mut [f32]) {
///         for (y, &x) in y.iter_mut().zip(x) {
///             *y = math::exp::<A>(x) * scale;
///         }
///     }
/// }
///
/// let mut y = [0.0; 3];
/// scaled_exp(Isa::detect(), &[0.0; 3], 2.0, &mut y);
/// assert_eq!(y, [2.0; 3]);
/// ```
#[macro_export]
macro_rules! multiversion {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident<$arch:ident $(, $param:ident: $bound:path)*>(
            $($arg:ident: $ty:ty),* $(,)?
        ) $(-> $ret:ty)? $body:block
    ) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name<$($param: $bound),*>(isa: $crate::cpu::isa::Isa, $($arg: $ty),*) $(-> $ret)? {
            // A body without products does not use `madd`.
            #[allow(clippy::extra_unused_type_parameters)]
            #[inline(always)]
            fn body<$arch: $crate::cpu::isa::Arch $(, $param: $bound)*>($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2<$($param: $bound),*>($($arg: $ty),*) $(-> $ret)? {
                body::<$crate::cpu::isa::Avx2 $(, $param)*>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn avx512<$($param: $bound),*>($($arg: $ty),*) $(-> $ret)? {
                body::<$crate::cpu::isa::Avx512 $(, $param)*>($($arg),*)
            }

            isa.assert_supported();
            match isa {
                // SAFETY: the assertion above found these features on this processor.
                #[cfg(target_arch = "x86_64")]
                $crate::cpu::isa::Isa::Avx2 => unsafe { avx2::<$($param),*>($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::cpu::isa::Isa::Avx512 | $crate::cpu::isa::Isa::Avx512Bf16 => unsafe { avx512::<$($param),*>($($arg),*) },
                _ => body::<$crate::cpu::isa::Portable $(, $param)*>($($arg),*),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::{Bf16, Stored};

    multiversion! {
        fn dot<A>(x: &[f32], y: &[f32], start: f32) -> f32 {
            x.iter().zip(y).fold(start, |sum, (&x, &y)| A::madd(x, y, sum))
        }
    }

    multiversion! {
        /// Doubles what is stored.
        fn double<A, S: Stored>(x: &mut [S]) {
            x.iter_mut().for_each(|x| *x = S::round(A::madd(x.widen(), 2.0, 0.0)));
        }
    }

    #[test]
    fn a_body_may_have_types_of_its_own() {
        for isa in Isa::available() {
            let (mut wide, mut narrow) = ([1.5f32, -2.0], [Bf16::round(1.5), Bf16::round(-2.0)]);
            double(isa, &mut wide);
            double(isa, &mut narrow);
            assert_eq!((wide, narrow.map(Bf16::widen)), ([3.0, -4.0], [3.0, -4.0]));
        }
    }

    #[test]
    fn names_round_trip_and_detection_is_consistent() {
        for isa in Isa::ALL {
            assert_eq!(Isa::parse(isa.name()), Some(isa));
        }
        assert_eq!(Isa::parse("sse9"), None);
        assert!(Isa::available().contains(&Isa::detect()));
        assert_eq!(Isa::available()[0], Isa::Portable);
    }

    #[test]
    fn every_copy_computes_the_same() {
        for isa in Isa::available() {
            assert_eq!(dot(isa, &[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 1.0), 33.0);
        }
    }
}
