//! GFLOP/s of convolutions: forward, input gradient, weight gradient.
//!
//! `bench_conv [isa] [threads] [least groups]`

use libtrain::cpu::conv::{ConvShape, conv2d_backward_input, conv2d_backward_weight, conv2d_forward};
use libtrain::cpu::{isa::Isa, pool::ThreadPool};
use std::time::Instant;

/// Batch, image side, channels in, channels out, window side, stride, groups.
const SHAPES: &[[usize; 7]] = &[
    [128, 28, 1, 16, 3, 1, 1],
    [128, 28, 3, 16, 3, 1, 1],
    [128, 28, 16, 16, 3, 1, 1],
    [128, 28, 16, 32, 3, 2, 1],
    [128, 28, 16, 32, 1, 2, 1],
    [128, 14, 32, 32, 3, 1, 1],
    [128, 14, 32, 64, 3, 2, 1],
    [128, 14, 32, 64, 1, 1, 1],
    [128, 7, 64, 64, 3, 1, 1],
    [128, 7, 64, 128, 3, 1, 1],
    [128, 7, 64, 128, 1, 1, 1],
    [32, 32, 64, 256, 1, 1, 1],
    [32, 32, 256, 64, 1, 1, 1],
    [32, 32, 64, 64, 3, 1, 1],
    [32, 16, 128, 128, 3, 1, 1],
    [32, 8, 1024, 512, 1, 1, 1],
    [32, 8, 256, 256, 3, 1, 1],
    [8, 112, 3, 64, 7, 2, 1],
    [32, 32, 64, 128, 1, 1, 1],
    [32, 32, 128, 256, 1, 1, 1],
    [32, 32, 256, 128, 1, 1, 1],
    [32, 32, 256, 256, 1, 1, 1],
    [32, 16, 256, 512, 1, 1, 1],
    [32, 16, 512, 256, 1, 1, 1],
    [32, 16, 512, 512, 1, 1, 1],
    [32, 8, 512, 1024, 1, 1, 1],
    [32, 4, 1024, 2048, 1, 1, 1],
    [32, 4, 2048, 1024, 1, 1, 1],
    [32, 128, 3, 32, 3, 2, 1],
    [32, 64, 32, 32, 3, 1, 1],
    [32, 64, 32, 64, 3, 1, 1],
    [32, 32, 128, 128, 3, 1, 32],
    [32, 32, 256, 256, 3, 2, 32],
    [32, 16, 256, 256, 3, 1, 32],
    [32, 16, 512, 512, 3, 2, 32],
    [32, 8, 512, 512, 3, 1, 32],
    [32, 8, 1024, 1024, 3, 2, 32],
    [32, 4, 1024, 1024, 3, 1, 32],
];

fn best_seconds(mut f: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < 0.3 {
        let one = Instant::now();
        f();
        best = best.min(one.elapsed().as_secs_f64());
    }
    best
}

fn main() {
    let mut args = std::env::args().skip(1);
    let isa = args.next().and_then(|name| Isa::parse(&name)).unwrap_or_else(Isa::detect);
    let threads = args.next().and_then(|count| count.parse().ok()).unwrap_or(2);
    let least_groups = args.next().and_then(|count| count.parse().ok()).unwrap_or(1);
    let pool = ThreadPool::new(threads);
    println!("{} x {threads}: GFLOP/s forward, input gradient, weight gradient", isa.name());
    for &[n, side, c, out, k, stride, groups] in SHAPES.iter().filter(|shape| shape[6] >= least_groups) {
        let pad = k / 2;
        let size = ConvShape::output_size(side, k, stride, pad);
        let shape = ConvShape {
            n,
            h: side,
            w: side,
            c,
            out,
            kh: k,
            kw: k,
            stride_h: stride,
            stride_w: stride,
            pad_h: pad,
            pad_w: pad,
            groups,
            oh: size,
            ow: size,
        };
        let mut x = vec![0.5; n * side * side * c];
        let mut w = vec![0.25; out * k * k * c / groups];
        let mut y = vec![0.125; n * size * size * out];
        let seconds = [
            best_seconds(|| conv2d_forward(isa, &pool, &shape, &x, &w, &mut y)),
            best_seconds(|| conv2d_backward_input(isa, &pool, &shape, &y, &w, &mut x)),
            best_seconds(|| conv2d_backward_weight(isa, &pool, &shape, &x, &y, &mut w)),
        ];
        let flop = 2e-9 * (n * size * size * out * k * k * c / groups) as f64;
        let [forward, input, weight] = seconds.map(|s| flop / s);
        println!(
            "{n:4} x {side:3}^2 {c:4} -> {out:4} {k}x{k}/{stride} {groups:3}: {forward:6.1} {input:6.1} {weight:6.1}"
        );
    }
}
