use super::{causal, cpu, reference};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;

/// Rows of logits up to +-12, all different.
fn logits(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919 + 13) % 2401) as f32 / 100.0 - 12.0).collect()
}

fn close(got: &[f32], wanted: &[f64], what: &str) {
    // Gradients of about 1 cancel, so their rounding is relative to 1.
    let scale = wanted.iter().fold(0.5, |max: f64, w| max.max(w.abs()));
    for (got, wanted) in got.iter().zip(wanted) {
        assert!((*got as f64 - wanted).abs() <= 1e-6 * scale, "{what}: {got} against {wanted}");
    }
}

#[test]
fn matches_the_reference_at_awkward_sizes() {
    for (rows, size) in [(1, 1), (3, 10), (700, 33), (5, 5000), (70, 1000)] {
        let x = logits(rows * size);
        let dy: Vec<f32> = logits(rows * size).iter().rev().map(|x| x * 0.1).collect();
        let wide = |x: &[f32]| x.iter().map(|&x| x as f64).collect::<Vec<_>>();
        let (x64, dy64, mut wanted) = (wide(&x), wide(&dy), vec![0.0; x.len()]);
        for isa in Isa::available() {
            let [one, two] = [1, 2].map(|threads| CpuContext { pool: ThreadPool::new(threads), isa });
            let run = |f: &dyn Fn(&CpuContext, &mut [f32])| {
                let [mut a, mut b] = [(); 2].map(|_| vec![f32::NAN; x.len()]);
                f(&one, &mut a);
                f(&two, &mut b);
                assert_eq!(a, b, "threads must not matter");
                a
            };
            let what = |op: &str| format!("{op} {rows}x{size} {isa:?}");
            let y = run(&|context, y| cpu::softmax(context, size, &x, y));
            reference::softmax(size, &x64, &mut wanted);
            close(&y, &wanted, &what("softmax"));
            let dx = run(&|context, dx| cpu::softmax_backward(context, size, &y, &dy, dx));
            reference::softmax_backward(size, &wide(&y), &dy64, &mut wanted);
            close(&dx, &wanted, &what("softmax_backward"));
            let y = run(&|context, y| cpu::log_softmax(context, size, &x, y));
            reference::log_softmax(size, &x64, &mut wanted);
            close(&y, &wanted, &what("log_softmax"));
            let dx = run(&|context, dx| cpu::log_softmax_backward(context, size, &y, &dy, dx));
            reference::log_softmax_backward(size, &wide(&y), &dy64, &mut wanted);
            close(&dx, &wanted, &what("log_softmax_backward"));
        }
    }
}

#[test]
fn a_query_sees_the_keys_up_to_its_own_place() {
    for (matrices, queries, size) in [(1, 1, 1), (3, 5, 5), (2, 7, 4), (2, 4, 33), (6, 100, 100)] {
        let x = logits(matrices * queries * size);
        let x64: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let mut wanted = vec![f64::NAN; x.len()];
        causal::define(size, queries, &x64, &mut wanted);
        for isa in Isa::available() {
            let [one, two] = [1, 2].map(|threads| {
                let context = CpuContext { pool: ThreadPool::new(threads), isa };
                let mut y = vec![f32::NAN; x.len()];
                causal::run(&context, size, queries, &x, &mut y);
                y
            });
            assert_eq!(one, two, "threads must not matter");
            close(&one, &wanted, &format!("{matrices}x{queries}x{size} {isa:?}"));
            for (i, row) in one.chunks(size).enumerate() {
                assert!(row.iter().skip(i % queries + 1).all(|&y| y == 0.0), "row {i} sees what comes after it");
            }
        }
    }
}

#[test]
fn large_logits_are_safe_and_nan_spreads() {
    let context = CpuContext { pool: ThreadPool::new(1), isa: Isa::detect() };
    let mut y = [f32::NAN; 3];
    cpu::softmax(&context, 3, &[1e4, -1e4, f32::NEG_INFINITY], &mut y);
    assert_eq!(y, [1.0, 0.0, 0.0]);
    cpu::log_softmax(&context, 3, &[1e4, -1e4, 1e4], &mut y);
    assert!((y[0] + std::f32::consts::LN_2).abs() < 1e-6 && (y[1] + 2e4).abs() < 1.0);
    for softmax in [cpu::softmax, cpu::log_softmax] {
        softmax(&context, 3, &[0.0, f32::NAN, 1.0], &mut y);
        assert!(y.iter().all(|y| y.is_nan()));
    }
}
