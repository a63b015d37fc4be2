use super::Settings;
use super::reference::Backward;
use super::{backward, forward, reference, running, statistics};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::dtype::{Element, Float};
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

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| x as f64).collect()
}

fn contexts() -> Vec<CpuContext> {
    let of = |isa, threads| CpuContext { pool: ThreadPool::new(threads), isa };
    Isa::available().into_iter().flat_map(|isa| [of(isa, 1), of(isa, 2)]).collect()
}

/// The largest difference over the largest value.
fn distance<T: Element>(got: &[T], wanted: &[f64]) -> f64 {
    let scale = wanted.iter().fold(1e-30, |max: f64, w| max.max(w.abs()));
    got.iter().zip(wanted).fold(0.0, |max: f64, (g, w)| max.max((g.to_f64() - w).abs())) / scale
}

/// All results of a forward and backward pass, one after the other.
struct Case {
    rows: usize,
    c: usize,
    settings: Settings,
    x: Vec<f32>,
    dy: Vec<f32>,
    residual: Option<Vec<f32>>,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Case {
    fn new(rows: usize, c: usize, activation: Activation, residual: bool, offset: f32) -> Case {
        let n = rows * c;
        Case {
            rows,
            c,
            settings: Settings { eps: 1e-5, activation },
            x: noise(1, n).into_iter().enumerate().map(|(i, x)| x * 2.0 + offset + (i % c % 16) as f32 * 0.1).collect(),
            dy: noise(2, n),
            residual: residual.then(|| noise(3, n)),
            weight: noise(4, c).into_iter().map(|w| 1.0 + 0.5 * w).collect(),
            bias: noise(5, c),
        }
    }

    fn run(&self, context: &CpuContext, batch: bool) -> [Vec<f32>; 7] {
        let [mut mean, mut variance, mut dweight, mut dbias] = [(); 4].map(|_| vec![f32::NAN; self.c]);
        let [mut y, mut dx, mut dresidual] = [(); 3].map(|_| vec![f32::NAN; self.rows * self.c]);
        statistics::statistics(context, &self.x, &mut mean, &mut variance);
        let vectors = [&self.weight[..], &self.bias, &mean, &variance];
        let residual = self.residual.as_deref();
        forward::forward(context, self.settings, &self.x, vectors, residual, &mut y);
        let operands = Backward {
            dy: &self.dy,
            x: &self.x,
            weight: &self.weight,
            bias: &self.bias,
            mean: &mean,
            variance: &variance,
            residual,
            dx: &mut dx,
            dweight: &mut dweight,
            dbias: &mut dbias,
            dresidual: residual.is_some().then_some(&mut dresidual[..]),
        };
        backward::backward(context, self.settings, batch, operands);
        if residual.is_none() {
            dresidual.clear();
        }
        [mean, variance, y, dx, dweight, dbias, dresidual]
    }

    fn reference(&self, batch: bool) -> [Vec<f64>; 7] {
        let [mut mean, mut variance, mut dweight, mut dbias] = [(); 4].map(|_| vec![0.0; self.c]);
        let [mut y, mut dx, mut dresidual] = [(); 3].map(|_| vec![0.0; self.rows * self.c]);
        let (x, dy, weight, bias) = (wide(&self.x), wide(&self.dy), wide(&self.weight), wide(&self.bias));
        let residual = self.residual.as_deref().map(wide);
        reference::statistics(&x, &mut mean, &mut variance);
        let vectors = [&weight[..], &bias, &mean, &variance];
        reference::forward(self.settings, &x, vectors, residual.as_deref(), &mut y);
        let operands = Backward {
            dy: &dy,
            x: &x,
            weight: &weight,
            bias: &bias,
            mean: &mean,
            variance: &variance,
            residual: residual.as_deref(),
            dx: &mut dx,
            dweight: &mut dweight,
            dbias: &mut dbias,
            dresidual: residual.is_some().then_some(&mut dresidual[..]),
        };
        reference::backward(self.settings, batch, operands);
        [mean, variance, y, dx, dweight, dbias, dresidual]
    }
}

#[test]
fn matches_the_reference_at_awkward_sizes() {
    let contexts = contexts();
    for (i, (rows, c)) in
        [(9, 1), (5, 7), (301, 10), (5000, 3), (1030, 40), (700, 65), (50, 300), (40, 2048)].into_iter().enumerate()
    {
        let activation = Activation::ALL[i % Activation::ALL.len()];
        for (residual, batch) in [(false, true), (true, true), (false, false), (true, false)] {
            let case = Case::new(rows, c, activation, residual, 1.0);
            let wanted = case.reference(batch);
            for pair in contexts.chunks(2) {
                let (one, two) = (case.run(&pair[0], batch), case.run(&pair[1], batch));
                assert_eq!(one, two, "threads must not matter");
                for (index, (got, wanted)) in one.iter().zip(&wanted).enumerate() {
                    let distance = distance(got, wanted);
                    let what = format!("{rows}x{c} {activation:?} {residual} {batch} {:?} result {index}", pair[0].isa);
                    assert!(distance < 3e-6, "{what}: {distance:e}");
                }
            }
        }
    }
}

#[test]
fn a_mean_far_from_zero_costs_no_accuracy() {
    let case = Case::new(20_000, 8, Activation::None, false, 1000.0);
    let wanted = case.reference(true);
    for context in contexts() {
        let got = case.run(&context, true);
        assert!(distance(&got[1], &wanted[1]) < 1e-6, "variance: {:e}", distance(&got[1], &wanted[1]));
        // x itself is only known to 6e-5 here.
        assert!(distance(&got[2], &wanted[2]) < 1e-4, "y: {:e}", distance(&got[2], &wanted[2]));
    }
}

#[test]
fn a_constant_channel_has_no_variance_and_nan_spreads() {
    let context = &contexts()[0];
    let (mut mean, mut variance) = ([0.0], [1.0]);
    statistics::statistics(context, &[1e6; 999], &mut mean, &mut variance);
    assert_eq!((mean, variance), ([1e6], [0.0]));
    statistics::statistics(context, &[1.0, f32::NAN, 2.0], &mut mean, &mut variance);
    assert!(mean[0].is_nan() && variance[0].is_nan());
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
