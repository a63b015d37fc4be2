//! GFLOP/s of matrix products, next to the processor's measured multiply-add peak.

use libtrain::cpu::gemm::{Mat, gemm, gemm_batch};
use libtrain::cpu::{isa::Isa, pool::ThreadPool};
use std::hint::black_box;
use std::time::Instant;

/// Independent accumulators: enough to cover the latency of a multiply-add, and no more than
/// the registers hold.
const CHAINS: usize = 96;

libtrain::multiversion! {
    /// Independent multiply-adds in registers.
    fn peak_loop<A>(rounds: usize, x: f32, sums: &mut [f32; CHAINS]) {
        let mut acc = *sums;
        for _ in 0..rounds {
            for a in &mut acc {
                *a = A::madd(*a, x, x);
            }
        }
        *sums = acc;
    }
}

fn best_seconds(mut f: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < 0.25 {
        let one = Instant::now();
        f();
        best = best.min(one.elapsed().as_secs_f64());
    }
    best
}

/// GFLOP/s of multiply-adds alone (for the portable set, 96 chains spill: a lower bound).
fn peak(isa: Isa, pool: &ThreadPool) -> f64 {
    const ROUNDS: usize = 400_000;
    let seconds = best_seconds(|| {
        pool.run(pool.threads(), &|_| {
            let mut sums = [0.5; CHAINS];
            peak_loop(isa, ROUNDS, black_box(0.5), &mut sums);
            black_box(sums);
        });
    });
    2e-9 * (CHAINS * ROUNDS * pool.threads()) as f64 / seconds
}

fn main() {
    let filter = std::env::args().nth(1).and_then(|name| Isa::parse(&name));
    for isa in Isa::available().into_iter().filter(|&isa| filter.is_none_or(|f| f == isa)) {
        for threads in [1, 2] {
            let pool = ThreadPool::new(threads);
            println!("{} x {threads}: peak {:.1} GFLOP/s", isa.name(), peak(isa, &pool));
            for (m, n, k) in [
                (1024, 1024, 1024),
                (2048, 2048, 2048),
                (512, 512, 512),
                (128, 128, 128),
                (64, 64, 64),
                (64, 10, 128),
                (128, 512, 784),
                (8, 1024, 1024),
                (1, 1024, 1024),
                (32, 288, 50_000),
                (50_000, 16, 144),
                (32_768, 64, 256),
                (32_768, 256, 64),
                (2048, 512, 1024),
            ] {
                let (a, b) = (vec![0.5; m * k], vec![0.25; k * n]);
                let mut c = vec![0.0; m * n];
                print!("{m:6} {n:5} {k:6}");
                for (name, ta, tb) in [("nn", false, false), ("nt", false, true), ("tn", true, false)] {
                    let a = if ta { Mat::row_major(&a, m).transposed() } else { Mat::row_major(&a, k) };
                    let b = if tb { Mat::row_major(&b, k).transposed() } else { Mat::row_major(&b, n) };
                    let seconds = best_seconds(|| gemm(isa, &pool, m, n, k, a, b, &mut c, false));
                    print!("  {name} {:6.1}", 2e-9 * (m * n * k) as f64 / seconds);
                }
                println!();
            }
            let (batch, m, n, k) = (512, 49, 49, 32);
            let (a, b) = (vec![0.5; batch * m * k], vec![0.25; batch * k * n]);
            let mut c = vec![0.0; batch * m * n];
            let a = (Mat::row_major(&a, k), m * k);
            let b = (Mat::row_major(&b, k).transposed(), n * k);
            let seconds = best_seconds(|| gemm_batch(isa, &pool, batch, m, n, k, a, b, &mut c, false));
            let rate = 2e-9 * (batch * m * n * k) as f64 / seconds;
            println!("batch {batch} of {m} {n} {k}: {rate:.1}");
        }
    }
}
