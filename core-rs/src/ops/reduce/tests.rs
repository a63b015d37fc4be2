use super::*;
use crate::cpu::pool::ThreadPool;
use crate::ops::Row;
use crate::ops::testing::{stored, stored_wide};

/// Shapes with the axes to reduce: every pattern of neighbours, sizes around the blocks, cut axes, empty ones.
const CASES: [(&[usize], &[usize]); 21] = [
    (&[], &[]),
    (&[1], &[0]),
    (&[300_001], &[0]),
    (&[3, 40_000], &[1]),
    (&[70, 1000], &[1]),
    (&[999, 10], &[1]),
    (&[50, 7], &[0]),
    (&[20_011, 3], &[0]),
    (&[5_003, 64], &[0]),
    (&[700, 513], &[0]),
    (&[130, 1500], &[0]),
    (&[66, 20_000], &[0]),
    (&[9, 7, 7, 65], &[1, 2]),
    (&[2, 57, 55, 32], &[1, 2]),
    (&[2, 9, 11, 700], &[1, 2]),
    (&[3, 1, 1, 1], &[1, 2]),
    (&[4, 5, 6], &[0, 2]),
    (&[6, 1, 50, 1], &[0, 2]),
    (&[0, 3], &[0]),
    (&[3, 0], &[0]),
    (&[4, 6], &[0, 1]),
];

fn reduced(axes: &[usize]) -> [bool; MAX_RANK] {
    std::array::from_fn(|axis| axes.contains(&axis))
}

/// Uniform-like numbers in about -1..2, all different enough for a sum to be hard.
fn numbers(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 5_592_405.0 - 1.0).collect()
}

fn check<F: Fold, S: Stored>() {
    let step = if S::DTYPE == Dtype::Bf16 { 1.0 / 256.0 } else { 0.0 };
    for (dims, axes) in CASES {
        let shape = Shape::new("test", dims).unwrap();
        let (x, reduced) = (stored::<S>(&numbers(shape.len())), reduced(axes));
        let outputs = (0..shape.rank()).filter(|&axis| !reduced[axis]).map(|axis| dims[axis]).product();
        let mut wanted = vec![0.0; outputs];
        reference::run::<F, f64>(&ThreadPool::new(1), shape, reduced, &stored_wide(&x), &mut wanted);
        let Some(layout) = Layout::new(shape, reduced) else {
            assert_eq!((dims, axes), (&[4, 5, 6][..], &[0, 2][..]));
            continue;
        };
        assert_eq!((layout.outputs(), layout.outer * layout.count * layout.inner), (outputs, shape.len()));
        for isa in Isa::available() {
            let run = |threads| {
                let mut y = vec![S::round(-9.0); outputs];
                cpu::run::<F, S>(isa, &ThreadPool::new(threads), &layout, &x, &mut y);
                y.iter().map(|y| y.widen()).collect::<Vec<_>>()
            };
            let got = run(1);
            assert!(run(2).iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits()), "{dims:?} {axes:?}");
            for (got, wanted) in got.iter().zip(&wanted) {
                // 1e-6 of the largest possible total per element: far below what f32 in one chain would leave.
                let near = (*got as f64 - wanted).abs() <= 1e-6 * wanted.abs().max(1.0) + step * wanted.abs();
                assert!(near || *got as f64 == *wanted || wanted.is_nan(), "{dims:?} {axes:?}: {got}, not {wanted}");
            }
        }
    }
}

#[test]
fn folds_match_the_definition() {
    check::<Sum, f32>();
    check::<Mean, f32>();
    check::<Max, f32>();
    check::<Min, f32>();
    check::<Sum, Bf16>();
    check::<Mean, Bf16>();
    check::<Max, Bf16>();
    check::<Min, Bf16>();
}

#[test]
fn nan_wins_a_maximum_and_a_minimum_wherever_it_is() {
    for at in [0, 1, 500, 4999] {
        let mut x = numbers(5000);
        x[at] = f32::NAN;
        let layout = Layout { outer: 1, count: 5000, inner: 1 };
        for run in [cpu::run::<Max, f32>, cpu::run::<Min, f32>] {
            let mut y = [0.0];
            run(Isa::detect(), &ThreadPool::new(1), &layout, &x, &mut y);
            assert!(y[0].is_nan());
        }
    }
}

#[test]
fn argmax_takes_the_first_largest_along_either_side() {
    let x = [1.0f32, 3.0, 3.0, 2.0, f32::NAN, f32::NAN, -1.0, -1.0, -2.0];
    let mut y = [9; 3];
    argmax::run(&ThreadPool::new(1), &Layout { outer: 3, count: 3, inner: 1 }, &x, &mut y);
    assert_eq!(y, [1, 1, 0]);
    argmax::run(&ThreadPool::new(2), &Layout { outer: 1, count: 3, inner: 3 }, &x, &mut y);
    assert_eq!(y, [1, 1, 1]);
}

#[test]
fn shapes_and_bad_axes() {
    let outputs = |dims: &[usize], params: &[f64]| {
        let metas = [Some(Meta::new(Shape::new("mean", dims)?, Dtype::F32))];
        let op = Reduce::<Mean>::parse(&mut Params::new("mean", params))?;
        Ok::<_, Error>(
            op.outputs(&Inputs::new(&Row { name: "mean", inputs: &["x"], mutates: &[false], view: false }, &metas))?[0]
                .shape
                .dims()
                .to_vec(),
        )
    };
    assert_eq!(outputs(&[2, 3, 4], &[0.0]).unwrap(), []);
    assert_eq!(outputs(&[2, 3, 4], &[1.0]).unwrap(), [1, 1, 1]);
    assert_eq!(outputs(&[2, 3, 4], &[0.0, 1.0]).unwrap(), [2, 4]);
    assert_eq!(outputs(&[2, 3, 4], &[1.0, 2.0, 0.0]).unwrap(), [1, 3, 1]);
    assert_eq!(outputs(&[2, 0], &[0.0, 0.0]).unwrap(), [0]);
    for (dims, params) in [(&[2, 3][..], &[0.0, 2.0][..]), (&[2, 3], &[0.0, 1.0, 1.0]), (&[2, 0], &[0.0, 1.0])] {
        assert!(outputs(dims, params).is_err(), "{dims:?} {params:?}");
    }
}
