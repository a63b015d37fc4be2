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

/// Results in f32 are compared with the definition as those of an f32 kernel, whatever S is.
fn both_directions<S: Stored>() {
    for (n, pixels, c, r) in
        [(3, 12, 8, 8), (1, 1, 1, 1), (2, 200, 33, 5), (5, 70, 64, 24), (0, 4, 8, 8), (2, 130, 3, 17)]
    {
        let s = Sizes { n, pixels, c, r };
        for activation in [Activation::Relu, Activation::Mish] {
            let len = n * pixels * c;
            let [x, dy] = [0, 7].map(|skip| stored::<S>(&noise(len + skip)[skip..]));
            let [w1, b1, w2, b2] = [r * c, r, c * r, c].map(|len| noise(len + 3).split_off(3));
            let sizes = [n * c, n * r, n * c];
            let (mut want_y, mut want) = (vec![0.0; len], vec![0.0; sizes.iter().sum()]);
            let weights = [&w1, &b1, &w2, &b2].map(|weight| wide(weight));
            let weights = weights.each_ref().map(|weight| &weight[..]);
            reference::forward(&s, activation, &stored_wide(&x), weights, &mut want_y, parts(&mut want, sizes));
            let forward = |isa, pool: &ThreadPool, y: &mut [S], made: &mut [f32]| {
                let context = context(isa, pool.threads());
                forward::run(&context, &s, activation, &x, [&w1, &b1, &w2, &b2], y, parts(made, sizes));
            };
            check(&want_y, |isa, pool, y: &mut [S]| forward(isa, pool, y, &mut vec![0.0; sizes.iter().sum()]));
            check(&want, |isa, pool, made: &mut [f32]| forward(isa, pool, &mut vec![S::round(0.0); len], made));
            let made: Vec<f32> = want.iter().map(|&value| value as f32).collect();
            let (pooled, rest) = made.split_at(n * c);
            let (hidden, gate) = rest.split_at(n * r);
            let sizes = [r * c, r, c * r, c];
            let (mut want_dx, mut want) = (vec![0.0; len], vec![0.0; sizes.iter().sum()]);
            let made: [&[f32]; 5] = [&w1, &w2, pooled, hidden, gate];
            let [w1, w2, pooled, hidden, gate] = made.map(wide);
            let exact = [&stored_wide(&dy)[..], &stored_wide(&x), &w1, &w2, &pooled, &hidden, &gate];
            let [dw1, db1, dw2, db2] = parts(&mut want, sizes);
            reference::backward(&s, activation, exact, [&mut want_dx, dw1, db1, dw2, db2]);
            let backward = |isa, pool: &ThreadPool, dx: &mut [S], gradients: &mut [f32]| {
                let context = context(isa, pool.threads());
                backward::run(&context, &s, activation, [&dy, &x], made, dx, parts(gradients, sizes));
            };
            check(&want_dx, |isa, pool, dx: &mut [S]| backward(isa, pool, dx, &mut vec![0.0; sizes.iter().sum()]));
            check(&want, |isa, pool, made: &mut [f32]| backward(isa, pool, &mut vec![S::round(0.0); len], made));
        }
    }
}
