use super::*;
use crate::dtype::{Bf16, Stored};
use crate::geometry::conv::ConvShape;
use crate::ops::testing::{check, noise, wide};

fn shape(n: usize, size: [usize; 2], [c, out]: [usize; 2], kernel: usize, stride: usize, groups: usize) -> ConvShape {
    let ([h, w], pad) = (size, kernel / 2);
    let along = |size: usize| (size + 2 * pad - kernel) / stride + 1;
    let (stride_h, stride_w, pad_h, pad_w) = (stride, stride, pad, pad);
    let (oh, ow) = (along(h), along(w));
    ConvShape { n, h, w, c, out, kh: kernel, kw: kernel, stride_h, stride_w, pad_h, pad_w, groups, oh, ow }
}

/// Whole blocks and tails of images, channels and registers; every kernel of the convolution.
fn shapes() -> Vec<ConvShape> {
    vec![
        shape(2, [9, 7], [3, 17], 3, 2, 1),
        shape(1, [8, 8], [32, 64], 1, 1, 1),
        shape(1, [5, 3], [64, 33], 1, 1, 1),
        shape(3, [7, 7], [32, 32], 3, 1, 4),
        shape(1, [11, 6], [6, 12], 3, 2, 3),
        shape(2, [6, 5], [9, 9], 3, 1, 9),
        shape(1, [1, 1], [5, 1], 1, 1, 1),
        shape(2, [40, 30], [4, 48], 3, 1, 1),
        shape(0, [4, 4], [3, 8], 3, 1, 1),
    ]
}

fn tail(seed: usize, len: usize) -> Vec<f32> {
    noise(len + seed).split_off(seed)
}

fn rounded<S: Stored>(x: &[f32]) -> Vec<S> {
    x.iter().map(|&x| S::round(x)).collect()
}

fn widened<S: Stored>(x: &[S]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

#[test]
fn a_convolution_with_what_follows_it_matches_the_definition() {
    for s in shapes() {
        let scale = 1.0 / ((s.kh * s.kw * s.c / s.groups) as f32).sqrt();
        let (x, bias) = (noise(s.n * s.h * s.w * s.c), tail(3, s.out));
        let weight: Vec<f32> = tail(7, s.out * s.kh * s.kw * s.c / s.groups).iter().map(|w| w * scale).collect();
        let residual = tail(11, s.n * s.oh * s.ow * s.out);
        for activation in Activation::ALL {
            for (biased, added) in [(true, true), (true, false), (false, true), (false, false)] {
                let (bias, residual) = (biased.then_some(&bias[..]), added.then_some(&residual[..]));
                let (wide_bias, wide_residual) = (bias.map(wide), residual.map(wide));
                let mut want = vec![0.0; s.n * s.oh * s.ow * s.out];
                let (bias_of, residual_of) = (wide_bias.as_deref(), wide_residual.as_deref());
                reference::forward(&s, activation, &wide(&x), &wide(&weight), bias_of, residual_of, &mut want);
                check::<f32>(&want, |isa, pool, y| {
                    let context = CpuContext { isa, ..CpuContext::new(pool.threads()).expect("a CPU") };
                    conv::conv2d_forward(isa, pool, &s, &x, &weight, y);
                    Epilogue::new(s.out, y.len(), activation, bias, residual).run(&context, y);
                });
            }
        }
    }
}

/// The pass alone: `y` stands for what the convolution has written.
fn pass<S: Stored>() {
    for (rows, channels) in [(1, 1), (7, 5), (3, 64), (1, 1000), (130, 33), (700, 96)] {
        let len = rows * channels;
        let (before, residual, bias) = (rounded::<S>(&noise(len)), rounded::<S>(&tail(5, len)), tail(9, channels));
        for activation in Activation::ALL {
            for residual in [None, Some(&residual[..])] {
                let more = residual.map_or(vec![0.0; len], widened);
                let want: Vec<f64> = (0..len)
                    .map(|i| activation.apply(before[i].to_f64() + f64::from(bias[i % channels]) + more[i]))
                    .collect();
                check::<S>(&want, |isa, pool, y| {
                    let context = CpuContext { isa, ..CpuContext::new(pool.threads()).expect("a CPU") };
                    y.copy_from_slice(&before);
                    let epilogue = Epilogue::new(channels, len, activation, Some(&bias), residual);
                    if pool.threads() == 1 {
                        return epilogue.run(&context, y);
                    }
                    // Pixel by pixel, as a convolution that has just written one.
                    y.chunks_mut(channels).enumerate().for_each(|(row, y)| epilogue.apply(isa, row * channels, y));
                });
            }
        }
    }
}

#[test]
fn bias_residual_and_activation_match_their_definition_in_f32_and_bf16() {
    pass::<f32>();
    pass::<Bf16>();
}

#[test]
fn what_changes_nothing_leaves_the_result_as_it_is() {
    let context = CpuContext::new(1).expect("a CPU");
    let mut y = [-0.0f32, f32::NAN, 1.5];
    Epilogue::new(3, 3, Activation::None, None, None).run(&context, &mut y);
    assert!(y[0].is_sign_negative() && y[1].is_nan() && y[2] == 1.5);
}
