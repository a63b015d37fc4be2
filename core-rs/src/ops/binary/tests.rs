use super::*;
use crate::cpu::pool::ThreadPool;
use crate::ops::Row;
use crate::ops::testing::{stored, stored_wide};
use crate::shape::Shape;

const SHAPES: [(&[usize], &[usize]); 14] = [
    (&[40_001], &[40_001]),
    (&[], &[]),
    (&[], &[257, 129]),
    (&[1, 1], &[17]),
    (&[2, 30, 17, 65], &[65]),
    (&[65], &[2, 30, 17, 65]),
    (&[5, 30, 17, 8], &[5, 1, 1, 8]),
    (&[3, 1, 1, 100], &[3, 20, 17, 100]),
    (&[2, 113, 97, 3], &[3]),
    (&[3], &[2, 113, 97, 3]),
    (&[50, 1], &[50, 700]),
    (&[4, 1, 3], &[1, 5, 1]),
    (&[1, 30, 1, 17], &[20, 1, 5, 1]),
    (&[0, 3], &[3]),
];

/// Numbers around 0 with equal ones, NaN and infinities among them, rounded to f32.
fn numbers(shape: Shape, seed: usize) -> Vec<f32> {
    (0..shape.len())
        .map(|i| match (i * 31 + seed * 17) % 1009 {
            0 => f32::NAN,
            1 => f32::INFINITY,
            n => ((n * n + seed) % 97) as f32 * 0.3 - 14.0,
        })
        .collect()
}

/// Whether it is the wanted value as it is stored.
fn same<S: Stored>(got: S, wanted: f64) -> bool {
    got == S::from_f64(wanted) || got.to_f64().is_nan() && wanted.is_nan()
}

type TileFn<S, Y> = fn(Isa, &Tile<2>, &[S], &[S], &mut [Y]);

fn check<S: Stored, Y: Stored>(name: &str, definition: fn(f64, f64) -> f64, tile: TileFn<S, Y>) {
    for (a, b) in SHAPES {
        let (a, b) = (Shape::new("test", a).unwrap(), Shape::new("test", b).unwrap());
        let y = broadcast("test", a, b).unwrap();
        let (xa, xb) = (stored::<S>(&numbers(a, 1)), stored::<S>(&numbers(b, 2)));
        let mut wanted = vec![0.0; y.len()];
        reference::run((y, [a, b]), &stored_wide(&xa), &stored_wide(&xb), &mut wanted, definition);
        for isa in Isa::available() {
            for threads in [1, 2] {
                let mut got = vec![Y::round(-1.0); y.len()];
                cpu::run(&ThreadPool::new(threads), (y, [a, b]), &xa, &xb, &mut got, |t, a, b, y| {
                    tile(isa, t, a, b, y)
                });
                let bad = got.iter().zip(&wanted).position(|(&got, &wanted)| !same(got, wanted));
                assert_eq!(bad, None, "{name} of {a} and {b} in {}, {}", S::DTYPE, isa.name());
            }
        }
    }
}

#[test]
fn every_function_matches_its_definition_under_every_broadcast() {
    every_function::<f32>();
    every_function::<Bf16>();
}

fn every_function<S: Stored>() {
    check("add", Add::value, Add::tile::<S>);
    check("sub", Sub::value, Sub::tile::<S>);
    check("mul", Mul::value, Mul::tile::<S>);
    check("div", Div::value, Div::tile::<S>);
    check("maximum", Maximum::value, Maximum::tile::<S>);
    check("minimum", Minimum::value, Minimum::tile::<S>);
    check("equal", truth::<Equal, f64, f64>, Equal::tile::<S>);
    check("greater", truth::<Greater, f64, f64>, Greater::tile::<S>);
    check("greater_equal", truth::<GreaterEqual, f64, f64>, GreaterEqual::tile::<S>);
    check("less", truth::<Less, f64, f64>, Less::tile::<S>);
    check("less_equal", truth::<LessEqual, f64, f64>, LessEqual::tile::<S>);
}

#[test]
fn nan_wins_on_both_sides() {
    for (a, b) in [(f32::NAN, 1.0), (1.0, f32::NAN), (f32::NAN, f32::NAN)] {
        assert!(Maximum::value(a, b).is_nan() && Minimum::value(a, b).is_nan());
        assert!(!Equal::holds(a, b) && !Greater::holds(a, b) && !Less::holds(a, b));
        assert!(!GreaterEqual::holds(a, b) && !LessEqual::holds(a, b));
    }
    assert_eq!((Maximum::value(2.0, 3.0), Minimum::value(2.0, 3.0)), (3.0, 2.0));
}

#[test]
fn comparisons_of_integers_give_f32_and_dtypes_must_match() {
    let outputs = |a, b| {
        let metas = [a, b].map(|dtype| Some(Meta::new(Shape::scalar(), dtype)));
        let inputs =
            Inputs::new(&Row { name: "equal", inputs: &["a", "b"], mutates: &[false, false], view: false }, &metas);
        Compare::<Equal>(PhantomData).outputs(&inputs).map(|outputs| outputs[0].dtype)
    };
    assert_eq!(outputs(Dtype::I32, Dtype::I32).unwrap(), Dtype::F32);
    assert_eq!(outputs(Dtype::F64, Dtype::F64).unwrap(), Dtype::F64);
    assert!(outputs(Dtype::F32, Dtype::F64).is_err() && outputs(Dtype::U8, Dtype::U8).is_err());
}
