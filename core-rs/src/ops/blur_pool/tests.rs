use super::*;
use crate::dtype::Stored;
use crate::ops::testing::{check, noise, stored, stored_wide};

#[test]
fn both_directions_match_the_definition() {
    both_directions::<f32>();
    both_directions::<Bf16>();
}

fn both_directions<S: Stored>() {
    for (taps, stride, reflect) in [
        (2, 2, false),
        (2, 1, true),
        (3, 2, false),
        (3, 2, true),
        (3, 1, false),
        (5, 2, true),
        (5, 3, false),
        (3, 7, true),
    ] {
        for image in [[2, 9, 12, 3], [1, 4, 5, 29], [3, 3, 3, 8], [2, 80, 70, 16], [0, 3, 3, 2], [2, 3, 4, 0]] {
            let s = Blur { taps, stride, reflect }.sizes("blur_pool", image).unwrap();
            let [x, dy] = [s.n * s.h * s.w * s.c, s.n * s.oh * s.ow * s.c].map(|len| stored::<S>(&noise(len)));
            let (mut y, mut dx) = (stored_wide(&dy), stored_wide(&x));
            reference::forward(&s, &stored_wide(&x), &mut y);
            reference::backward(&s, &stored_wide(&dy), &mut dx);
            check(&y, |isa, pool, y| cpu::forward(isa, pool, &s, &x, y));
            check(&dx, |isa, pool, dx| cpu::backward(isa, pool, &s, &dy, dx));
        }
    }
}

#[test]
fn a_single_pixel_keeps_the_middle_tap() {
    let s = Blur { taps: 3, stride: 2, reflect: false }.sizes("blur_pool", [1, 1, 1, 1]).unwrap();
    let mut y = [0.0];
    reference::forward(&s, &[4.0], &mut y);
    assert_eq!(y, [1.0]);
    assert!(Blur { taps: 3, stride: 2, reflect: true }.sizes("blur_pool", [1, 1, 9, 1]).is_err());
}
