use super::rule::{Line, Rule};
use super::{Plan, cpu, reference};
use crate::dtype::{Bf16, Stored};
use crate::ops::testing::{check, noise, stored, stored_wide};

#[test]
fn both_directions_match_the_definition() {
    both_directions::<f32>();
    both_directions::<Bf16>();
}

fn both_directions<S: Stored>() {
    for rule in [Rule::Mean, Rule::Nearest, Rule::Linear] {
        for ([n, h, w, c], [oh, ow]) in [
            ([1, 1, 1, 1], [3, 2]),
            ([2, 7, 5, 3], [1, 1]),
            ([2, 7, 5, 8], [3, 4]),
            ([1, 4, 6, 17], [8, 12]),
            ([3, 5, 3, 16], [7, 10]),
            ([1, 64, 50, 16], [128, 31]),
            ([0, 3, 3, 2], [2, 2]),
            ([2, 3, 4, 0], [2, 2]),
        ] {
            let line = |size, results| Line { rule, size, results, scale: 0.0 };
            let p = Plan { n, rows: line(h, oh), columns: line(w, ow), c };
            let [x, dy] = [n * h * w * c, n * oh * ow * c].map(|len| stored::<S>(&noise(len)));
            let (mut y, mut dx) = (stored_wide(&dy), stored_wide(&x));
            reference::forward(&p, &stored_wide(&x), &mut y);
            reference::backward(&p, &stored_wide(&dy), &mut dx);
            check(&y, |isa, pool, y| cpu::forward(isa, pool, &p, &x, y));
            check(&dx, |isa, pool, dx| cpu::backward(isa, pool, &p, &dy, dx));
        }
    }
}

#[test]
fn the_weights_of_a_result_add_up_to_one_and_stay_inside() {
    for rule in [Rule::Mean, Rule::Nearest, Rule::Linear] {
        for (size, results, scale) in
            [(1, 7, 0.0), (10, 3, 0.0), (3, 10, 0.0), (5, 11, 2.3), (10, 10, 1.05), (9, 4, 0.5)]
        {
            let line = Line { rule, size, results, scale };
            for result in 0..results {
                let total: f64 = line.terms(result).map(|(_, weight)| weight).sum();
                assert!((total - 1.0).abs() < 1e-12, "{line:?} at {result}: {total}");
                assert!(line.terms(result).all(|(source, _)| source < size), "{line:?} at {result}");
            }
        }
    }
}
