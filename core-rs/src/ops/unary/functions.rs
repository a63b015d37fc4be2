//! The functions: definition and vectorised form of each, one line a row.

use super::{Elementwise, Function};
use crate::cpu::isa::Isa;
use crate::cpu::math;
use crate::dtype::{Float, Stored};
use crate::error::Result;
use crate::ops::Params;
use crate::ops::activation::{Activation, sigmoid, softplus};

/// y = f(x)
#[inline(always)]
fn map<S: Stored>(x: &[S], y: &mut [S], f: impl Fn(f32) -> f32) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = S::round(f(x.widen())));
}

/// y = f(x, dy)
#[inline(always)]
fn map2<S: Stored>(x: &[S], dy: &[S], y: &mut [S], f: impl Fn(f32, f32) -> f32) {
    y.iter_mut().zip(x.iter().zip(dy)).for_each(|(y, (x, dy))| *y = S::round(f(x.widen(), dy.widen())));
}

/// Rows without parameters: `Name(x): definition; vectorised` or, for gradients, `Name(x, dy): …`.
macro_rules! functions {
    ($($name:ident($x:ident $(, $dy:ident)?): $value:expr; <$arch:ident> $fast:expr;)*) => {$(
        pub struct $name;

        impl Function for $name {
            const INPUTS: usize = 1 $(+ functions!(@one $dy))?;

            fn parse(_params: &mut Params) -> Result<Self> {
                Ok($name)
            }

            #[allow(unused_variables)]
            fn value<T: Float>(&self, $x: T, dy: T) -> T {
                $(let $dy = dy;)?
                $value
            }

            fn slice<S: Stored>(&self, isa: Isa, x: &[S], dy: &[S], y: &mut [S]) {
                multiversion! {
                    fn run<$arch, S: Stored>(x: &[S], dy: &[S], y: &mut [S]) {
                        functions!(@loop $x $(, $dy)?; x, dy, y; $fast)
                    }
                }
                run(isa, x, dy, y);
            }
        }
    )*};
    (@one $dy:ident) => { 1 };
    (@loop $x:ident; $xs:ident, $dys:ident, $ys:ident; $fast:expr) => {{
        let _ = $dys;
        map($xs, $ys, |$x| $fast)
    }};
    (@loop $x:ident, $dy:ident; $xs:ident, $dys:ident, $ys:ident; $fast:expr) => {
        map2($xs, $dys, $ys, |$x, $dy| $fast)
    };
}

functions! {
    ReluOf(x): Activation::Relu.apply(x); <A> if x > 0.0 || x.is_nan() { x } else { 0.0 };
    ReluSlope(x, dy): Activation::Relu.back(x, dy); <A> if x <= 0.0 { 0.0 } else { dy };
    MishOf(x): Activation::Mish.apply(x); <A> math::mish::<A>(x);
    MishSlope(x, dy): Activation::Mish.derivative(x) * dy; <A> math::mish_grad::<A>(x) * dy;
    SiluOf(x): Activation::Silu.apply(x); <A> math::silu::<A>(x);
    SiluSlope(x, dy): Activation::Silu.derivative(x) * dy; <A> math::silu_grad::<A>(x) * dy;
    GeluOf(x): Activation::Gelu.apply(x); <A> math::gelu::<A>(x);
    GeluSlope(x, dy): Activation::Gelu.derivative(x) * dy; <A> math::gelu_grad::<A>(x) * dy;
    SigmoidOf(x): Activation::Sigmoid.apply(x); <A> math::sigmoid::<A>(x);
    SigmoidSlope(x, dy): Activation::Sigmoid.derivative(x) * dy; <A> math::sigmoid_grad(math::sigmoid::<A>(x)) * dy;
    TanhOf(x): Activation::Tanh.apply(x); <A> math::tanh::<A>(x);
    TanhSlope(x, dy): Activation::Tanh.derivative(x) * dy; <A> math::tanh_grad(math::tanh::<A>(x)) * dy;
    SoftplusOf(x): softplus(x); <A> math::softplus::<A>(x);
    SoftplusSlope(x, dy): sigmoid(x) * dy; <A> math::sigmoid::<A>(x) * dy;
    ExpOf(x): x.exp(); <A> math::exp::<A>(x);
    LogOf(x): x.ln(); <A> math::log::<A>(x);
    SqrtOf(x): x.sqrt(); <A> x.sqrt();
    AbsOf(x): x.abs(); <A> x.abs();
    SignOf(x): sign(x); <A> if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { 0.0 };
}

/// -1, 0 or 1; of NaN it is 0, as in PyTorch.
fn sign<T: Float>(x: T) -> T {
    match () {
        _ if x > T::ZERO => T::ONE,
        _ if x < T::ZERO => -T::ONE,
        _ => T::ZERO,
    }
}

pub struct AffineOf {
    scale: f64,
    shift: f64,
}

impl Function for AffineOf {
    const INPUTS: usize = 1;

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(AffineOf { scale: params.f64("scale")?, shift: params.f64("shift")? })
    }

    fn numbers(&self) -> [f64; 2] {
        [self.scale, self.shift]
    }

    fn value<T: Float>(&self, x: T, _dy: T) -> T {
        x * T::from_f64(self.scale) + T::from_f64(self.shift)
    }

    fn slice<S: Stored>(&self, isa: Isa, x: &[S], _dy: &[S], y: &mut [S]) {
        multiversion! {
            fn run<A, S: Stored>(x: &[S], scale: f32, shift: f32, y: &mut [S]) {
                map(x, y, |x| A::madd(x, scale, shift));
            }
        }
        run(isa, x, self.scale as f32, self.shift as f32, y);
    }
}

pub struct PowerOf {
    exponent: f64,
}

impl Function for PowerOf {
    const INPUTS: usize = 1;

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(PowerOf { exponent: params.f64("exponent")? })
    }

    fn numbers(&self) -> [f64; 2] {
        [self.exponent, 0.0]
    }

    fn value<T: Float>(&self, x: T, _dy: T) -> T {
        match self.exponent {
            // Of -Infinity and -0 the general power is +Infinity and 0; a root is none and keeps the sign, as in PyTorch.
            0.5 => x.sqrt(),
            -0.5 => T::ONE / x.sqrt(),
            exponent => x.powf(T::from_f64(exponent)),
        }
    }

    fn slice<S: Stored>(&self, _isa: Isa, x: &[S], _dy: &[S], y: &mut [S]) {
        // A general power does not vectorise; the exponents that occur in networks do.
        match self.exponent {
            1.0 => y.copy_from_slice(x),
            2.0 => map(x, y, |x| x * x),
            3.0 => map(x, y, |x| x * x * x),
            -1.0 => map(x, y, |x| 1.0 / x),
            0.5 => map(x, y, |x| x.sqrt()),
            -0.5 => map(x, y, |x| 1.0 / x.sqrt()),
            _ => map(x, y, |x| x.powf(self.exponent as f32)),
        }
    }
}

/// Limits of a clamp; with the upstream gradient where `SLOPE` is set.
pub struct Limits<const SLOPE: bool> {
    low: f64,
    high: f64,
}

impl<const SLOPE: bool> Function for Limits<SLOPE> {
    const INPUTS: usize = 1 + SLOPE as usize;

    fn parse(params: &mut Params) -> Result<Self> {
        let (low, high) = (params.f64("low")?, params.f64("high")?);
        if low > high {
            return Err(crate::error::Error::argument(
                params.op(),
                format!("Expected low <= high, got {low} and {high}"),
            ));
        }
        Ok(Limits { low, high })
    }

    fn numbers(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    fn value<T: Float>(&self, x: T, dy: T) -> T {
        let (low, high) = (T::from_f64(self.low), T::from_f64(self.high));
        match SLOPE {
            true if x > low && x < high => dy,
            true => T::ZERO,
            false if x < low => low,
            false if x > high => high,
            false => x,
        }
    }

    fn slice<S: Stored>(&self, isa: Isa, x: &[S], dy: &[S], y: &mut [S]) {
        multiversion! {
            fn value<A, S: Stored>(x: &[S], low: f32, high: f32, y: &mut [S]) {
                map(x, y, |x| if x < low { low } else if x > high { high } else { x });
            }
        }
        multiversion! {
            fn slope<A, S: Stored>(x: &[S], dy: &[S], low: f32, high: f32, y: &mut [S]) {
                map2(x, dy, y, |x, dy| if x > low && x < high { dy } else { 0.0 });
            }
        }
        let (low, high) = (self.low as f32, self.high as f32);
        if SLOPE { slope(isa, x, dy, low, high, y) } else { value(isa, x, low, high, y) }
    }
}

/// A line with a bend at 0; times the upstream gradient, its slope, where `SLOPE` is set.
pub struct Leaky<const SLOPE: bool> {
    negative_slope: f64,
}

impl<const SLOPE: bool> Function for Leaky<SLOPE> {
    const INPUTS: usize = 1 + SLOPE as usize;

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Leaky { negative_slope: params.f64("negativeSlope")? })
    }

    fn numbers(&self) -> [f64; 2] {
        [self.negative_slope, 0.0]
    }

    fn value<T: Float>(&self, x: T, dy: T) -> T {
        let y = if SLOPE { dy } else { x };
        if x > T::ZERO { y } else { y * T::from_f64(self.negative_slope) }
    }

    fn slice<S: Stored>(&self, isa: Isa, x: &[S], dy: &[S], y: &mut [S]) {
        multiversion! {
            fn value<A, S: Stored>(x: &[S], slope: f32, y: &mut [S]) {
                map(x, y, |x| if x > 0.0 { x } else { x * slope });
            }
        }
        multiversion! {
            fn slope<A, S: Stored>(x: &[S], dy: &[S], slope: f32, y: &mut [S]) {
                map2(x, dy, y, |x, dy| if x > 0.0 { dy } else { dy * slope });
            }
        }
        let negative = self.negative_slope as f32;
        if SLOPE { slope(isa, x, dy, negative, y) } else { value(isa, x, negative, y) }
    }
}

/// The types that the op table names.
pub type Affine = Elementwise<AffineOf>;
pub type Power = Elementwise<PowerOf>;
pub type LeakyRelu = Elementwise<Leaky<false>>;
pub type LeakyReluBackward = Elementwise<Leaky<true>>;
pub type Clamp = Elementwise<Limits<false>>;
pub type ClampBackward = Elementwise<Limits<true>>;
