//! Branch-free scalar functions that vectorise inside [`multiversion!`](crate::multiversion).
//!
//! Selections are written `if x > hi { hi } else { x }`, never `f32::min`: the comparison is
//! false for NaN, so NaN passes through, and the whole compiles to one instruction.

use super::isa::Arch;

/// Adding this to a small float leaves its rounded integer value in the low mantissa bits.
const ROUND_MAGIC: f32 = 12_582_912.0;

#[inline(always)]
fn at_most(x: f32, hi: f32) -> f32 {
    if x > hi { hi } else { x }
}

#[inline(always)]
fn at_least(x: f32, lo: f32) -> f32 {
    if x < lo { lo } else { x }
}

/// Horner evaluation, highest-degree coefficient first.
#[inline(always)]
fn poly<A: Arch, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    let mut i = 1;
    while i < N {
        sum = A::madd(sum, x, coefficients[i]);
        i += 1;
    }
    sum
}

/// `2^n` for `-126 <= n <= 127`; garbage, but no panic, outside.
#[inline(always)]
fn pow2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// `e^x` within 2 ulp, saturating to 0 (through denormals) and infinity.
#[inline(always)]
pub fn exp<A: Arch>(x: f32) -> f32 {
    // Beyond these the result is 0 or infinity anyway, and n fits two exponent fields.
    let x = at_least(at_most(x, 89.0), -104.0);
    let shifted = A::madd(x, std::f32::consts::LOG2_E, ROUND_MAGIC);
    let n = shifted - ROUND_MAGIC;
    let n_int = (shifted.to_bits() as i32).wrapping_sub(ROUND_MAGIC.to_bits() as i32);
    // ln 2 in two parts: the first has few enough bits that its product with n is exact.
    let r = A::madd(n, -0.693_359_4, x);
    let r = A::madd(n, 2.121_944_4e-4, r);
    let p = poly::<A, 6>(r, [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5]);
    let y = A::madd(p, r * r, r) + 1.0;
    // Two steps, because 2^n alone overflows at n = 128 and is denormal below -126.
    let half = n_int >> 1;
    y * pow2(half) * pow2(n_int.wrapping_sub(half))
}

/// Natural logarithm within 2 ulp; `log(0) = -inf`, NaN for negative arguments.
#[inline(always)]
pub fn log<A: Arch>(x: f32) -> f32 {
    // Denormals are scaled into the normal range first.
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    let bias = if tiny { 23.0 } else { 0.0 };
    let bits = scaled.to_bits() as i32;
    // Offset by sqrt(1/2) so that the mantissa lands in [sqrt(1/2), sqrt(2)).
    let offset = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (offset >> 23) as f32 - bias;
    let mantissa = f32::from_bits(((offset & 0x007f_ffff) + 0x3f35_04f3) as u32);
    let f = mantissa - 1.0;
    let p = poly::<A, 9>(
        f,
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_7e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ],
    );
    let square = f * f;
    let tail = A::madd(exponent, -2.121_944_4e-4, f * square * p);
    let tail = A::madd(-0.5, square, tail);
    let y = A::madd(exponent, 0.693_359_4, f + tail);
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x >= 0.0 { y } else { f32::NAN }
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid<A: Arch>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<A>(-x))
}

/// `log(1 + exp(x))` within a few ulp, also where it is nearly 0.
#[inline(always)]
pub fn softplus<A: Arch>(x: f32) -> f32 {
    let e = exp::<A>(-x.abs());
    // What rounding took from 1 + e is given back as a factor (Goldberg 1991, theorem 4).
    let whole = 1.0 + e;
    let kept = whole - 1.0;
    let tail = if kept == 0.0 { e } else { log::<A>(whole) * (e / kept) };
    at_least(x, 0.0) + tail
}

/// Derivative of [`sigmoid`], from its result `s`.
#[inline(always)]
pub fn sigmoid_grad(s: f32) -> f32 {
    s * (1.0 - s)
}

/// Hyperbolic tangent within a few ulp, also near 0.
#[inline(always)]
pub fn tanh<A: Arch>(x: f32) -> f32 {
    // Minimax rational function; outside the clamp tanh is within 3e-8 of +-1.
    let c = at_least(at_most(x, 9.0), -9.0);
    let s = c * c;
    let p = poly::<A, 7>(
        s,
        [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619e-4, 4.893_524_6e-3],
    );
    let q = poly::<A, 4>(s, [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3]);
    let y = c * p / q;
    let y = if s < 1e-6 { x } else { y };
    let y = if x >= 9.0 { 1.0 } else { y };
    if x <= -9.0 { -1.0 } else { y }
}

/// Derivative of [`tanh`], from its result `t`.
#[inline(always)]
pub fn tanh_grad(t: f32) -> f32 {
    1.0 - t * t
}

/// Error function, absolute error below 4e-7.
#[inline(always)]
pub fn erf<A: Arch>(x: f32) -> f32 {
    // Minimax rational function; outside the clamp erf rounds to +-1.
    let c = at_least(at_most(x, 4.0), -4.0);
    let s = c * c;
    let p = poly::<A, 7>(
        s,
        [
            -2.726_142_3e-10,
            2.770_681_4e-8,
            -2.101_024e-6,
            -5.692_506_4e-5,
            -7.349_906_3e-4,
            -2.954_6e-3,
            -1.609_603_3e-2,
        ],
    );
    let q = poly::<A, 5>(s, [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2]);
    let y = c * p / q;
    // Exactly +-1 in the tails, so that 1 + erf vanishes where it is scaled by a large x.
    let y = if x >= 3.9 { 1.0 } else { y };
    let y = if x <= -3.9 { -1.0 } else { y };
    at_least(at_most(y, 1.0), -1.0)
}

/// `x * sigmoid(x)`.
#[inline(always)]
pub fn silu<A: Arch>(x: f32) -> f32 {
    // Bounded below so that -inf gives 0, not inf * 0.
    at_least(x, -104.0) * sigmoid::<A>(x)
}

/// Derivative of [`silu`] at `x`.
#[inline(always)]
pub fn silu_grad<A: Arch>(x: f32) -> f32 {
    let s = sigmoid::<A>(x);
    let bounded = at_least(at_most(x, 104.0), -104.0);
    s * A::madd(bounded, 1.0 - s, 1.0)
}

/// Exact (erf) GELU, `x * Phi(x)`.
#[inline(always)]
pub fn gelu<A: Arch>(x: f32) -> f32 {
    let half = 0.5 * at_least(x, -20.0);
    A::madd(half, erf::<A>(x * std::f32::consts::FRAC_1_SQRT_2), half)
}

/// Derivative of [`gelu`] at `x`: `Phi(x) + x * phi(x)`.
#[inline(always)]
pub fn gelu_grad<A: Arch>(x: f32) -> f32 {
    let bounded = at_least(at_most(x, 20.0), -20.0);
    let cdf = A::madd(0.5, erf::<A>(bounded * std::f32::consts::FRAC_1_SQRT_2), 0.5);
    // 1 / sqrt(2 pi)
    let density = 0.398_942_3 * exp::<A>(-0.5 * bounded * bounded);
    A::madd(bounded, density, cdf)
}

/// Above this Mish is x, and its derivative 1, in f32; the square of `e^20` stays finite.
const MISH_SETTLED: f32 = 20.0;
/// Below this Mish and its derivative are within 2e-36 of 0, which they are taken for.
const MISH_VANISHED: f32 = -87.0;

/// `e^x` within 2 ulp for `-87 <= x <= 88`, in half the instructions of [`exp`]; elsewhere, and for NaN, anything.
#[inline(always)]
fn exp_within<A: Arch>(x: f32) -> f32 {
    let shifted = A::madd(x, std::f32::consts::LOG2_E, ROUND_MAGIC);
    let n = shifted - ROUND_MAGIC;
    let r = A::madd(n, -0.693_359_4, x);
    let r = A::madd(n, 2.121_944_4e-4, r);
    // Minimax for |r| <= ln 2 / 2, relative error 2e-9.
    let p = poly::<A, 7>(r, [1.384_360_7e-3, 8.374_196e-3, 4.166_800_5e-2, 1.666_643e-1, 4.999_999_4e-1, 1.0, 1.0]);
    // n, in the low bits of what was shifted, goes to the exponent.
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Mish, `x * tanh(ln(1 + e^x))`, with one exponential and one division.
///
/// With `e = e^x` and `w = e (e + 2)`, the hyperbolic tangent is `w / (w + 2)`.
#[inline(always)]
pub fn mish<A: Arch>(x: f32) -> f32 {
    let e = exp_within::<A>(at_most(x, MISH_SETTLED));
    let above = e + 2.0;
    let y = x * (e * above / A::madd(e, above, 2.0));
    if x < MISH_VANISHED { 0.0 } else { y }
}

/// Derivative of [`mish`] at `x`: `(w + 4 x q / (w + 2)) / (w + 2)` with `q = e (1 + e)`, where `w = q + e`.
#[inline(always)]
pub fn mish_grad<A: Arch>(x: f32) -> f32 {
    let bounded = at_most(x, MISH_SETTLED);
    let e = exp_within::<A>(bounded);
    let q = A::madd(e, e, e);
    let w = q + e;
    let r = 1.0 / (w + 2.0);
    let y = r * A::madd(4.0 * bounded * q, r, w);
    if x < MISH_VANISHED { 0.0 } else { y }
}

#[cfg(test)]
#[path = "math_tests.rs"]
mod tests;
