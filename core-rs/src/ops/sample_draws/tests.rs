use super::*;

fn op(distribution: Distribution) -> SampleDraws {
    SampleDraws { seed: 42, count: 1, first: 0, distribution }
}

fn numbers(op: &SampleDraws, index: &[i32], epoch: i32, threads: usize) -> Vec<f32> {
    let mut y = vec![f32::NAN; index.len() * op.count];
    op.run(&ThreadPool::new(threads), index, epoch, &mut y);
    y
}

/// Mean, variance, and the shares below some quantiles.
fn shares(y: &[f32], at: &[f64]) -> (f64, f64, Vec<f64>) {
    let n = y.len() as f64;
    let mean = y.iter().map(|&y| f64::from(y)).sum::<f64>() / n;
    let variance = y.iter().map(|&y| (f64::from(y) - mean).powi(2)).sum::<f64>() / n;
    (mean, variance, at.iter().map(|&at| y.iter().filter(|&&y| f64::from(y) < at).count() as f64 / n).collect())
}

#[test]
fn a_number_follows_from_its_sample_and_draw_alone() {
    let index: Vec<i32> = (0..700).map(|i| i * 7919 % 1000 - 3).collect();
    for beta in [false, true] {
        let distribution = || if beta { Distribution::Beta([0.4, 1.7]) } else { Distribution::Uniform };
        let three = SampleDraws { count: 3, first: 5, ..op(distribution()) };
        let wanted = numbers(&three, &index, 9, 1);
        assert_eq!(numbers(&three, &index, 9, 2), wanted);
        for draw in 0..3 {
            let alone = SampleDraws { first: 5 + draw, ..op(distribution()) };
            let turned: Vec<i32> = index.iter().rev().copied().collect();
            let found = numbers(&alone, &turned, 9, 1);
            assert!(wanted.iter().skip(draw as usize).step_by(3).eq(found.iter().rev()));
        }
        assert_ne!(numbers(&three, &index, 10, 1), wanted);
        assert_ne!(numbers(&SampleDraws { seed: 43, ..three }, &index, 9, 1), wanted);
    }
    let uniform = numbers(&op(Distribution::Uniform), &[-7], -1, 1);
    assert_eq!(uniform, [unit(philox([42, u32::MAX], [7u32.wrapping_neg(), 0, 4, 0])[0]) as f32]);
}

#[test]
fn uniform_numbers_are_uniform() {
    let index: Vec<i32> = (0..100_000).collect();
    let (mean, variance, below) = shares(&numbers(&op(Distribution::Uniform), &index, 0, 2), &[0.1, 0.5, 0.9]);
    assert!((mean - 0.5).abs() < 0.004 && (variance - 1.0 / 12.0).abs() < 0.001, "{mean} {variance}");
    assert!(below.iter().zip([0.1, 0.5, 0.9]).all(|(found, wanted)| (found - wanted).abs() < 0.006), "{below:?}");
}

/// Closed forms of the distribution function, and for mixup's usual shapes its numeric integral.
#[test]
fn beta_numbers_follow_the_distribution() {
    let index: Vec<i32> = (0..100_000).collect();
    for ([a, b], cdf) in [
        // arcsine: 2/pi asin(sqrt(x))
        ([0.5, 0.5], [0.1, 0.5, 0.9].map(|x: f64| x.sqrt().asin() * std::f64::consts::FRAC_2_PI)),
        ([1.0, 1.0], [0.1, 0.5, 0.9]),
        ([2.0, 1.0], [0.1, 0.5, 0.9].map(|x: f64| x * x)),
        ([1.0, 0.25], [0.1, 0.5, 0.9].map(|x: f64| 1.0 - (1.0 - x).powf(0.25))),
        ([3.0, 2.0], [0.1, 0.5, 0.9].map(|x: f64| 4.0 * x.powi(3) - 3.0 * x.powi(4))),
        ([0.4, 0.4], [0.239739, 0.5, 0.760261]),
    ] {
        let y = numbers(&op(Distribution::Beta([a, b])), &index, 3, 2);
        assert!(y.iter().all(|y| (0.0..=1.0).contains(y)), "{a} {b}");
        let (mean, variance, below) = shares(&y, &[0.1, 0.5, 0.9]);
        let wanted = a * b / ((a + b).powi(2) * (a + b + 1.0));
        // Five standard errors: the deviation is at most 1/2, the fourth moment about the mean at most 1/16.
        assert!((mean - a / (a + b)).abs() < 5.0 * (wanted / 1e5).sqrt(), "{a} {b}: {mean}");
        assert!((variance - wanted).abs() < 0.003, "{a} {b}: {variance}, expected {wanted}");
        assert!(
            below.iter().zip(cdf).all(|(found, wanted)| (found - wanted).abs() < 0.008),
            "{a} {b}: {below:?}, {cdf:?}"
        );
    }
}

#[test]
fn beta_numbers_of_extreme_shapes_stay_numbers() {
    let index: Vec<i32> = (0..2000).collect();
    // Of a tiny shape every number is at one of the ends, half of them at each.
    let y = numbers(&op(Distribution::Beta([1e-6, 1e-6])), &index, 0, 1);
    assert!(y.iter().all(|&y| !(0.01..0.99).contains(&y) && (0.0..=1.0).contains(&y)));
    assert!((850..1150).contains(&y.iter().filter(|&&y| y > 0.5).count()));
    let y = numbers(&op(Distribution::Beta([LEAST_SHAPE; 2])), &index, 0, 1);
    assert!(y.iter().all(|&y| y == 0.0 || y == 1.0), "{y:?}");
    let y = numbers(&op(Distribution::Beta([1e6, 1e6])), &index, 0, 1);
    assert!(y.iter().all(|&y| (y - 0.5).abs() < 0.003));
}

#[test]
fn parameters_are_checked() {
    let refused = |values: &[f64]| match SampleDraws::parse(&mut Params::new("sample_draws", values)) {
        Ok(_) => panic!("taken: {values:?}"),
        Err(error) => error.to_string(),
    };
    for (values, text) in [
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0], "Expected `count` as a whole number from 1"),
        ([0.0, 2.0, 4294967294.0, 0.0, 0.0, 0.0], "Expected `first` + `count` below 2^32"),
        ([0.0, 1.0, 0.0, 1.0, 0.0, 2.0], "Expected `a` and `b` from 1e-300, got 0 and 2"),
        ([0.0, 1.0, 0.0, 1.0, 1.0, f64::NAN], "Expected `b` as a finite number"),
    ] {
        assert!(refused(&values).contains(text), "{}", refused(&values));
    }
}
