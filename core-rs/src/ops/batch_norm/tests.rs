use super::Settings;
use super::reference::Backward;
use super::rows::{Aligned, Rows};
use super::{backward, forward, reference, running, statistics};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::dtype::{Bf16, Dtype, Element, Float, Stored};
use crate::ops::activation::Activation;

/// Deterministic numbers in -1..1.
fn noise(seed: u32, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

fn wide(x: &[impl Element]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

fn contexts() -> Vec<CpuContext> {
    let of = |isa, threads| CpuContext { pool: ThreadPool::new(threads), isa };
    Isa::available().into_iter().flat_map(|isa| [of(isa, 1), of(isa, 2)]).collect()
}

/// `got` is as near as f32 kernels are: `allowed` of the largest value, and beside it the rounding of what bf16 holds.
fn close<T: Element>(got: &[T], wanted: &[f64], allowed: f64, what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    let scale = wanted.iter().fold(1e-30, |max: f64, w| max.max(w.abs()));
    let rounding = if T::DTYPE == Dtype::Bf16 { 1.0 / 256.0 } else { 0.0 };
    for (i, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        let (got, most) = (got.to_f64(), allowed * scale + rounding * wanted.abs());
        assert!((got - wanted).abs() <= most, "{what} at {i}: {got}, expected {wanted}");
    }
}

/// The results of a forward and backward pass.
#[derive(Debug, PartialEq)]
struct Results<T, V> {
    /// mean, variance, dweight, dbias
    vectors: [Vec<V>; 4],
    /// y, dx and, with a residual, its gradient
    tensors: [Vec<T>; 3],
}

impl<T: Element, V: Element> Results<T, V> {
    fn room(case: &Case<impl Stored>) -> Results<T, V> {
        let n = case.x.len();
        let of_residual = case.residual.as_ref().map_or(0, Vec::len);
        Results {
            vectors: [(); 4].map(|_| vec![V::from_f64(f64::NAN); case.weight.len()]),
            tensors: [n, n, of_residual].map(|len| vec![T::from_f64(f64::NAN); len]),
        }
    }
}

struct Case<S> {
    settings: Settings,
    x: Vec<S>,
    dy: Vec<S>,
    residual: Option<Vec<S>>,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl<S: Stored> Case<S> {
    fn new(rows: usize, c: usize, activation: Activation, residual: bool, offset: f32, spread: f32) -> Case<S> {
        let (n, stored) = (rows * c, |x: Vec<f32>| x.into_iter().map(S::round).collect::<Vec<_>>());
        let x = noise(1, n).into_iter().enumerate();
        Case {
            settings: Settings { eps: 1e-5, activation },
            x: stored(x.map(|(i, x)| x * spread + offset + (i % c % 16) as f32 * 0.1).collect()),
            dy: stored(noise(2, n)),
            residual: residual.then(|| stored(noise(3, n))),
            weight: noise(4, c).into_iter().map(|w| 1.0 + 0.5 * w).collect(),
            bias: noise(5, c),
        }
    }

    fn run(&self, context: &CpuContext, batch: bool) -> Results<S, f32> {
        let mut results = Results::room(self);
        let ([mean, variance, dweight, dbias], [y, dx, dresidual]) = (&mut results.vectors, &mut results.tensors);
        statistics::statistics(context, &self.x, mean, variance);
        let vectors = [&self.weight[..], &self.bias, mean, variance];
        let residual = self.residual.as_deref();
        forward::forward(context, self.settings, &self.x, vectors, residual, y);
        let operands = Backward {
            dy: &self.dy,
            x: &self.x,
            weight: &self.weight,
            bias: &self.bias,
            mean,
            variance,
            residual,
            dx,
            dweight,
            dbias,
            dresidual: residual.is_some().then_some(&mut dresidual[..]),
        };
        backward::backward(context, self.settings, batch, operands);
        results
    }

    fn reference(&self, batch: bool) -> Results<f64, f64> {
        let mut results = Results::room(self);
        let ([mean, variance, dweight, dbias], [y, dx, dresidual]) = (&mut results.vectors, &mut results.tensors);
        let (x, dy, weight, bias) = (wide(&self.x), wide(&self.dy), wide(&self.weight), wide(&self.bias));
        let residual = self.residual.as_deref().map(wide);
        reference::statistics(&x, mean, variance);
        let vectors = [&weight[..], &bias, mean, variance];
        reference::forward(self.settings, &x, vectors, residual.as_deref(), y);
        let operands = Backward {
            dy: &dy,
            x: &x,
            weight: &weight,
            bias: &bias,
            mean,
            variance,
            residual: residual.as_deref(),
            dx,
            dweight,
            dbias,
            dresidual: residual.is_some().then_some(&mut dresidual[..]),
        };
        reference::backward(self.settings, batch, operands);
        results
    }
}

/// Compares with the definition on every instruction set, with one thread and with two. Vectors are f32 and exact also
/// where x is bf16; a dx of which an intermediate was rounded would be wrong where its terms cancel.
fn matches_the_reference<S: Stored>(rows: usize, c: usize, activation: Activation) {
    for (residual, batch) in [(false, true), (true, true), (false, false), (true, false)] {
        let case = Case::<S>::new(rows, c, activation, residual, 1.0, 2.0);
        let wanted = case.reference(batch);
        for pair in contexts().chunks(2) {
            let (one, two) = (case.run(&pair[0], batch), case.run(&pair[1], batch));
            assert_eq!(one, two, "threads must not matter");
            let what = format!("{rows}x{c} {activation:?} {residual} {batch} {:?} {}", pair[0].isa, S::DTYPE);
            for (got, (wanted, name)) in
                one.vectors.iter().zip(wanted.vectors.iter().zip(["mean", "variance", "dweight", "dbias"]))
            {
                close(got, wanted, 3e-6, &format!("{name} of {what}"));
            }
            for (got, (wanted, name)) in one.tensors.iter().zip(wanted.tensors.iter().zip(["y", "dx", "dresidual"])) {
                close(got, wanted, 3e-6, &format!("{name} of {what}"));
            }
        }
    }
}

#[test]
fn matches_the_reference_at_awkward_sizes() {
    let sizes =
        [(9, 1), (5, 7), (301, 10), (5000, 3), (1030, 40), (700, 65), (50, 300), (40, 2048), (37, 257), (600, 32)];
    for (i, (rows, c)) in sizes.into_iter().enumerate() {
        let activation = Activation::ALL[i % Activation::ALL.len()];
        matches_the_reference::<f32>(rows, c, activation);
        matches_the_reference::<Bf16>(rows, c, activation);
    }
}

#[test]
fn every_activation_matches_the_reference() {
    for activation in Activation::ALL {
        matches_the_reference::<f32>(130, 33, activation);
        matches_the_reference::<Bf16>(130, 33, activation);
    }
}

#[test]
fn a_mean_far_from_zero_costs_no_accuracy() {
    fn check<S: Stored>(spread: f32) {
        let case = Case::<S>::new(20_000, 8, Activation::None, false, 1000.0, spread);
        let wanted = case.reference(true);
        for context in contexts() {
            let got = case.run(&context, true);
            close(&got.vectors[1], &wanted.vectors[1], 1e-6, "variance");
            // x itself is only known to 6e-5 here.
            close(&got.tensors[0], &wanted.tensors[0], 1e-4, "y");
        }
    }
    check::<f32>(2.0);
    // A bf16 near 1000 steps by 4.
    check::<Bf16>(30.0);
}

#[test]
fn rows_of_coefficients_start_a_cache_line() {
    for len in [0, 1, 33, 256, 2048] {
        let mut row = Aligned::zeros(len);
        row.fill(1.0);
        assert_eq!((row.len(), row.as_ptr() as usize % 64), (len, 0));
    }
    let rows = Rows::new(3, 3000);
    assert!(rows.widen(|channel| channel as f32).iter().enumerate().all(|(i, &value)| value == (i % 3) as f32));
}

#[test]
fn a_mean_that_drifts_or_jumps_costs_no_accuracy() {
    fn check<S: Stored>() {
        // 40 blocks a chunk or more, whose means go up, and jump far away and back.
        let (rows, c) = (70_000, 3);
        let at = |i: usize| (i / c) as f32 * 0.01 + if i / c / 3000 % 2 == 1 { 3000.0 } else { 0.0 };
        let x: Vec<S> = noise(7, rows * c).iter().enumerate().map(|(i, x)| S::round(x + at(i))).collect();
        let ([mut mean, mut variance], [mut means, mut variances]) = ([[0.0f32; 3]; 2], [[0.0f64; 3]; 2]);
        reference::statistics(&wide(&x), &mut means, &mut variances);
        for context in contexts() {
            statistics::statistics(&context, &x, &mut mean, &mut variance);
            close(&mean, &means, 1e-6, "mean");
            close(&variance, &variances, 1e-6, "variance");
        }
    }
    check::<f32>();
    check::<Bf16>();
}

#[test]
fn a_constant_channel_has_no_variance_and_nan_spreads() {
    fn check<S: Stored>(value: f32) {
        let context = &contexts()[0];
        let (mut mean, mut variance) = ([0.0], [1.0]);
        statistics::statistics(context, &[S::round(value); 999], &mut mean, &mut variance);
        assert_eq!((mean, variance), ([value], [0.0]));
        statistics::statistics(context, &[1.0, f32::NAN, 2.0].map(S::round), &mut mean, &mut variance);
        assert!(mean[0].is_nan() && variance[0].is_nan());
    }
    check::<f32>(1e6);
    check::<Bf16>(1_048_576.0);
}

#[test]
fn running_statistics_average_and_ignore_what_is_not_finite() {
    fn check<T: Float>() {
        let values = |values: [f64; 2]| values.map(T::from_f64);
        let update = running::UpdateRunningStats { momentum: 0.25, count: 5 };
        let (mut mean, mut variance) = (values([0.0, 4.0]), values([1.0, 1.0]));
        update.update([&mut mean, &mut variance], &values([4.0, 4.0]), &values([4.0, 8.0]));
        assert_eq!((mean, variance), (values([1.0, 4.0]), values([2.0, 3.25])));
        update.update([&mut mean, &mut variance], &values([4.0, 4.0]), &values([f64::INFINITY, 8.0]));
        assert_eq!((mean, variance), (values([1.0, 4.0]), values([2.0, 3.25])));
    }
    check::<f32>();
    check::<f64>();
}
