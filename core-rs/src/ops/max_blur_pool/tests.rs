use super::*;
use crate::ops::testing::{check, noise, wide};

#[test]
fn both_directions_match_the_definition() {
    for (kernel, taps, stride, reflect) in
        [(2, 3, 2, false), (2, 3, 2, true), (3, 3, 2, false), (1, 5, 1, true), (2, 2, 3, false), (4, 5, 2, true)]
    {
        for image in [[2, 9, 12, 3], [1, 6, 7, 29], [3, 7, 8, 8], [2, 50, 70, 16], [0, 7, 7, 2], [2, 7, 8, 0]] {
            let max_blur = MaxBlur { kernel, blur: Blur { taps, stride, reflect } };
            let s = max_blur.sizes("max_blur_pool", image).unwrap();
            // Few distinct values, so that many windows have several largest ones.
            let x: Vec<f32> = noise(image.iter().product()).iter().map(|x| (x * 4.0).round()).collect();
            let dy = noise(s.y("max_blur_pool").unwrap().len());
            let (mut y, mut dx) = (wide(&dy), wide(&x));
            reference::forward(&s, &wide(&x), &mut y);
            // NaN wins its windows, but leaves the gradient finite.
            let holed: Vec<f32> = x.iter().enumerate().map(|(i, &x)| if i % 11 == 3 { f32::NAN } else { x }).collect();
            reference::backward(&s, &wide(&holed), &wide(&dy), &mut dx);
            check(&y, |isa, pool, y| cpu::forward(isa, pool, &s, &x, y));
            check(&dx, |isa, pool, dx| backward::run(isa, pool, &s, &holed, &dy, dx));
        }
    }
}
