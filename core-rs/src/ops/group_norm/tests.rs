use super::{Sizes, cpu, reference};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::dtype::{Bf16, Dtype, Element, Stored};
use crate::ops::testing::{noise, wide};

fn contexts(isa: Isa) -> [CpuContext; 2] {
    [1, 2].map(|threads| CpuContext { pool: ThreadPool::new(threads), isa })
}

/// Within `allowed` of the largest value, and beside it the rounding of what bf16 holds.
fn close<T: Element>(got: &[T], wanted: &[f64], allowed: f64, what: &str) {
    let scale = wanted.iter().fold(1.0, |max: f64, w| max.max(w.abs()));
    let rounding = if T::DTYPE == Dtype::Bf16 { 1.0 / 256.0 } else { 0.0 };
    for (i, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        let (got, most) = (got.to_f64(), allowed * scale + rounding * wanted.abs());
        assert!((got - wanted).abs() <= most, "{what} at {i}: {got}, expected {wanted}");
    }
}

#[derive(Debug, PartialEq)]
struct Results<T, V> {
    /// y, dx
    tensors: [Vec<T>; 2],
    /// mean, rstd, dweight, dbias
    vectors: [Vec<V>; 4],
}

impl<T: Element, V: Element> Results<T, V> {
    fn room(s: &Sizes) -> Results<T, V> {
        let (x, units, c) = (s.n * s.sample(), s.n * s.groups, s.channels());
        Results {
            tensors: [x; 2].map(|len| vec![T::from_f64(f64::NAN); len]),
            vectors: [units, units, c, c].map(|len| vec![V::from_f64(f64::NAN); len]),
        }
    }
}

fn run<S: Stored>(context: &CpuContext, s: &Sizes, x: &[S], dy: &[S], vectors: [Option<&[f32]>; 2]) -> Results<S, f32> {
    let mut results = Results::room(s);
    let ([y, dx], [mean, rstd, dweight, dbias]) = (&mut results.tensors, &mut results.vectors);
    cpu::forward(context, s, 1e-5, x, vectors, y, [mean, rstd]);
    cpu::backward(context, s, [dy, x], [mean, rstd], vectors[0], dx, [dweight, dbias]);
    results
}

fn define(s: &Sizes, x: &[impl Stored], dy: &[impl Stored], vectors: [Option<&[f32]>; 2]) -> Results<f64, f64> {
    let (x, dy, mut results) = (exact(x), exact(dy), Results::room(s));
    let [weight, bias] = vectors.map(|vector| vector.map(wide));
    let ([y, dx], [mean, rstd, dweight, dbias]) = (&mut results.tensors, &mut results.vectors);
    reference::forward(s, 1e-5, &x, [weight.as_deref(), bias.as_deref()], y, [mean, rstd]);
    reference::backward(s, [&dy, &x, mean, rstd], weight.as_deref(), [dx, dweight, dbias]);
    results
}

fn exact(x: &[impl Stored]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

fn stored<S: Stored>(x: impl IntoIterator<Item = f32>) -> Vec<S> {
    x.into_iter().map(S::round).collect()
}

fn matches_the_definition<S: Stored>(s: Sizes) {
    let (len, c) = (s.n * s.sample(), s.channels());
    let x: Vec<S> = stored(noise(len).iter().enumerate().map(|(i, x)| 2.0 * x + 3.0 + (i % c % 5) as f32));
    let dy: Vec<S> = stored(noise(len + 7)[7..].iter().copied());
    let (weight, bias): (Vec<f32>, Vec<f32>) = noise(c).iter().map(|x| (1.0 + 0.5 * x, 0.3 - x)).unzip();
    for vectors in [[None, None], [Some(&weight[..]), None], [Some(&weight[..]), Some(&bias[..])]] {
        let wanted = define(&s, &x, &dy, vectors);
        for isa in Isa::available() {
            let [one, two] = contexts(isa).map(|context| run(&context, &s, &x, &dy, vectors));
            assert_eq!(one, two, "threads must not matter: {s:?} {isa:?}");
            let what = |name: &str| format!("{name} of {s:?} {isa:?} {}", S::DTYPE);
            for (got, (wanted, name)) in one.tensors.iter().zip(wanted.tensors.iter().zip(["y", "dx"])) {
                close(got, wanted, 4e-6, &what(name));
            }
            // Sums of n positions grow as their root.
            let of_sums = 4e-6 * ((s.n * s.positions) as f64).sqrt();
            let names = [("mean", 4e-6), ("rstd", 4e-6), ("dweight", of_sums), ("dbias", of_sums)];
            for (got, (wanted, (name, allowed))) in one.vectors.iter().zip(wanted.vectors.iter().zip(names)) {
                close(got, wanted, allowed, &what(name));
            }
        }
    }
}

#[test]
fn matches_the_definition_at_awkward_sizes() {
    for (n, positions, groups, size) in [
        (1, 1, 1, 1),
        (5, 1, 1, 33),
        (700, 1, 1, 64),
        (3, 1, 4, 5),
        (2, 1, 1, 5000),
        (0, 1, 1, 4),
        (0, 6, 2, 2),
        (1, 9, 3, 1),
        (2, 35, 1, 7),
        (3, 49, 4, 8),
        (2, 2, 32, 2),
        (1, 70 * 70, 2, 16),
        (2, 20_000, 1, 3),
    ] {
        let s = Sizes { n, positions, groups, size };
        matches_the_definition::<f32>(s);
        matches_the_definition::<Bf16>(s);
    }
}

#[test]
fn a_constant_group_is_its_bias() {
    fn check<S: Stored>(value: f32) {
        for (positions, size) in [(1, 6), (4, 3)] {
            let s = Sizes { n: 2, positions, groups: 1, size };
            let x = vec![S::round(value); 2 * s.sample()];
            let Results { tensors, vectors: [mean, rstd, ..] } =
                run(&contexts(Isa::detect())[0], &s, &x, &x, [None, None]);
            assert!(tensors.iter().flatten().all(|&value| value == S::round(0.0)), "{tensors:?}");
            assert_eq!((mean[0], rstd[0]), (value, (1.0 / 1e-5f64.sqrt()) as f32));
        }
    }
    check::<f32>(1e4);
    check::<Bf16>(10_240.0);
}

#[test]
fn a_mean_far_from_zero_does_not_cancel() {
    fn check<S: Stored>(spread: f32) {
        for positions in [1, 50] {
            let s = Sizes { n: 1, positions, groups: 1, size: 64 };
            let x: Vec<S> = stored(noise(s.sample()).iter().map(|x| spread * x + 1000.0));
            let got = run(&contexts(Isa::detect())[0], &s, &x, &x, [None, None]);
            let wanted = define(&s, &x, &x, [None, None]);
            // A float near 1000 steps by 6e-5, which is the mean's own rounding.
            close(&got.tensors[0], &wanted.tensors[0], 1e-4, "y");
            close(&got.vectors[1], &wanted.vectors[1], 1e-6, "rstd");
        }
    }
    check::<f32>(1.0);
    // A bf16 near 1000 steps by 4.
    check::<Bf16>(30.0);
}
