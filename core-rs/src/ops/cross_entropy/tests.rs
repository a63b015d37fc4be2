use super::{Target, check_labels, cpu, reference};
use crate::cpu::CpuContext;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;

fn noise(len: usize, scale: f32) -> Vec<f32> {
    (0..len).map(|i| (((i * 7919 + 13) % 2401) as f32 / 1200.0 - 1.0) * scale).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| x as f64).collect()
}

fn check(rows: usize, classes: usize, scale: f32, target: Target<f32>, target64: Target<f64>) {
    let logits = noise(rows * classes, scale);
    let logits64 = wide(&logits);
    for smoothing in [0.0, 0.1] {
        let wanted = reference::forward(smoothing, classes, &logits64, target64);
        let mut wanted_dx = vec![0.0; logits.len()];
        reference::backward(smoothing, classes, &logits64, target64, 0.5, &mut wanted_dx);
        for isa in Isa::available() {
            let runs = [1, 2].map(|threads| {
                let context = CpuContext { pool: ThreadPool::new(threads), isa };
                let mut dx = vec![f32::NAN; logits.len()];
                cpu::backward(&context, smoothing, classes, &logits, target, 0.5, &mut dx);
                (cpu::forward(&context, smoothing, classes, &logits, target), dx)
            });
            assert_eq!(runs[0], runs[1], "threads must not matter");
            let (loss, dx) = &runs[0];
            let error = (*loss as f64 - wanted).abs();
            assert!(error <= 3e-7 * wanted.abs().max(1.0), "{rows}x{classes} {isa:?}: {loss} against {wanted}");
            for (dx, wanted) in dx.iter().zip(&wanted_dx) {
                assert!((*dx as f64 - wanted).abs() <= 3e-7 * 0.5 / rows as f64, "{dx:e} against {wanted:e}");
            }
        }
    }
}

#[test]
fn matches_the_reference_with_labels_and_weights() {
    for (rows, classes, scale) in [(1, 1, 1.0), (7, 10, 5.0), (900, 37, 3.0), (3, 1000, 1e4), (40, 1000, 8.0)] {
        let labels: Vec<i32> = (0..rows).map(|i| (i * 31 % classes) as i32).collect();
        check(rows, classes, scale, Target::Labels(&labels), Target::Labels(&labels));
        // Rows as MixUp makes them: two classes share the weight.
        let mut weights = vec![0.0f32; rows * classes];
        for (row, &label) in labels.iter().enumerate() {
            weights[row * classes + label as usize] += 0.75;
            weights[row * classes + (label as usize + 3) % classes] += 0.25;
        }
        check(rows, classes, scale, Target::Weights(&weights), Target::Weights(&wide(&weights)));
    }
}

#[test]
fn a_label_that_is_no_class_is_named() {
    assert!(check_labels("cross_entropy", &[0, 9], 10).is_ok());
    for bad in [-1, 10] {
        let error = check_labels("cross_entropy", &[0, 3, bad, 11], 10).unwrap_err().to_string();
        assert_eq!(error, format!("cross_entropy(): Expected labels from 0 to 9 (10 classes), got {bad} in row 2"));
    }
}

#[test]
fn a_class_without_weight_may_have_no_probability() {
    let context = CpuContext { pool: ThreadPool::new(1), isa: Isa::detect() };
    let logits = [0.0, f32::NEG_INFINITY, 0.0];
    for target in [Target::Labels(&[0]), Target::Weights(&[1.0, 0.0, 0.0])] {
        let loss = cpu::forward(&context, 0.0, 3, &logits, target);
        assert!((loss - std::f32::consts::LN_2).abs() < 1e-6, "{loss}");
    }
}
