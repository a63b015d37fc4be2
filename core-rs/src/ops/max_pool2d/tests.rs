use super::*;
use crate::dtype::Stored;
use crate::ops::testing::{check, noise, stored, stored_wide};

/// Kernel, stride, padding, ceilMode.
type Sizes = ([usize; 2], [usize; 2], [usize; 2], bool);

const WINDOWS: [Sizes; 8] = [
    ([2, 2], [2, 2], [0, 0], false),
    ([3, 3], [2, 2], [1, 1], false),
    ([3, 3], [2, 2], [0, 1], true),
    ([3, 2], [1, 3], [1, 0], true),
    ([2, 2], [1, 1], [0, 0], false),
    ([5, 4], [4, 5], [2, 2], true),
    ([1, 1], [3, 3], [0, 0], true),
    ([7, 7], [7, 2], [0, 3], true),
];

const IMAGES: [[usize; 4]; 6] =
    [[2, 9, 12, 3], [1, 7, 7, 29], [3, 8, 7, 8], [2, 60, 50, 16], [0, 9, 9, 2], [2, 9, 8, 0]];

/// Windows and images for every pooling.
pub fn cases() -> impl Iterator<Item = crate::ops::window::PoolShape> {
    WINDOWS.into_iter().flat_map(|(kernel, stride, pad, ceil)| {
        IMAGES.map(|image| Window { kernel, stride, pad, ceil }.sizes("pool", image).unwrap())
    })
}

#[test]
fn both_directions_match_the_definition() {
    both_directions::<f32>();
    both_directions::<Bf16>();
}

fn both_directions<S: Stored>() {
    for s in cases() {
        let (image, pooled) = (s.image("pool").unwrap().len(), s.pooled("pool").unwrap().len());
        // Few distinct values, so that many windows have several largest ones.
        let x: Vec<_> = noise(image).iter().map(|x| S::round((x * 4.0).round())).collect();
        let dy = stored(&noise(pooled));
        let (mut y, mut dx) = (stored_wide(&dy), stored_wide(&x));
        reference::forward(&s, &stored_wide(&x), &mut y);
        // NaN wins its windows, but leaves the gradient finite.
        let holed = x.iter().enumerate().map(|(i, &x)| if i % 11 == 3 { S::round(f32::NAN) } else { x });
        let holed: Vec<_> = holed.collect();
        reference::backward(&s, &stored_wide(&holed), &stored_wide(&dy), &mut dx);
        check(&y, |isa, pool, y| cpu::forward(isa, pool, &s, &x, y));
        check(&dx, |isa, pool, dx| cpu::backward(isa, pool, &s, &holed, &dy, dx));
    }
}

#[test]
fn a_nan_wins_and_infinities_are_values() {
    let s = Window { kernel: [2, 2], stride: [2, 2], pad: [0, 0], ceil: false }.sizes("pool", [1, 2, 4, 1]).unwrap();
    let low = f32::NEG_INFINITY;
    let x = [1.0, f32::NAN, low, low, 2.0, 3.0, low, low];
    for isa in crate::cpu::isa::Isa::available() {
        let (pool, mut y, mut dx) = (crate::cpu::pool::ThreadPool::new(1), [0.0; 2], [0.0; 8]);
        cpu::forward(isa, &pool, &s, &x, &mut y);
        assert!(y[0].is_nan() && y[1] == low);
        cpu::backward(isa, &pool, &s, &x, &[5.0, 7.0], &mut dx);
        assert_eq!(dx, [0.0, 5.0, 7.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn sizes_follow_pytorch() {
    let out = |size: usize, kernel: usize, stride: usize, pad: usize, ceil: bool| {
        let window = Window { kernel: [kernel; 2], stride: [stride; 2], pad: [pad; 2], ceil };
        window.sizes("pool", [1, size, size, 1]).map(|s| s.rows.out).ok()
    };
    assert_eq!(out(112, 3, 2, 1, false), Some(56));
    assert_eq!(out(6, 3, 2, 0, true), Some(3));
    assert_eq!(out(5, 2, 3, 1, true), Some(2));
    // A fourth window would start in the padding after the image.
    assert_eq!(out(6, 2, 2, 1, true), Some(4));
    assert_eq!(out(4, 1, 4, 0, true), Some(1));
    assert_eq!(out(2, 3, 2, 0, true), Some(1));
    assert_eq!(out(2, 3, 2, 0, false), None);
    assert_eq!(out(0, 2, 2, 1, false), None);
}
