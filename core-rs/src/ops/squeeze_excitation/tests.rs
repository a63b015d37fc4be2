use super::*;
use crate::cpu::isa::Isa;
use crate::ops::testing::{check, noise, wide};

/// The buffers of a call in a row, so that one comparison covers all.
fn parts<T, const N: usize>(mut all: &mut [T], lengths: [usize; N]) -> [&mut [T]; N] {
    lengths.map(|len| all.split_off_mut(..len).expect("as long as all parts"))
}

fn context(isa: Isa, threads: usize) -> CpuContext {
    CpuContext { isa, ..CpuContext::new(threads).expect("a CPU") }
}

#[test]
fn both_directions_match_the_definition() {
    for (n, pixels, c, r) in
        [(3, 12, 8, 8), (1, 1, 1, 1), (2, 200, 33, 5), (5, 70, 64, 24), (0, 4, 8, 8), (2, 130, 3, 17)]
    {
        let s = Sizes { n, pixels, c, r };
        for activation in [Activation::Relu, Activation::Mish] {
            let (x, dy) = (noise(n * pixels * c), noise(n * pixels * c + 7).split_off(7));
            let [w1, b1, w2, b2] = [r * c, r, c * r, c].map(|len| noise(len + 3).split_off(3));
            let sizes = [x.len(), n * c, n * r, n * c];
            let mut want = vec![0.0; sizes.iter().sum()];
            let [y, made @ ..] = parts(&mut want, sizes);
            let weights = [&w1, &b1, &w2, &b2].map(|weight| wide(weight));
            reference::forward(&s, activation, &wide(&x), weights.each_ref().map(|weight| &weight[..]), y, made);
            check(&want, |isa, pool, got| {
                let [y, made @ ..] = parts(got, sizes);
                forward::run(&context(isa, pool.threads()), &s, activation, &x, [&w1, &b1, &w2, &b2], y, made);
            });
            let made: Vec<f32> = want[x.len()..].iter().map(|&value| value as f32).collect();
            let (pooled, rest) = made.split_at(n * c);
            let (hidden, gate) = rest.split_at(n * r);
            let inputs = [&dy, &x, &w1, &w2, pooled, hidden, gate];
            let sizes = [x.len(), r * c, r, c * r, c];
            let mut want = vec![0.0; sizes.iter().sum()];
            let exact = inputs.map(wide);
            reference::backward(&s, activation, exact.each_ref().map(|input| &input[..]), parts(&mut want, sizes));
            check(&want, |isa, pool, got| {
                backward::run(&context(isa, pool.threads()), &s, activation, inputs, parts(got, sizes));
            });
        }
    }
}
