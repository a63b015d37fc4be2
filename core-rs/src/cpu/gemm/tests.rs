use super::microkernel::{all_kernels, all_narrow_kernels};
use super::*;
use crate::dtype::Bf16;

/// Deterministic values in [-1, 1).
pub fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn element<S: Stored>(mat: &Mat<S>, i: usize, j: usize) -> f64 {
    mat.data[i * mat.row_stride + j * mat.col_stride].to_f64()
}

fn check_product((m, n, k): (usize, usize, usize), a: Mat, b: Mat, accumulate: bool) {
    let pools = [ThreadPool::new(1), ThreadPool::new(2)];
    for kernels in all_kernels() {
        let mr = kernels.mr;
        let start = noise(m * n, 7);
        let results = pools.each_ref().map(|pool| {
            let mut c = start.clone();
            multiply(pool, &Product { kernels, m, n, k, a, b, accumulate }, &mut c);
            c
        });
        assert_eq!(results[0], results[1], "threads matter: {mr} {m} {n} {k}");
        for i in 0..m {
            for j in 0..n {
                let before = if accumulate { f64::from(start[i * n + j]) } else { 0.0 };
                let want = (0..k).fold(before, |s, l| s + element(&a, i, l) * element(&b, l, j));
                let got = f64::from(results[0][i * n + j]);
                let bound = 1e-6 * (k as f64 + 1.0).sqrt() * 4.0;
                assert!((got - want).abs() < bound, "{mr} {m} {n} {k} at {i} {j}: {got} {want}");
            }
        }
    }
}

/// Products of bf16 with sums in f32, and the same rounded.
fn check_narrow((m, n, k): (usize, usize, usize), a: Mat<Bf16>, b: Mat<Bf16>) {
    let pools = [ThreadPool::new(1), ThreadPool::new(2)];
    let mut of_pairs: Option<Vec<f32>> = None;
    for kernels in all_narrow_kernels() {
        let what = format!("{} rows, pairs {}: {m} {n} {k}", kernels.mr, kernels.pairs);
        let product = Product { kernels, m, n, k, a, b, accumulate: false };
        let results = pools.each_ref().map(|pool| {
            let (mut sums, mut rounded) = (vec![f32::NAN; m * n], vec![Bf16::round(f32::NAN); m * n]);
            multiply(pool, &product, &mut sums);
            multiply(pool, &product, &mut rounded);
            for (sum, rounded) in sums.iter().zip(&rounded) {
                assert_eq!(Bf16::round(*sum).0, rounded.0, "{what}");
            }
            sums
        });
        assert_eq!(results[0], results[1], "threads matter: {what}");
        let [sums, _] = results;
        for i in 0..m {
            for j in 0..n {
                let want = (0..k).fold(0.0, |s, l| s + element(&a, i, l) * element(&b, l, j));
                let bound = 1e-6 * (k as f64 + 1.0).sqrt() * 4.0;
                let got = f64::from(sums[i * n + j]);
                assert!((got - want).abs() < bound, "{what} at {i} {j}: {got} {want}");
            }
        }
        if kernels.pairs {
            let first = of_pairs.get_or_insert_with(|| sums.clone());
            assert_eq!(*first, sums, "the processor's pairs are not the emulated ones: {what}");
        }
    }
}

#[test]
fn products_of_bf16() {
    let sizes = [
        (1, 1, 1),
        (5, 70, 90),
        (3, 90, 91),
        (17, 200, 150),
        (5, 7, 3),
        (13, 33, 64),
        (12, 32, 385),
        (29, 70, 130),
        (150, 40, 1000),
        (7, 5, 20_001),
    ];
    for (m, n, k) in sizes {
        let narrow = |len, seed| noise(len, seed).into_iter().map(Bf16::round).collect::<Vec<_>>();
        let (a, b) = (narrow(m * k, 1), narrow(k * n, 2));
        for a in [Mat::row_major(&a, k), Mat::row_major(&a, m).transposed()] {
            for b in [Mat::row_major(&b, n), Mat::row_major(&b, k).transposed()] {
                check_narrow((m, n, k), a, b);
            }
        }
    }
    // Rows that begin in the middle of a word.
    let a: Vec<_> = noise(20 * 11 + 1, 1).into_iter().map(Bf16::round).collect();
    let b: Vec<_> = noise(20 * 9 + 1, 2).into_iter().map(Bf16::round).collect();
    check_narrow((11, 9, 20), Mat::row_major(&a[1..], 20), Mat::row_major(&b[1..], 20).transposed());
}

#[test]
fn pairs_flush_denormals_and_add_the_second_product_first() {
    // 1 + 2^-23 holds only if the small product is added to a sum that is 0 yet.
    let tiny = f32::MIN_POSITIVE / 4.0;
    for kernels in all_narrow_kernels().into_iter().filter(|kernels| kernels.pairs) {
        let product = |a: [f32; 2], b: [f32; 2]| {
            let (a, b) = (a.map(Bf16::round), b.map(Bf16::round));
            let (a, b, mut c) = (Mat::row_major(&a, 2), Mat::row_major(&b, 1), [f32::NAN]);
            multiply(&ThreadPool::new(1), &Product { kernels, m: 1, n: 1, k: 2, a, b, accumulate: false }, &mut c);
            c[0]
        };
        assert_eq!(product([tiny, 0.0], [1.0, 0.0]), 0.0);
        assert_eq!(product([3.0, f32::INFINITY], [2.0, 1.0]), f32::INFINITY);
        let small = 2f32.powi(-24);
        assert_eq!(product([1.0, small], [1.0, 1.0]), 1.0);
        // Fused: the product of two bf16 is not rounded before it is added.
        assert_eq!(product([1.0078125, -1.0], [1.0078125, 1.0]), 1.0078125 * 1.0078125 - 1.0);
    }
}

/// Every transposition of every size, with both ways to write C.
fn check_sizes(sizes: &[(usize, usize, usize)]) {
    for &(m, n, k) in sizes {
        let (a, b) = (noise(m * k, 1), noise(k * n, 2));
        for accumulate in [false, true] {
            for a in [Mat::row_major(&a, k), Mat::row_major(&a, m).transposed()] {
                for b in [Mat::row_major(&b, n), Mat::row_major(&b, k).transposed()] {
                    check_product((m, n, k), a, b, accumulate);
                }
            }
        }
    }
}

#[test]
fn small_and_empty_sizes() {
    let edges = [0, 1, 2, 5, 6, 7, 13, 16, 17, 33];
    let sizes: Vec<_> =
        edges.into_iter().flat_map(|m| edges.into_iter().flat_map(move |n| edges.map(|k| (m, n, k)))).collect();
    check_sizes(&sizes);
}

#[test]
fn cache_block_tails() {
    check_sizes(&[(150, 300, 260), (289, 17, 513), (13, 530, 257), (97, 101, 103), (1, 700, 300)]);
    check_sizes(&[(300, 1, 700), (25, 48, 64), (24, 65, 31), (48, 9, 400), (17, 200, 150)]);
}

#[test]
fn long_reductions_are_split() {
    assert!(tiling::reduction_pieces(32, 288, 50_000) > 8);
    check_sizes(&[(32, 28, 5000), (5, 7, 20_000), (1, 1, 100_000)]);
}

#[test]
fn wide_products_are_done_in_strips() {
    // k * n is beyond what is packed at a time.
    let (m, n, k) = (3, 1100, 4100);
    let (a, b) = (noise(m * k, 1), noise(k * n, 2));
    check_product((m, n, k), Mat::row_major(&a, k), Mat::row_major(&b, k).transposed(), false);
}

#[test]
fn what_is_packed_of_both_is_cut_into_strips_of_the_reduction() {
    let (m, n, k) = (432, 129, 3902);
    let narrow = |len, seed| noise(len, seed).into_iter().map(Bf16::round).collect::<Vec<_>>();
    let (a, b) = (narrow(m * k, 1), narrow(k * n, 2));
    let columns = Mat::row_major(&a, m).transposed();
    let rows: Vec<_> = (0..m).flat_map(|i| (0..k).map(move |l| (i, l))).map(|(i, l)| a[l * m + i]).collect();
    for kernels in all_narrow_kernels().into_iter().filter(|kernels| kernels.lanes > 4) {
        let of = |a, threads| {
            let product = Product { kernels, m, n, k, a, b: Mat::row_major(&b, n), accumulate: false };
            let mut c = vec![Bf16::round(f32::NAN); m * n];
            multiply(&ThreadPool::new(threads), &product, &mut c);
            (c.into_iter().map(Bf16::widen).collect::<Vec<_>>(), blocked::strips(&product))
        };
        let ((one, strips), (two, _)) = (of(columns, 1), of(columns, 2));
        let (want, in_place) = of(Mat::row_major(&rows, k), 2);
        assert!(strips > 1 && in_place == 1, "{strips} strips, {in_place} in place");
        assert!(one == two, "threads matter");
        for (got, want) in one.iter().zip(&want) {
            assert!((got - want).abs() <= 1e-3 + want.abs() / 128.0, "{got} {want}");
        }
    }
}

#[test]
fn arbitrary_strides() {
    let (m, n, k) = (19, 37, 23);
    let (a, b) = (noise(m * k * 6, 1), noise(k * n * 6, 2));
    let a = Mat { data: &a, row_stride: 3 * k, col_stride: 2 };
    let b = Mat { data: &b, row_stride: 2, col_stride: 3 * k };
    check_product((m, n, k), a, b, true);
}

#[test]
fn batches_match_single_products() {
    let pool = ThreadPool::new(2);
    for (batch, m, n, k) in [(1, 8, 9, 10), (37, 5, 6, 7), (3, 300, 260, 250), (4, 0, 3, 2)] {
        let (a, b) = (noise(batch * m * k, 1), noise(k * n, 2));
        let (mat_a, mat_b) = (Mat::row_major(&a, k), Mat::row_major(&b, n));
        for isa in Isa::available() {
            let mut c = vec![0.5; batch * m * n];
            gemm_batch(isa, &pool, batch, m, n, k, (mat_a, m * k), (mat_b, 0), &mut c, true);
            for i in 0..batch {
                let mut want = vec![0.5; m * n];
                let a = Mat::row_major(&a[i * m * k..], k);
                gemm(isa, &pool, m, n, k, a, mat_b, &mut want, true);
                assert_eq!(want, c[i * m * n..][..m * n]);
            }
        }
    }
}

#[test]
#[should_panic(expected = "reaches beyond")]
fn short_operands_are_refused() {
    let (a, b) = (noise(11, 1), noise(12, 2));
    let pool = ThreadPool::new(1);
    let (a, b) = (Mat::row_major(&a, 3), Mat::row_major(&b, 4));
    gemm(Isa::Portable, &pool, 4, 4, 3, a, b, &mut [0.0; 16], false);
}
