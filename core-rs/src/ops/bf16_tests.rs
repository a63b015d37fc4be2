//! Every op that computes with bf16 gives what its f32 kernel gives for the same numbers, rounded once, bit for bit.

use super::{Inputs, Kernel, Named, Op, Params, Row};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::dtype::{Bf16, Dtype, Element, Stored};
use crate::error::Result;
use crate::ops::testing::noise;
use crate::runtime::backend::Backend;
use crate::runtime::memory::{BlockPool, Storage};
use crate::runtime::record::Record;
use crate::runtime::tensor::Tensor;
use crate::shape::{Meta, Shape};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Ops of the table that need no case here.
const OTHERS: [&str; 33] = [
    // Views.
    "reshape",
    "rows",
    // Without a float input.
    "one_hot",
    "arange",
    "full",
    "uniform",
    "normal",
    "uniform_draw",
    "normal_draw",
    "sample_draws",
    "next_draw",
    "keep_draws",
    "image_batch",
    "crop_batch",
    // Without an output, or of another dtype.
    "assign",
    "fill",
    "assert_finite",
    "cast",
    // These refuse bf16.
    "sgd_step",
    "adamw_step",
    "ranger_step",
    "update_running_stats",
    // Products by pairs of bf16, or passes over memory of which each may round: their own tests say how far results may be
    // apart.
    "matmul",
    "conv2d",
    "conv2d_bias_act",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_eval",
    "batch_norm_eval_backward",
    "group_norm",
    "group_norm_backward",
];

/// An op of the table.
struct Entry {
    row: &'static Row,
    #[allow(clippy::type_complexity)]
    make: fn(&'static Row, &[f64], &[Option<Meta>]) -> Result<(Arc<dyn Kernel>, Vec<Meta>)>,
}

fn make<T: Op>(row: &'static Row, params: &[f64], inputs: &[Option<Meta>]) -> Result<(Arc<dyn Kernel>, Vec<Meta>)> {
    let mut params = Params::new(row.name, params);
    let op = T::parse(&mut params)?;
    params.finish()?;
    let outputs = op.outputs(&Inputs::new(row, inputs))?;
    Ok((Arc::new(Named { name: row.name, op }), outputs))
}

/// The exports of the table, each as a function that gives its [`Entry`].
#[allow(dead_code)]
mod exports {
    use super::{Entry, Row, make};

    macro_rules! op_export {
        ($symbol:ident, $module:ident, $type:ty, $row:expr) => {
            pub fn $symbol() -> Entry {
                #[allow(unused_imports)]
                use crate::ops::$module::*;
                static ROW: Row = $row;
                Entry { row: &ROW, make: make::<$type> }
            }
        };
    }

    include!("../../generated/exports.rs");
}
use exports::*;

/// An input of a shape.
enum Input<'a> {
    /// Numbers between -4 and 4, in bf16 or as wide as f32.
    Stored(&'a [usize]),
    /// The same with infinities, NaN and both zeros among them.
    Special(&'a [usize]),
    /// Numbers between -1 and 1 that are f32 beside a bf16 tensor too.
    Wide(&'a [usize]),
    Whole(&'a [usize], &'a [i32]),
}
use Input::{Special, Stored as Low, Whole, Wide};

impl Input<'_> {
    fn tensor(&self, pool: &Arc<BlockPool>, index: usize, dtype: Dtype) -> Tensor {
        let of_len = |dims: &[usize]| {
            let len = dims.iter().product::<usize>();
            noise(len + 7 * index).split_off(7 * index)
        };
        match self {
            Whole(dims, values) => tensor(pool, dims, Dtype::I32, |i| f64::from(values[i])),
            Wide(dims) => {
                let values = of_len(dims);
                tensor(pool, dims, Dtype::F32, |i| f64::from(values[i]))
            }
            Low(dims) | Special(dims) => {
                let (values, special) = (of_len(dims), matches!(self, Special(_)));
                tensor(pool, dims, dtype, |i| {
                    let value = match (i + index) % 97 {
                        at @ 0..5 if special => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0][at],
                        _ => 4.0 * values[i],
                    };
                    // What both dtypes hold.
                    Bf16::round(value).to_f64()
                })
            }
        }
    }
}

fn allocate(pool: &Arc<BlockPool>, meta: Meta) -> Tensor {
    Tensor { storage: Storage::allocate("test", meta.bytes(), pool).expect("memory"), offset: 0, meta, queue: 0 }
}

/// The elements of a tensor that no record uses meanwhile.
#[allow(clippy::mut_from_ref)]
fn elements<T: Element>(tensor: &Tensor) -> &mut [T] {
    assert_eq!(tensor.meta.dtype, T::DTYPE);
    // SAFETY: the block holds as many, aligned, and the tests use one such slice at a time.
    unsafe { std::slice::from_raw_parts_mut(tensor.operand().pointer().cast(), tensor.meta.shape.len()) }
}

fn tensor(pool: &Arc<BlockPool>, dims: &[usize], dtype: Dtype, value: impl Fn(usize) -> f64) -> Tensor {
    fn set<T: Element>(tensor: &Tensor, value: impl Fn(usize) -> f64) {
        elements::<T>(tensor).iter_mut().enumerate().for_each(|(i, element)| *element = T::from_f64(value(i)));
    }
    let tensor = allocate(pool, Meta::new(Shape::new("test", dims).expect("a shape"), dtype));
    crate::geometry::strided::for_dtype!(dtype, T => set::<T>(&tensor, value));
    tensor
}

/// Runs an op whose float inputs are of a dtype, and gives its outputs.
fn outputs(entry: &Entry, params: &[f64], inputs: &[Input], dtype: Dtype, context: &Arc<CpuContext>) -> Vec<Tensor> {
    let pool = BlockPool::new(context.clone(), Arc::default());
    let given: Vec<_> = inputs.iter().enumerate().map(|(index, input)| input.tensor(&pool, index, dtype)).collect();
    let metas: Vec<_> = given.iter().map(|tensor| Some(tensor.meta)).collect();
    let (kernel, metas) = (entry.make)(entry.row, params, &metas).expect("a call that the shape rule takes");
    let made: Vec<_> = metas.into_iter().map(|meta| allocate(&pool, meta)).collect();
    let record = Record {
        kernel,
        inputs: given.iter().map(|tensor| Some(tensor.operand())).collect(),
        row: entry.row,
        outputs: made.iter().map(Tensor::operand).collect(),
    };
    context.run(&record).expect("a kernel that succeeds");
    made
}

fn same<T: Stored>(got: T, wanted: T) -> bool {
    let (got, wanted) = (got.widen(), wanted.widen());
    got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan()
}

/// Compares both dtypes on every instruction set.
fn check(names: &mut BTreeSet<&'static str>, entry: Entry, params: &[f64], inputs: &[Input]) {
    let name = entry.row.name;
    names.insert(name);
    for isa in Isa::available() {
        let context = Arc::new(CpuContext { pool: ThreadPool::new(2), isa });
        let [narrow, wide] = [Dtype::Bf16, Dtype::F32].map(|dtype| outputs(&entry, params, inputs, dtype, &context));
        for (index, (narrow, wide)) in narrow.iter().zip(&wide).enumerate() {
            let bad = match (narrow.meta.dtype, wide.meta.dtype) {
                (Dtype::Bf16, Dtype::F32) => {
                    let pairs = elements::<Bf16>(narrow).iter().zip(elements::<f32>(wide));
                    pairs.enumerate().find(|(_, (got, wide))| !same(**got, Bf16::round(**wide))).map(|(i, _)| i)
                }
                (Dtype::F32, Dtype::F32) => {
                    let pairs = elements::<f32>(narrow).iter().zip(elements::<f32>(wide));
                    pairs.enumerate().find(|(_, (got, wide))| !same(**got, **wide)).map(|(i, _)| i)
                }
                (Dtype::I32, Dtype::I32) => (elements::<i32>(narrow) != elements::<i32>(wide)).then_some(0),
                dtypes => panic!("{name}: output {index} is of dtypes {dtypes:?}"),
            };
            assert_eq!(bad, None, "{name}: output {index} of {params:?} on {}", isa.name());
        }
    }
}

/// More than a chunk of the element-wise ops, and a tail.
const LONG: &[usize] = &[3, 17, 701];

/// An image batch whose channels leave a tail, and one of few channels.
const IMAGE: &[usize] = &[2, 13, 14, 21];
const THIN: &[usize] = &[1, 40, 50, 3];

#[test]
fn results_in_bf16_are_those_in_f32_rounded_once() {
    let names = &mut BTreeSet::new();
    of_one_tensor(names);
    of_two_tensors(names);
    reductions(names);
    images(names);
    moves(names);
    let table = include_str!("../../ops.toml");
    let ops = table
        .lines()
        .take_while(|line| !line.starts_with("[functions"))
        .filter_map(|line| line.strip_prefix('[').and_then(|line| line.strip_suffix(']')));
    let missing: Vec<_> = ops.filter(|op| !names.contains(op) && !OTHERS.contains(op)).collect();
    assert!(missing.is_empty(), "{missing:?} have no case here, nor a reason in OTHERS");
    let both: Vec<_> = OTHERS.iter().filter(|op| names.contains(*op)).collect();
    assert!(both.is_empty(), "{both:?} have a case: take them out of OTHERS");
}

fn of_one_tensor(names: &mut BTreeSet<&'static str>) {
    for entry in [
        lt_relu(),
        lt_mish(),
        lt_silu(),
        lt_gelu(),
        lt_sigmoid(),
        lt_tanh(),
        lt_softplus(),
        lt_exp(),
        lt_log(),
        lt_sqrt(),
        lt_abs(),
        lt_sign(),
    ] {
        check(names, entry, &[], &[Special(LONG)]);
    }
    for entry in [
        lt_relu_backward(),
        lt_mish_backward(),
        lt_silu_backward(),
        lt_gelu_backward(),
        lt_sigmoid_backward(),
        lt_tanh_backward(),
        lt_softplus_backward(),
    ] {
        check(names, entry, &[], &[Special(LONG), Low(LONG)]);
    }
    check(names, lt_leaky_relu(), &[0.3], &[Special(LONG)]);
    check(names, lt_leaky_relu_backward(), &[0.3], &[Special(LONG), Low(LONG)]);
    check(names, lt_affine(), &[0.7, 0.1], &[Special(LONG)]);
    check(names, lt_clamp(), &[-0.6, 1.3], &[Special(LONG)]);
    check(names, lt_clamp_backward(), &[-0.6, 1.3], &[Special(LONG), Low(LONG)]);
    for exponent in [1.0, 2.0, 3.0, -1.0, 0.5, -0.5, 1.7] {
        check(names, lt_power(), &[exponent], &[Special(LONG)]);
    }
    let draw = || Whole(&[3], &[5, 2, 9]);
    for p in [0.0, 0.3, 1.0] {
        check(names, lt_dropout(), &[p], &[Special(LONG), draw()]);
        check(names, lt_stochastic_depth(), &[p], &[Special(LONG), draw()]);
    }
}

fn of_two_tensors(names: &mut BTreeSet<&'static str>) {
    for entry in [
        lt_add(),
        lt_sub(),
        lt_mul(),
        lt_div(),
        lt_maximum(),
        lt_minimum(),
        lt_equal(),
        lt_greater(),
        lt_greater_equal(),
        lt_less(),
        lt_less_equal(),
    ] {
        for (a, b) in [(LONG, LONG), (LONG, &LONG[2..]), (&[3, 1, 1], LONG), (&[2, 700, 33], &[33]), (&[], LONG)] {
            check(names, Entry { ..entry }, &[], &[Special(a), Special(b)]);
        }
    }
}

fn reductions(names: &mut BTreeSet<&'static str>) {
    for (dims, axes) in [
        (&[3, 40_000][..], &[1.0][..]),
        (&[20_011, 3], &[0.0]),
        (&[2, 57, 55, 32], &[1.0, 2.0]),
        (&[700, 513], &[0.0]),
        (&[14, 5, 60], &[0.0, 2.0]),
    ] {
        let params = [&[0.0], axes].concat();
        for entry in [lt_sum(), lt_mean(), lt_max(), lt_min()] {
            check(names, entry, &params, &[Low(dims)]);
        }
        check(names, lt_argmax(), &axes[..1], &[Special(dims)]);
    }
    for dims in [&[70, 33][..], &[3, 5_000], &[2, 40, 41]] {
        check(names, lt_softmax(), &[], &[Low(dims)]);
        check(names, lt_log_softmax(), &[], &[Low(dims)]);
        check(names, lt_causal_softmax(), &[], &[Low(dims)]);
        check(names, lt_softmax_backward(), &[], &[Low(dims), Low(dims)]);
        check(names, lt_log_softmax_backward(), &[], &[Low(dims), Low(dims)]);
    }
    let labels: Vec<i32> = (0..900).map(|i| i * 31 % 37).collect();
    for smoothing in [0.0, 0.1] {
        for target in [|labels| Whole(&[900], labels), |_| Wide(&[900, 37])] {
            check(names, lt_cross_entropy(), &[smoothing], &[Low(&[900, 37]), target(&labels)]);
            let inputs = [Low(&[900, 37]), target(&labels), Wide(&[])];
            check(names, lt_cross_entropy_backward(), &[smoothing], &inputs);
        }
    }
    let index: Vec<i32> = (0..90).map(|i| i * i % 11).collect();
    check(names, lt_gather_rows_backward(), &[13.0], &[Whole(&[90], &index), Low(&[90, 301])]);
}

fn images(names: &mut BTreeSet<&'static str>) {
    for x in [IMAGE, THIN] {
        let [n, h, w, c] = x.try_into().expect("an image");
        let sized = |params: &[f64]| [&[h as f64, w as f64], params].concat();
        for (kernel, stride, pad) in [(2, 2, 0), (3, 2, 1), (3, 1, 1)] {
            let out = |size: usize| (size + 2 * pad - kernel) / stride + 1;
            let y = &[n, out(h), out(w), c];
            let window = [kernel, kernel, stride, stride, pad, pad, 0].map(|size| size as f64);
            check(names, lt_max_pool2d(), &window, &[Special(x)]);
            check(names, lt_max_pool2d_backward(), &window, &[Special(x), Low(y)]);
            let window = [&window[..], &[0.0]].concat();
            check(names, lt_avg_pool2d(), &window, &[Low(x)]);
            check(names, lt_avg_pool2d_backward(), &sized(&window), &[Low(y)]);
        }
        for (taps, stride, reflect) in [(2.0, 1, 0.0), (3.0, 2, 1.0), (5.0, 2, 1.0)] {
            let out = |size: usize| (size - 1) / stride + 1;
            let (y, blur) = (&[n, out(h), out(w), c], [taps, stride as f64, reflect]);
            check(names, lt_blur_pool(), &blur, &[Low(x)]);
            check(names, lt_blur_pool_backward(), &sized(&blur), &[Low(y)]);
            for kernel in 1..4 {
                let (y, params) =
                    (&[n, out(h - kernel + 1), out(w - kernel + 1), c], [&[kernel as f64], &blur[..]].concat());
                check(names, lt_max_blur_pool(), &params, &[Special(x)]);
                check(names, lt_max_blur_pool_backward(), &params, &[Special(x), Low(y)]);
            }
        }
        for rule in [0.0, 1.0, 2.0] {
            check(names, lt_resample2d(), &[9.0, 31.0, rule, 0.0, 0.0], &[Low(x)]);
            check(names, lt_resample2d_backward(), &sized(&[rule, 0.0, 0.0]), &[Low(&[n, 9, 31, c])]);
        }
        let (channels, hidden) = (&[n, c], &[n, 6]);
        let ([rc, cr], [r1, c1]) = ([[6, c], [c, 6]], [[6], [c]]);
        let forward = [Low(x), Wide(&rc), Wide(&r1), Wide(&cr), Wide(&c1), Low(x)];
        let [pooled, hidden, gate] = [Wide(channels), Wide(hidden), Wide(channels)];
        let backward = [Low(x), Low(x), Wide(&rc), Wide(&cr), pooled, hidden, gate, Low(x)];
        for end in [0.0, 1.0, 2.0] {
            for left_out in [0, 1] {
                let (forward, backward) = (&forward[..6 - left_out], &backward[..8 - left_out]);
                check(names, lt_squeeze_excitation(), &[1.0, end], forward);
                check(names, lt_squeeze_excitation_backward(), &[1.0, end], backward);
            }
        }
    }
}

fn moves(names: &mut BTreeSet<&'static str>) {
    let x = &[3, 17, 701];
    check(names, lt_broadcast_to(), &[5.0, 3.0, 17.0, 701.0], &[Special(x)]);
    check(names, lt_slice(), &[1.0, 2.0, 3.0, 2.0, 7.0, 300.0], &[Special(x)]);
    check(names, lt_pad(), &[0.5, 0.0, 1.0, 2.0, 0.0, 3.0, 3.0], &[Special(x)]);
    check(names, lt_transpose(), &[2.0, 0.0, 1.0], &[Special(x)]);
    check(names, lt_concat(), &[1.0], &[Special(x), Special(&[3, 2, 701])]);
    check(names, lt_gather_rows(), &[], &[Special(x), Whole(&[4], &[2, 0, 2, 1])]);
    check(names, lt_where(), &[], &[Special(&[17, 1]), Special(x), Special(&[701])]);
}
