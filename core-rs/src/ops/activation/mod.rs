//! The activations that fused ops apply, by their ABI codes.

pub(in crate::ops) mod curve;
pub(in crate::ops) mod reads;

use crate::dtype::Float;

/// Codes are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Activation {
    None = 0,
    Relu = 1,
    Mish = 2,
    Silu = 3,
    Gelu = 4,
    Sigmoid = 5,
    Tanh = 6,
}

impl Activation {
    pub const ALL: [Activation; 7] = [
        Activation::None,
        Activation::Relu,
        Activation::Mish,
        Activation::Silu,
        Activation::Gelu,
        Activation::Sigmoid,
        Activation::Tanh,
    ];

    pub fn from_code(code: u32) -> Option<Activation> {
        Self::ALL.into_iter().find(|activation| *activation as u32 == code)
    }

    /// The definition, for reference kernels.
    pub fn apply<T: Float>(self, x: T) -> T {
        match self {
            Activation::None => x,
            Activation::Relu => {
                if x > T::ZERO || x.is_nan() {
                    x
                } else {
                    T::ZERO
                }
            }
            Activation::Mish => share_of(x, softplus(x).tanh()),
            Activation::Silu => share_of(x, sigmoid(x)),
            Activation::Gelu => share_of(x, normal_cdf(x)),
            Activation::Sigmoid => sigmoid(x),
            Activation::Tanh => x.tanh(),
        }
    }

    /// The derivative at x, for reference kernels.
    pub fn derivative<T: Float>(self, x: T) -> T {
        match self {
            Activation::None => T::ONE,
            Activation::Relu => {
                if x <= T::ZERO {
                    T::ZERO
                } else {
                    T::ONE
                }
            }
            Activation::Mish => {
                let t = softplus(x).tanh();
                t + share_of(x, (T::ONE - t * t) * sigmoid(x))
            }
            Activation::Silu => {
                let s = sigmoid(x);
                s + share_of(x, s * (T::ONE - s))
            }
            Activation::Gelu => {
                let density = (-x * x * T::from_f64(0.5)).exp() * T::from_f64(0.398_942_280_401_432_7);
                normal_cdf(x) + share_of(x, density)
            }
            Activation::Sigmoid => {
                let s = sigmoid(x);
                s * (T::ONE - s)
            }
            Activation::Tanh => {
                let t = x.tanh();
                T::ONE - t * t
            }
        }
    }

    /// The gradient at x of an upstream one, for reference kernels: what a ReLU stops is 0, were it infinite.
    pub fn back<T: Float>(self, x: T, dy: T) -> T {
        match self {
            Activation::None => dy,
            Activation::Relu if x <= T::ZERO => T::ZERO,
            Activation::Relu => dy,
            _ => self.derivative(x) * dy,
        }
    }
}

/// x times a share of it: no share is 0 of an infinite x too.
fn share_of<T: Float>(x: T, share: T) -> T {
    if share == T::ZERO { T::ZERO } else { x * share }
}

/// 1 / (1 + exp(-x))
pub fn sigmoid<T: Float>(x: T) -> T {
    // The exponent is never positive, so nothing overflows.
    let e = (-x.abs()).exp();
    if x < T::ZERO { e / (T::ONE + e) } else { T::ONE / (T::ONE + e) }
}

/// log(1 + exp(x))
pub fn softplus<T: Float>(x: T) -> T {
    let tail = (-x.abs()).exp().ln_1p();
    if x > T::ZERO { x + tail } else { tail }
}

/// (1 + erf(x / sqrt 2)) / 2
fn normal_cdf<T: Float>(x: T) -> T {
    T::from_f64(0.5 * erfc(-x.to_f64() * std::f64::consts::FRAC_1_SQRT_2))
}

/// The complementary error function in f64: a Maclaurin series near 0, a continued fraction (Lentz) further out.
fn erfc(x: f64) -> f64 {
    let z = x.abs();
    if x.is_nan() {
        return x;
    }
    if z < 2.5 {
        // erf z = 2 / sqrt(pi) sum (-1)^n z^(2n+1) / (n! (2n+1))
        let (mut term, mut sum, mut n) = (z, z, 0.0);
        while term.abs() > 1e-18 * sum.abs() && n < 200.0 {
            n += 1.0;
            term *= -z * z / n;
            sum += term / (2.0 * n + 1.0);
        }
        let erf = sum * std::f64::consts::FRAC_2_SQRT_PI;
        return if x < 0.0 { 1.0 + erf } else { 1.0 - erf };
    }
    // erfc z = exp(-z^2) / sqrt(pi) / (z + (1/2)/(z + 1/(z + (3/2)/(z + …))))
    let mut tail = z;
    for k in (1..=120).rev() {
        tail = z + 0.5 * k as f64 / tail;
    }
    let value = (-z * z).exp() / (tail * std::f64::consts::PI.sqrt());
    if x < 0.0 { 2.0 - value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erfc_matches_known_values() {
        // Abramowitz and Stegun, table 7.1 and 7.3.
        for (x, wanted) in [
            (0.0, 1.0),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_13),
            (2.0, 0.004_677_734_981_047_266),
            (3.0, 2.209_049_699_858_544e-5),
            (-1.0, 1.842_700_792_949_715),
            (5.0, 1.537_459_794_428_034_8e-12),
        ] {
            let got = erfc(x);
            assert!((got - wanted).abs() <= 1e-13 + 1e-11 * wanted, "erfc({x}) = {got}, wanted {wanted}");
        }
    }

    #[test]
    fn derivatives_match_finite_differences() {
        for activation in Activation::ALL {
            for x in [-6.0, -1.3, -0.2, 0.4, 1.7, 5.0f64] {
                let h = 1e-6;
                let slope = (activation.apply(x + h) - activation.apply(x - h)) / (2.0 * h);
                let got = activation.derivative(x);
                assert!((got - slope).abs() < 1e-7, "{activation:?} at {x}: {got} against {slope}");
            }
        }
    }
}
