//! GFLOP/s of the matrix products that the entry's training step is made of, here and by gemmkit, in turn on the same
//! operands; the fastest of some rounds counts.

use gemmkit::{GemmScalar, MatMut, MatRef, Parallelism, gemm as rival};
use half::bf16;
use libtrain::cpu::CpuContext;
use libtrain::cpu::gemm::{Mat, gemm};
use libtrain::dtype::{Bf16, Stored};
use std::time::Instant;

const ROUNDS: usize = 15;

/// What a 1x1 convolution multiplies: pixels, channels in, channels out.
const SHAPES: [(usize, usize, usize); 6] =
    [(32_768, 128, 256), (32_768, 256, 256), (8192, 256, 512), (8192, 512, 512), (2048, 512, 1024), (512, 1024, 2048)];

/// Numbers from -1 to 1.
fn noise(len: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// The fastest of some rounds of each, in seconds.
fn in_turn(mut ours: impl FnMut(), mut theirs: impl FnMut()) -> [f64; 2] {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..=ROUNDS {
        for (best, run) in best.iter_mut().zip([&mut ours as &mut dyn FnMut(), &mut theirs]) {
            let start = Instant::now();
            run();
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    best
}

/// All products of one dtype, which is `S` here and `T` there.
fn all<S: Stored, T: GemmScalar>(name: &str, context: &CpuContext, to: impl Fn(f32) -> T, one: T, zero: T) {
    let threads = context.pool.threads();
    for (pixels, from, out) in SHAPES {
        let stored = |len| noise(len).into_iter().map(S::round).collect::<Vec<_>>();
        let given = |values: &[S]| values.iter().map(|value| to(value.widen())).collect::<Vec<_>>();
        let (x, w, dy) = (stored(pixels * from), stored(out * from), stored(pixels * out));
        let (their_x, their_w, their_dy) = (given(&x), given(&w), given(&dy));
        // The result [m, n] of a sum over k; which operands, and whether the first or second is transposed.
        let products = [
            ("y", (pixels, out, from), (&x, &w), (&their_x, &their_w), [false, true]),
            ("dx", (pixels, from, out), (&dy, &w), (&their_dy, &their_w), [false, false]),
            ("dw", (out, from, pixels), (&dy, &x), (&their_dy, &their_x), [true, false]),
        ];
        for (what, (m, n, k), (a, b), (their_a, their_b), [turn_a, turn_b]) in products {
            let (mut c, mut their_c) = (vec![S::round(0.0); m * n], vec![zero; m * n]);
            let ours = || {
                let a = if turn_a { Mat::row_major(a, m).transposed() } else { Mat::row_major(a, k) };
                let b = if turn_b { Mat::row_major(b, k).transposed() } else { Mat::row_major(b, n) };
                gemm(context.isa, &context.pool, m, n, k, a, b, &mut c, false);
            };
            let theirs = || {
                let a = if turn_a { MatRef::from_col_major(their_a, m, k) } else { MatRef::from_row_major(their_a, m, k) };
                let b = if turn_b { MatRef::from_col_major(their_b, k, n) } else { MatRef::from_row_major(their_b, k, n) };
                rival(one, a, b, zero, MatMut::from_row_major(&mut their_c, m, n), Parallelism::Rayon(threads));
            };
            let flops = 2.0 * (m * n * k) as f64;
            let [ours, theirs] = in_turn(ours, theirs).map(|seconds| flops / seconds / 1e9);
            println!("{name:5} {pixels:6} x {from:5} -> {out:5}  {what:3} {ours:6.0} {theirs:8.0} {:6.2}x", ours / theirs);
        }
    }
}

fn main() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let context = CpuContext::new(threads).expect("a CPU that the library knows");
    println!("GFLOP/s on {threads} threads, {}\n{:36} {:>6} {:>8}", context.isa.name(), "product", "ours", "gemmkit");
    all::<f32, f32>("f32", &context, |x| x, 1.0, 0.0);
    all::<Bf16, bf16>("bf16", &context, bf16::from_f32, bf16::ONE, bf16::ZERO);
}
