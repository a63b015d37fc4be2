use super::*;
use crate::dtype::Stored;
use crate::ops::testing::{check, noise, stored, stored_wide};

#[test]
fn both_directions_match_the_definition() {
    both_directions::<f32>();
    both_directions::<Bf16>();
}

fn both_directions<S: Stored>() {
    for (kernel, taps, stride, reflect) in
        [(2, 3, 2, false), (2, 3, 2, true), (3, 3, 2, false), (1, 5, 1, true), (2, 2, 3, false), (4, 5, 2, true)]
    {
        for image in [[2, 9, 12, 3], [1, 6, 7, 29], [3, 7, 8, 8], [2, 50, 70, 16], [0, 7, 7, 2], [2, 7, 8, 0]] {
            let max_blur = MaxBlur { kernel, blur: Blur { taps, stride, reflect } };
            let s = max_blur.sizes("max_blur_pool", image).unwrap();
            // Few distinct values, so that many windows have several largest ones.
            let x: Vec<_> = noise(image.iter().product()).iter().map(|x| S::round((x * 4.0).round())).collect();
            let dy = stored(&noise(s.y("max_blur_pool").unwrap().len()));
            let (mut y, mut dx) = (stored_wide(&dy), stored_wide(&x));
            reference::forward(&s, &stored_wide(&x), &mut y);
            // NaN wins its windows, but leaves the gradient finite.
            let holed = x.iter().enumerate().map(|(i, &x)| if i % 11 == 3 { S::round(f32::NAN) } else { x });
            let holed: Vec<_> = holed.collect();
            reference::backward(&s, &stored_wide(&holed), &stored_wide(&dy), &mut dx);
            check(&y, |isa, pool, y| cpu::forward(isa, pool, &s, &x, y));
            check(&dx, |isa, pool, dx| backward::run(isa, pool, &s, &holed, &dy, dx));
        }
    }
}
