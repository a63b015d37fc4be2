use super::*;
use crate::ops::testing::{check, noise, stored, stored_wide, wide};

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
        // A long reduction of few pixels, which is cut.
        shape(1, [2, 3], [1600, 40], 1, 1, 1),
    ]
}

fn tail(seed: usize, len: usize) -> Vec<f32> {
    noise(len + seed).split_off(seed)
}

fn matches_the_definition<S: Stored>() {
    for s in shapes() {
        let scale = 1.0 / ((s.kh * s.kw * s.c / s.groups) as f32).sqrt();
        let (x, bias) = (stored::<S>(&noise(s.n * s.h * s.w * s.c)), tail(3, s.out));
        let weight: Vec<f32> = tail(7, s.out * s.kh * s.kw * s.c / s.groups).iter().map(|w| w * scale).collect();
        let (weight, residual) = (stored::<S>(&weight), stored::<S>(&tail(11, s.n * s.oh * s.ow * s.out)));
        for activation in Activation::ALL {
            for (biased, added) in [(true, true), (true, false), (false, true), (false, false)] {
                let (bias, residual) = (biased.then_some(&bias[..]), added.then_some(&residual[..]));
                let (wide_bias, wide_residual) = (bias.map(wide), residual.map(stored_wide));
                let mut want = vec![0.0; s.n * s.oh * s.ow * s.out];
                let (bias_of, residual_of) = (wide_bias.as_deref(), wide_residual.as_deref());
                let (wide_x, wide_weight) = (stored_wide(&x), stored_wide(&weight));
                reference::forward(&s, activation, &wide_x, &wide_weight, bias_of, residual_of, &mut want);
                let then = BiasAct { activation, bias, residual };
                assert_eq!(then.changes(), biased || added || activation != Activation::None);
                check::<S>(&want, |isa, pool, y| {
                    conv::conv2d_forward_then(isa, pool, &s, &x, &weight, y, Some(&then));
                });
            }
        }
    }
}

#[test]
fn a_convolution_with_what_follows_it_matches_the_definition() {
    matches_the_definition::<f32>();
    matches_the_definition::<Bf16>();
}
