use super::{Sizes, cpu, reference};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::ops::testing::{noise, wide};

fn contexts(isa: Isa) -> [CpuContext; 2] {
    [1, 2].map(|threads| CpuContext { pool: ThreadPool::new(threads), isa })
}

fn close(got: &[f32], wanted: &[f64], allowed: f64, what: &str) {
    let scale = wanted.iter().fold(1.0, |max: f64, w| max.max(w.abs()));
    for (i, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!((f64::from(*got) - wanted).abs() <= allowed * scale, "{what} at {i}: {got}, expected {wanted}");
    }
}

/// y, mean, rstd, dx, dweight, dbias.
type Results<T> = [Vec<T>; 6];

fn room<T: Copy>(s: &Sizes, value: T) -> Results<T> {
    let (x, units, c) = (s.n * s.sample(), s.n * s.groups, s.channels());
    [x, units, units, x, c, c].map(|len| vec![value; len])
}

fn run(context: &CpuContext, s: &Sizes, x: &[f32], dy: &[f32], vectors: [Option<&[f32]>; 2]) -> Results<f32> {
    let mut results = room(s, f32::NAN);
    let [y, mean, rstd, dx, dweight, dbias] = &mut results;
    cpu::forward(context, s, 1e-5, x, vectors, y, [mean, rstd]);
    cpu::backward(context, s, [dy, x, mean, rstd], vectors[0], [dx, dweight, dbias]);
    results
}

fn define(s: &Sizes, x: &[f32], dy: &[f32], vectors: [Option<&[f32]>; 2]) -> Results<f64> {
    let (x, dy, mut results) = (wide(x), wide(dy), room(s, 0.0));
    let [weight, bias] = vectors.map(|vector| vector.map(wide));
    let [y, mean, rstd, dx, dweight, dbias] = &mut results;
    reference::forward(s, 1e-5, &x, [weight.as_deref(), bias.as_deref()], y, [mean, rstd]);
    reference::backward(s, [&dy, &x, mean, rstd], weight.as_deref(), [dx, dweight, dbias]);
    results
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
        let (len, c) = (n * s.sample(), s.channels());
        let x: Vec<f32> = noise(len).iter().enumerate().map(|(i, x)| 2.0 * x + 3.0 + (i % c % 5) as f32).collect();
        let dy: Vec<f32> = noise(len + 7)[7..].to_vec();
        let (weight, bias): (Vec<f32>, Vec<f32>) = noise(c).iter().map(|x| (1.0 + 0.5 * x, 0.3 - x)).unzip();
        for vectors in [[None, None], [Some(&weight[..]), None], [Some(&weight[..]), Some(&bias[..])]] {
            let wanted = define(&s, &x, &dy, vectors);
            for isa in Isa::available() {
                let [one, two] = contexts(isa).map(|context| run(&context, &s, &x, &dy, vectors));
                assert_eq!(one, two, "threads must not matter: {s:?} {isa:?}");
                for (got, (wanted, name)) in
                    one.iter().zip(wanted.iter().zip(["y", "mean", "rstd", "dx", "dweight", "dbias"]))
                {
                    // Sums of n positions grow as their root.
                    let terms = if name.starts_with("dw") || name.starts_with("db") { n * positions } else { 1 };
                    close(got, wanted, 4e-6 * (terms as f64).sqrt(), &format!("{name} of {s:?} {isa:?}"));
                }
            }
        }
    }
}

#[test]
fn a_constant_group_is_its_bias() {
    for (positions, size) in [(1, 6), (4, 3)] {
        let s = Sizes { n: 2, positions, groups: 1, size };
        let x = vec![1e4; 2 * s.sample()];
        let [y, mean, rstd, dx, ..] = run(&contexts(Isa::detect())[0], &s, &x, &x, [None, None]);
        assert!(y.iter().chain(&dx).all(|&value| value == 0.0), "{y:?} {dx:?}");
        assert_eq!((mean[0], rstd[0]), (1e4, (1.0 / 1e-5f64.sqrt()) as f32));
    }
}

#[test]
fn a_mean_far_from_zero_does_not_cancel() {
    for positions in [1, 50] {
        let s = Sizes { n: 1, positions, groups: 1, size: 64 };
        let x: Vec<f32> = noise(s.sample()).iter().map(|x| x + 1000.0).collect();
        let got = run(&contexts(Isa::detect())[0], &s, &x, &x, [None, None]);
        let wanted = define(&s, &x, &x, [None, None]);
        // A float near 1000 steps by 6e-5, which is the mean's own rounding.
        close(&got[0], &wanted[0], 1e-4, "y");
        close(&got[2], &wanted[2], 1e-6, "rstd");
    }
}
