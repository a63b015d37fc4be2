//! A check that every optimizer's tests run.

use super::walk::{Tensors, walk};
use super::{Rule, Segment, Table};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::dtype::Element;
use crate::shape::Shape;

/// Shapes around the sizes that the walk cuts at; the third one is frozen, the fourth has no gradient.
const SHAPES: [&[usize]; 8] = [&[64, 3, 3, 7], &[10], &[5], &[6, 5], &[1], &[0, 4], &[33_000], &[3, 17_000]];
const FROZEN: usize = 2;
const WITHOUT_GRADIENT: usize = 3;

fn noise(seed: usize, len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919 + seed * 104_729) % 20_011) as f32 / 10_000.0 - 1.0).collect()
}

/// All tensors of a model.
#[derive(Clone, PartialEq, Debug)]
struct Model<T> {
    parameters: Vec<Vec<T>>,
    states: Vec<Vec<T>>,
    steps: Vec<i32>,
}

impl<T: Element> Model<T> {
    fn new(states: usize) -> Model<T> {
        let shapes = SHAPES.iter().map(|dims| dims.iter().product::<usize>());
        let of = |seed, len| noise(seed, len).into_iter().map(|x| T::from_f64(x as f64)).collect::<Vec<T>>();
        let parameters: Vec<_> = shapes.enumerate().map(|(i, len)| of(i, len)).collect();
        let total = parameters.iter().map(Vec::len).sum();
        // Every state starts as the parameters would, squares at least positive: any start must do.
        let states = (0..states).map(|i| of(i + 50, total).iter().map(|x| T::from_f64(x.to_f64().abs())).collect());
        Model { states: states.collect(), steps: vec![0; SHAPES.len() + 1], parameters }
    }

    fn gradients(step: usize) -> Vec<Vec<T>> {
        let of = |(i, dims): (usize, &&[usize])| noise(100 * step + i, dims.iter().product());
        SHAPES.iter().enumerate().map(of).map(|g| g.iter().map(|&g| T::from_f64(g as f64)).collect()).collect()
    }

    fn tensors<'a, const N: usize>(&'a mut self, gradients: &'a [Vec<T>]) -> Tensors<'a, T, N> {
        let mut states = self.states.iter_mut();
        Tensors {
            rate: 0.01,
            steps: &mut self.steps,
            states: std::array::from_fn(|_| &mut states.next().expect("as many as the rule has")[..]),
            shapes: SHAPES.iter().map(|dims| Shape::new("test", dims).unwrap()).collect(),
            parameters: self.parameters.iter_mut().map(|p| &mut p[..]).collect(),
            gradients: gradients.iter().enumerate().map(|(i, g)| (i != WITHOUT_GRADIENT).then_some(&g[..])).collect(),
        }
    }
}

fn table() -> Table {
    let segment = |i| Segment { rate_scale: 1.0 - 0.1 * i as f64, weight_decay: 0.05 * i as f64, frozen: i == FROZEN };
    Table { segments: (0..SHAPES.len()).map(segment).collect() }
}

/// Takes `steps` steps in f32, with every instruction set and 1 or 2 threads, and in f64.
pub fn check<R: Rule<N>, const N: usize>(rule: &R, steps: usize) {
    let (table, start) = (table(), Model::<f32>::new(N));
    let one = CpuContext { pool: ThreadPool::new(1), isa: Isa::Portable };
    let mut wanted = Model::<f64>::new(N);
    for step in 0..steps {
        let gradients = Model::gradients(step);
        let update = |s: &R::Scalars, together, piece: super::Piece<f64, N>| rule.reference(s, together, piece);
        walk("test", rule, &table, wanted.tensors(&gradients), &one, update).unwrap();
    }
    for isa in Isa::available() {
        let models = [1, 2].map(|threads| {
            let context = CpuContext { pool: ThreadPool::new(threads), isa };
            let mut model = start.clone();
            let fast = |s: &R::Scalars, together, piece: super::Piece<f32, N>| rule.fast(isa, s, together, piece);
            for step in 0..steps {
                let mut gradients = Model::gradients(step);
                let before = model.clone();
                let value = std::mem::replace(&mut gradients[7][40_000], f32::NAN);
                let error = walk("test", rule, &table, model.tensors(&gradients), &context, fast).unwrap_err();
                assert!(error.to_string().contains("segment 7"), "{error}");
                assert_eq!(model, before, "a step that fails changes nothing");
                gradients[7][40_000] = value;
                // Nobody looks at the gradient of a frozen segment.
                gradients[FROZEN].fill(f32::INFINITY);
                walk("test", rule, &table, model.tensors(&gradients), &context, fast).unwrap();
            }
            model
        });
        assert_eq!(models[0], models[1], "threads must not matter");
        compare(&models[0], &wanted, &start, steps as i32);
    }
}

fn compare(got: &Model<f32>, wanted: &Model<f64>, start: &Model<f32>, steps: i32) {
    let counts: Vec<i32> =
        (0..=SHAPES.len()).map(|i| if [FROZEN, WITHOUT_GRADIENT].contains(&i) { 0 } else { steps }).collect();
    assert_eq!((&got.steps, &wanted.steps), (&counts, &counts));
    let mut offset = 0;
    for (i, parameter) in got.parameters.iter().enumerate() {
        let range = offset..offset + parameter.len();
        offset = range.end;
        if [FROZEN, WITHOUT_GRADIENT].contains(&i) {
            assert_eq!(*parameter, start.parameters[i]);
            for (got, start) in got.states.iter().zip(&start.states) {
                assert_eq!(got[range.clone()], start[range.clone()]);
            }
        }
    }
    let all = |got: &[Vec<f32>], wanted: &[Vec<f64>], what: &str| {
        for (got, wanted) in got.iter().flatten().zip(wanted.iter().flatten()) {
            let bound = 2e-6 * wanted.abs().max(1.0);
            assert!((*got as f64 - wanted).abs() <= bound, "{what}: {got:e} against {wanted:e}");
        }
    };
    all(&got.parameters, &wanted.parameters, "parameter");
    all(&got.states, &wanted.states, "state");
}
