use super::*;
use crate::dtype::Stored;
use crate::ops::max_pool2d::tests::cases;
use crate::ops::testing::{check, noise, stored, stored_wide};

#[test]
fn both_directions_match_the_definition() {
    both_directions::<f32>();
    both_directions::<Bf16>();
}

fn both_directions<S: Stored>() {
    for (s, count_pad) in cases().flat_map(|s| [(s, false), (s, true)]) {
        let (image, pooled) = (s.image("pool").unwrap().len(), s.pooled("pool").unwrap().len());
        let [x, dy] = [image, pooled].map(|len| stored::<S>(&noise(len)));
        let (mut y, mut dx) = (stored_wide(&dy), stored_wide(&x));
        reference::forward(&s, count_pad, &stored_wide(&x), &mut y);
        reference::backward(&s, count_pad, &stored_wide(&dy), &mut dx);
        check(&y, |isa, pool, y| cpu::forward(isa, pool, &s, count_pad, &x, y));
        check(&dx, |isa, pool, dx| cpu::backward(isa, pool, &s, count_pad, &dy, dx));
    }
}

#[test]
fn divisors_follow_pytorch() {
    let window = Window { kernel: [3, 3], stride: [2, 2], pad: [1, 1], ceil: true };
    let axis = window.sizes("pool", [1, 6, 6, 1]).unwrap().rows;
    let divisors = |count_pad| (0..axis.out).map(|out| divisor(&axis, out, count_pad)).collect::<Vec<_>>();
    assert_eq!(divisors(false), [2, 3, 3, 1]);
    assert_eq!(divisors(true), [3, 3, 3, 2]);
}
