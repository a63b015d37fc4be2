use super::*;
use crate::dtype::Stored;
use crate::ops::testing::{check, noise, stored, stored_wide};

const DRAW_7: Draw = Draw { key: [42, 3], number: 7 };

#[test]
fn both_ops_match_the_definition() {
    both_ops::<f32>();
    both_ops::<Bf16>();
}

fn both_ops<S: Stored>() {
    for p in [0.0, 0.1, 0.5, 0.999, 1.0] {
        for shape in [[1, 1], [1, 7], [3, 64], [5, 65], [2, 32_769], [70_001, 1], [0, 4], [4, 0]] {
            let share = Share { p };
            let x = stored::<S>(&noise(shape[0] * shape[1]));
            let (mut elements, mut rows) = (stored_wide(&x), stored_wide(&x));
            reference::dropout(share, DRAW_7, &stored_wide(&x), &mut elements);
            reference::stochastic_depth(share, DRAW_7, shape[0], &stored_wide(&x), &mut rows);
            check(&elements, |isa, pool, y| cpu::dropout(isa, pool, share, DRAW_7, &x, y));
            check(&rows, |isa, pool, y| cpu::stochastic_depth(isa, pool, share, DRAW_7, shape[0], &x, y));
        }
    }
}

#[test]
fn the_ends_keep_everything_or_nothing() {
    let x = [f32::NAN, f32::INFINITY, -3.0];
    for (p, wanted) in [(0.0, [true, false, false]), (1.0, [false; 3])] {
        let mut y = [1.0; 3];
        cpu::dropout(
            crate::cpu::isa::Isa::Portable,
            &crate::cpu::pool::ThreadPool::new(1),
            Share { p },
            DRAW_7,
            &x,
            &mut y,
        );
        assert_eq!(y.map(f32::is_nan), wanted);
        assert_eq!(y[2], if p == 0.0 { -3.0 } else { 0.0 });
    }
}

#[test]
fn the_share_kept_is_right_and_draws_are_independent() {
    let n = 100_000;
    let x = vec![1.0f64; n];
    let mask = |p: f64, draw: Draw| {
        let mut y = vec![0.0; n];
        reference::dropout(Share { p }, draw, &x, &mut y);
        y.iter().map(|&y| y != 0.0).collect::<Vec<_>>()
    };
    for p in [0.1, 0.5, 0.9] {
        let draws =
            [DRAW_7, Draw { number: 8, ..DRAW_7 }, Draw { key: [42, 4], ..DRAW_7 }, Draw { key: [43, 3], ..DRAW_7 }]
                .map(|draw| mask(p, draw));
        let errors = |count: usize, share: f64| {
            (count as f64 - n as f64 * share).abs() / (n as f64 * share * (1.0 - share)).sqrt()
        };
        for (i, draw) in draws.iter().enumerate() {
            assert!(errors(draw.iter().filter(|&&kept| kept).count(), 1.0 - p) < 3.0, "{p}, {i}");
            for other in &draws[..i] {
                let both = draw.iter().zip(other).filter(|&(&a, &b)| a && b).count();
                // Of eighteen pairs one may well be beyond three standard errors.
                assert!(errors(both, (1.0 - p) * (1.0 - p)) < 4.0, "{p}, {i}: {both}");
            }
        }
    }
}
