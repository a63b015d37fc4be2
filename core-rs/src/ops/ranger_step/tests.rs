use super::*;
use crate::optimizer::testing::check;

fn ranger() -> Ranger {
    Ranger { momentum: 0.95, square_momentum: 0.99, eps: 1e-6, rectify: true, k: 3, alpha: 0.5, centralise: true }
}

#[test]
fn matches_the_reference() {
    // r > 5 from the sixth step, Lookahead in the third and sixth.
    check(&ranger(), 7);
    check(&Ranger { centralise: false, k: 0, ..ranger() }, 2);
    check(&Ranger { rectify: false, ..ranger() }, 3);
}

#[test]
fn rectification_begins_when_the_variance_is_tractable() {
    let adaptive = |t| ranger().scalars(0.1, 0.0, Counts { segment: t, calls: t }).adaptive.is_some();
    assert_eq!([1, 5, 6, 7].map(adaptive), [false, false, true, true]);
    let lookahead = |calls| ranger().scalars(0.1, 0.0, Counts { segment: 1, calls }).lookahead;
    assert_eq!([1, 2, 3, 4, 6].map(lookahead), [None, None, Some(0.5), None, Some(0.5)]);
    // The limit of the correction is 1.
    let late = ranger().scalars(0.1, 0.5, Counts { segment: 10_000, calls: 1 });
    assert!((late.factor + 0.1).abs() < 1e-12 && late.decay == 0.95);
}
