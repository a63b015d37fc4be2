use super::*;
use crate::cpu::isa::Isa;
use crate::cpu::pool::Pool;

/// Deterministic values in [-1, 1).
pub fn noise(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_769) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// The same values in f64.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Compares `run` with `want` on every instruction set, with one thread and with two.
pub fn check(want: &[f64], run: impl Fn(Isa, &Pool, &mut [f32])) {
    for isa in Isa::available() {
        let results = [1, 2].map(|threads| {
            let mut got = vec![f32::NAN; want.len()];
            run(isa, &Pool::new(threads), &mut got);
            got
        });
        assert_eq!(results[0], results[1], "threads matter: {isa:?}");
        for (i, (&got, want)) in results[0].iter().zip(want).enumerate() {
            assert!(
                (f64::from(got) - want).abs() < 2e-6 * (1.0 + want.abs()),
                "{isa:?} at {i}: {got}, expected {want}"
            );
        }
    }
}

#[test]
fn both_directions_match_the_definition() {
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
            let (x, dy) = (noise(s.n * s.h * s.w * s.c), noise(s.n * s.oh * s.ow * s.c));
            let (mut y, mut dx) = (wide(&dy), wide(&x));
            reference::forward(&s, &wide(&x), &mut y);
            reference::backward(&s, &wide(&dy), &mut dx);
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
