use super::*;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::ops::testing::{check, noise, stored, stored_wide, wide};

/// The buffers of a call in a row, so that one comparison covers all.
fn parts<T, const N: usize>(mut all: &mut [T], lengths: [usize; N]) -> [&mut [T]; N] {
    lengths.map(|len| all.split_off_mut(..len).expect("as long as all parts"))
}

fn context(isa: Isa, threads: usize) -> CpuContext {
    CpuContext { isa, ..CpuContext::new(threads).expect("a CPU") }
}

#[test]
fn both_directions_match_the_definition() {
    both_directions::<f32>();
    both_directions::<Bf16>();
}

fn both_directions<S: Stored>() {
    let plain =
        [Activation::Relu, Activation::Mish].map(|hidden| (Activations { hidden, end: Activation::None }, false));
    for (n, pixels, c, r) in
        [(3, 12, 8, 8), (1, 1, 1, 1), (2, 200, 33, 5), (5, 70, 64, 24), (0, 4, 8, 8), (2, 130, 3, 17)]
    {
        let s = Sizes { n, pixels, c, r };
        for (activations, residual) in plain {
            matches_the_definition::<S>(&s, activations, residual);
        }
        for end in [Activation::None, Activation::Relu, Activation::Mish] {
            matches_the_definition::<S>(&s, Activations { hidden: Activation::Mish, end }, true);
        }
        matches_the_definition::<S>(&s, Activations { hidden: Activation::Relu, end: Activation::Mish }, false);
    }
}

#[test]
fn every_activation_may_end_it() {
    let s = Sizes { n: 2, pixels: 70, c: 21, r: 5 };
    for end in Activation::ALL {
        for residual in [false, true] {
            matches_the_definition::<f32>(&s, Activations { hidden: Activation::Silu, end }, residual);
            matches_the_definition::<Bf16>(&s, Activations { hidden: Activation::Silu, end }, residual);
        }
    }
}

/// Results in f32 are compared with the definition as those of an f32 kernel, whatever S is.
fn matches_the_definition<S: Stored>(s: &Sizes, activations: Activations, residual: bool) {
    let Sizes { n, pixels, c, r } = *s;
    let len = n * pixels * c;
    let [x, dy, added] = [0, 7, 11].map(|skip| stored::<S>(&noise(len + skip)[skip..]));
    let residual = residual.then_some(&added[..]);
    let [w1, b1, w2, b2] = [r * c, r, c * r, c].map(|len| noise(len + 3).split_off(3));
    let sizes = [n * c, n * r, n * c];
    let (mut want_y, mut want) = (vec![0.0; len], vec![0.0; sizes.iter().sum()]);
    let weights = [&w1, &b1, &w2, &b2].map(|weight| wide(weight));
    let weights = weights.each_ref().map(|weight| &weight[..]);
    let (exact_x, exact_residual) = (stored_wide(&x), residual.map(stored_wide));
    let exact_residual = exact_residual.as_deref();
    reference::forward(s, activations, &exact_x, exact_residual, weights, &mut want_y, parts(&mut want, sizes));
    let forward = |isa, pool: &ThreadPool, y: &mut [S], made: &mut [f32]| {
        let (context, weights) = (context(isa, pool.threads()), [&w1[..], &b1, &w2, &b2]);
        forward::run(&context, s, activations, (&x, residual), weights, y, parts(made, sizes));
    };
    check(&want_y, |isa, pool, y: &mut [S]| forward(isa, pool, y, &mut vec![0.0; sizes.iter().sum()]));
    check(&want, |isa, pool, made: &mut [f32]| forward(isa, pool, &mut vec![S::round(0.0); len], made));
    let made: Vec<f32> = want.iter().map(|&value| value as f32).collect();
    let (pooled, rest) = made.split_at(n * c);
    let (hidden, gate) = rest.split_at(n * r);
    let sizes = [r * c, r, c * r, c];
    // dx, and the residual's gradient behind it.
    let images = len + residual.map_or(0, <[S]>::len);
    let (mut want_images, mut want) = (vec![0.0; images], vec![0.0; sizes.iter().sum()]);
    let made: [&[f32]; 5] = [&w1, &w2, pooled, hidden, gate];
    let [w1, w2, pooled, hidden, gate] = made.map(wide);
    let exact = [&stored_wide(&dy)[..], &exact_x, &w1, &w2, &pooled, &hidden, &gate];
    let ([dw1, db1, dw2, db2], (dx, dresidual)) = (parts(&mut want, sizes), want_images.split_at_mut(len));
    let dresidual = residual.is_some().then_some(dresidual);
    reference::backward(s, activations, exact, exact_residual, [dx, dw1, db1, dw2, db2], dresidual);
    let backward = |isa, pool: &ThreadPool, images: &mut [S], gradients: &mut [f32]| {
        let (dx, dresidual) = images.split_at_mut(len);
        let dresidual = residual.is_some().then_some(dresidual);
        let images = backward::Images { dy: &dy, x: &x, residual, dx, dresidual };
        backward::run(&context(isa, pool.threads()), s, activations, images, made, parts(gradients, sizes));
    };
    check(&want_images, |isa, pool, images: &mut [S]| {
        backward(isa, pool, images, &mut vec![0.0; sizes.iter().sum()]);
    });
    check(&want, |isa, pool, gradients: &mut [f32]| {
        backward(isa, pool, &mut vec![S::round(0.0); images], gradients);
    });
}
