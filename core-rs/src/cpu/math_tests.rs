use super::*;
use crate::cpu::isa::Isa;

/// Applies `$f` to a slice through `multiversion!`, so every compiled copy is tested.
macro_rules! mapped {
    ($($name:ident = |$x:ident| $value:expr;)*) => {
        $(multiversion! {
            fn $name<A>(x: &[f32], y: &mut [f32]) {
                for (y, &$x) in y.iter_mut().zip(x) {
                    *y = $value;
                }
            }
        })*
    };
}

mapped! {
    v_exp = |x| exp::<A>(x);
    v_log = |x| log::<A>(x);
    v_sigmoid = |x| sigmoid::<A>(x);
    v_softplus = |x| softplus::<A>(x);
    v_sigmoid_grad = |x| sigmoid_grad(sigmoid::<A>(x));
    v_tanh = |x| tanh::<A>(x);
    v_tanh_grad = |x| tanh_grad(tanh::<A>(x));
    v_erf = |x| erf::<A>(x);
    v_silu = |x| silu::<A>(x);
    v_silu_grad = |x| silu_grad::<A>(x);
    v_gelu = |x| gelu::<A>(x);
    v_gelu_grad = |x| gelu_grad::<A>(x);
    v_mish = |x| mish::<A>(x);
    v_mish_grad = |x| mish_grad::<A>(x);
}

type Kernel = fn(Isa, &[f32], &mut [f32]);

/// Dense around 0, sparse far out, with the awkward finite values.
fn grid() -> Vec<f32> {
    let mut xs: Vec<f32> = (-200_000..=200_000).map(|i| i as f32 * 6e-4).collect();
    xs.extend((-2000..2000).map(|i| i as f32 * 1e-5));
    xs.extend([1e4, -1e4, 100.0, -100.0, 0.0, -0.0, 1e-40, -1e-40, 1e-45, 1e-30, -1e-30]);
    xs.extend([88.7, 88.73, 89.0, -87.4, -103.0, -104.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE]);
    xs
}

fn check(kernel: Kernel, exact: fn(f64) -> f64, relative: f64, absolute: f64) {
    check_on(&grid(), kernel, exact, relative, absolute);
}

fn check_on(xs: &[f32], kernel: Kernel, exact: fn(f64) -> f64, relative: f64, absolute: f64) {
    for isa in Isa::available() {
        let mut ys = vec![0.0; xs.len()];
        kernel(isa, xs, &mut ys);
        for (&x, &y) in xs.iter().zip(&ys) {
            let want = exact(f64::from(x));
            if (want as f32).is_infinite() {
                assert_eq!(y, want as f32, "{isa:?} at {x:e}");
                continue;
            }
            let bound = relative * want.abs() + absolute;
            let error = (f64::from(y) - want).abs();
            assert!(error <= bound, "{isa:?} at {x:e}: {y:e}, want {want:e}, error {error:e}");
        }
        let mut nan = [0.0; 9];
        kernel(isa, &[f32::NAN; 9], &mut nan);
        assert!(nan.iter().all(|y| y.is_nan()), "{isa:?} loses NaN");
    }
}

fn check_limits(kernel: Kernel, at_minus_inf: f32, at_inf: f32) {
    for isa in Isa::available() {
        let mut ys = [0.0; 2];
        kernel(isa, &[f32::NEG_INFINITY, f32::INFINITY], &mut ys);
        assert_eq!(ys, [at_minus_inf, at_inf], "{isa:?}");
    }
}

/// Error function in f64: Maclaurin series inside, continued fraction for the tail.
fn erf64(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < 3.0 {
        let (mut term, mut sum) = (a, a);
        for n in 1..200 {
            term *= -a * a / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        let tail = (1..60).rev().fold(a, |f, k| a + 0.5 * f64::from(k) / f);
        1.0 - (-a * a).exp() / (tail * std::f64::consts::PI.sqrt())
    };
    y.copysign(x)
}

fn sigmoid64(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn mish64(x: f64) -> f64 {
    x * softplus64(x).tanh()
}

fn softplus64(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn mish_grad64(x: f64) -> f64 {
    let t = softplus64(x).tanh();
    t + x * (1.0 - t * t) * sigmoid64(x)
}

fn cdf64(x: f64) -> f64 {
    0.5 * (1.0 + erf64(x * std::f64::consts::FRAC_1_SQRT_2))
}

fn gelu_grad64(x: f64) -> f64 {
    cdf64(x) + x * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[test]
fn exp_is_close() {
    // The absolute term is half the smallest denormal.
    check(v_exp, f64::exp, 2.0 * f64::from(f32::EPSILON), 1.5e-45);
    check_limits(v_exp, 0.0, f32::INFINITY);
}

#[test]
fn log_is_close() {
    let mut xs: Vec<f32> = grid().into_iter().map(f32::abs).collect();
    xs.extend((0..100_000).map(|i| 0.5 + i as f32 * 2e-5));
    check_on(&xs, v_log, f64::ln, 2e-7, 1e-9);
    for isa in Isa::available() {
        let mut ys = [0.0; 4];
        v_log(isa, &[f32::INFINITY, 0.0, -1.0, f32::NEG_INFINITY], &mut ys);
        assert_eq!(ys[..2], [f32::INFINITY, f32::NEG_INFINITY]);
        assert!(ys[2].is_nan() && ys[3].is_nan());
    }
}

#[test]
fn sigmoid_and_silu_are_close() {
    check(v_sigmoid, sigmoid64, 4e-7, 1e-37);
    check(v_sigmoid_grad, |x| sigmoid64(x) * (1.0 - sigmoid64(x)), 1e-6, 1e-7);
    check(v_silu, |x| x * sigmoid64(x), 4e-7, 1e-35);
    check(v_silu_grad, |x| sigmoid64(x) * (1.0 + x * (1.0 - sigmoid64(x))), 2e-6, 4e-7);
    check_limits(v_sigmoid, 0.0, 1.0);
    check_limits(v_silu, 0.0, f32::INFINITY);
    check_limits(v_silu_grad, 0.0, 1.0);
}

#[test]
fn softplus_is_close_also_where_it_is_nearly_zero() {
    check(v_softplus, softplus64, 5e-7, 3e-45);
    check_limits(v_softplus, 0.0, f32::INFINITY);
}

#[test]
fn tanh_is_close() {
    check(v_tanh, f64::tanh, 6e-7, 0.0);
    check(v_tanh_grad, |x| 1.0 - x.tanh() * x.tanh(), 0.0, 1e-6);
    check_limits(v_tanh, -1.0, 1.0);
}

#[test]
fn erf_and_gelu_are_close() {
    check(v_erf, erf64, 0.0, 4e-7);
    check(v_gelu, |x| x * cdf64(x), 3e-7, 1e-6);
    check(v_gelu_grad, gelu_grad64, 3e-7, 1e-6);
    check_limits(v_erf, -1.0, 1.0);
    check_limits(v_gelu, 0.0, f32::INFINITY);
    check_limits(v_gelu_grad, 0.0, 1.0);
}

#[test]
fn mish_is_close() {
    check(v_mish, mish64, 6e-7, 1e-35);
    check(v_mish_grad, mish_grad64, 1e-6, 3e-7);
    check_limits(v_mish, 0.0, f32::INFINITY);
    check_limits(v_mish_grad, 0.0, 1.0);
}
