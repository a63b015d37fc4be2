use super::*;
use crate::cpu::gemm::microkernel::{all_kernels, all_narrow_kernels};
use crate::cpu::gemm::tests::noise;
use crate::dtype::{Bf16, Dtype};

/// Calls `f(y index, x index, w index)` for every product of the convolution.
fn each_product(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let (gi, go) = (s.group_in(), s.group_out());
    for pixel in 0..s.pixels() {
        let (image, oy, ox) = (pixel / (s.oh * s.ow), pixel / s.ow % s.oh, pixel % s.ow);
        for tap in 0..s.kh * s.kw {
            let (ky, kx) = (tap / s.kw, tap % s.kw);
            let (Some(iy), Some(ix)) = (
                (oy * s.stride_h + ky).checked_sub(s.pad_h).filter(|&iy| iy < s.h),
                (ox * s.stride_w + kx).checked_sub(s.pad_w).filter(|&ix| ix < s.w),
            ) else {
                continue;
            };
            for o in 0..s.out {
                for i in 0..gi {
                    let x = ((image * s.h + iy) * s.w + ix) * s.c + o / go * gi + i;
                    f(pixel * s.out + o, x, (o * s.kh * s.kw + tap) * gi + i);
                }
            }
        }
    }
}

fn assert_close<S: Stored>(what: &str, s: &ConvShape, got: &[S], want: &[f64], terms: usize) {
    let bound = 1e-6 * (terms as f64 + 1.0).sqrt() * 4.0;
    let step = if S::DTYPE == Dtype::Bf16 { 1.0 / 256.0 } else { 0.0 };
    for (i, (got, &want)) in got.iter().zip(want).enumerate() {
        let error = (got.to_f64() - want).abs();
        assert!(error < bound + step * want.abs(), "{what} {s:?} at {i}: {got:?}, want {want}");
    }
}

/// Computes y, dx and dw.
type Passes<'a, S> = dyn Fn(&ThreadPool, &mut [S], &mut [S], &mut [S]) + 'a;

fn check(s: &ConvShape) {
    check_stored::<f32>(s, &all_kernels());
    check_stored::<Bf16>(s, &all_narrow_kernels());
}

/// What tensors hold of these values.
fn stored<S: Stored>(values: Vec<f32>) -> Vec<S> {
    values.into_iter().map(S::round).collect()
}

fn check_stored<S: Stored>(s: &ConvShape, kernels: &[&'static Kernels]) {
    let (x, w) = (stored::<S>(noise(s.n * s.h * s.w * s.c, 1)), stored::<S>(noise(s.out * s.patch(), 2)));
    let dy = stored::<S>(noise(s.pixels() * s.out, 3));
    let mut y64 = vec![0.0; dy.len()];
    let mut dx64 = vec![0.0; x.len()];
    let mut dw64 = vec![0.0; w.len()];
    each_product(s, |iy, ix, iw| {
        y64[iy] += x[ix].to_f64() * w[iw].to_f64();
        dx64[ix] += dy[iy].to_f64() * w[iw].to_f64();
        dw64[iw] += dy[iy].to_f64() * x[ix].to_f64();
    });
    let pools = [ThreadPool::new(1), ThreadPool::new(2)];
    let compare = |what: &str, run: &Passes<S>| {
        let results = pools.each_ref().map(|pool| {
            let mut y = vec![S::round(f32::NAN); dy.len()];
            let mut dx = vec![S::round(f32::NAN); x.len()];
            let mut dw = vec![S::round(f32::NAN); w.len()];
            run(pool, &mut y, &mut dx, &mut dw);
            (y, dx, dw)
        });
        let (y, dx, dw) = &results[0];
        assert_close(&format!("y {what}"), s, y, &y64, s.patch());
        assert_close(&format!("dx {what}"), s, dx, &dx64, s.kh * s.kw * s.group_out());
        assert_close(&format!("dw {what}"), s, dw, &dw64, s.pixels());
        assert!(results[0] == results[1], "threads matter: {what} {s:?}");
    };
    for &kernels in kernels {
        let pairs = if kernels.pairs { " of pairs" } else { "" };
        compare(&format!("{} rows{pairs}", kernels.mr), &|pool, y, dx, dw| {
            forward(kernels, pool, s, (&x, &w, y), None);
            backward_input(kernels, pool, s, (&dy, &w, dx));
            backward_weight(kernels, pool, s, (&x, &dy, dw));
        });
    }
    if !grouped::applies(s) {
        return;
    }
    for kernels in grouped::all_kernels() {
        compare(&format!("grouped, {} lanes", kernels.lanes), &|pool, y, dx, dw| {
            grouped::forward(kernels, pool, s, (&x, &w, y), None);
            grouped::backward_input(kernels, pool, s, (&dy, &w, dx));
            grouped::backward_weight(kernels, pool, s, (&x, &dy, dw));
        });
    }
}

/// A shape from `[n, h, w, c]`, result channels, window, stride, padding and groups.
fn shape(
    [n, h, w, c]: [usize; 4],
    out: usize,
    (kh, kw): (usize, usize),
    (stride_h, stride_w): (usize, usize),
    (pad_h, pad_w): (usize, usize),
    groups: usize,
) -> ConvShape {
    let oh = ConvShape::output_size(h, kh, stride_h, pad_h);
    let ow = ConvShape::output_size(w, kw, stride_w, pad_w);
    ConvShape { n, h, w, c, out, kh, kw, stride_h, stride_w, pad_h, pad_w, groups, oh, ow }
}

#[test]
fn square_windows_of_every_size_stride_and_padding() {
    for k in [1, 2, 3, 5, 7] {
        for stride in [1, 2, 3] {
            for pad in [0, 1, 2, 3] {
                for (c, out) in [(1, 16), (3, 5), (16, 8), (9, 17)] {
                    check(&shape([2, 8, 9, c], out, (k, k), (stride, stride), (pad, pad), 1));
                }
            }
        }
    }
}

#[test]
fn oblong_windows_and_images() {
    check(&shape([3, 5, 31, 4], 7, (1, 3), (1, 2), (0, 1), 1));
    check(&shape([1, 31, 5, 4], 7, (3, 1), (2, 1), (1, 0), 1));
    check(&shape([2, 1, 40, 6], 12, (1, 5), (1, 1), (0, 2), 1));
    check(&shape([1, 7, 3, 2], 3, (5, 2), (3, 1), (2, 2), 1));
    check(&shape([2, 9, 9, 3], 4, (2, 2), (4, 5), (0, 1), 1));
}

#[test]
fn groups_and_depthwise() {
    for groups in [2, 4] {
        for (k, stride, pad) in [(1, 1, 0), (3, 1, 1), (3, 2, 1), (1, 2, 0), (2, 2, 0)] {
            check(&shape([3, 7, 8, 8], 12, (k, k), (stride, stride), (pad, pad), groups));
        }
    }
    check(&shape([2, 9, 7, 6], 6, (3, 3), (1, 1), (1, 1), 6));
    check(&shape([2, 9, 7, 6], 12, (3, 3), (2, 2), (1, 1), 6));
}

#[test]
fn groups_of_few_channels() {
    // Channels in and out of a group, groups.
    for (from, to, groups) in [
        (4, 4, 8),
        (8, 8, 5),
        (16, 16, 3),
        (32, 32, 2),
        (4, 4, 3),
        (1, 2, 7),
        (3, 5, 5),
        (5, 3, 4),
        (2, 12, 3),
        (20, 36, 2),
    ] {
        for (k, stride, pad) in [(3, 1, 1), (3, 2, 1), (1, 1, 0), (5, 3, 1), (2, 3, 0)] {
            for (n, h, w) in [(2, 6, 5), (1, 9, 14)] {
                check(&shape([n, h, w, from * groups], to * groups, (k, k), (stride, stride), (pad, pad), groups));
            }
        }
    }
    check(&shape([2, 5, 7, 24], 12, (3, 1), (1, 2), (2, 0), 3));
    check(&shape([1, 1, 3, 16], 16, (1, 3), (1, 1), (0, 2), 4));
}

#[test]
fn many_groups_over_several_tasks() {
    // Bands of rows, images together, and parts of the channels.
    check(&shape([2, 32, 32, 128], 128, (3, 3), (1, 1), (1, 1), 32));
    check(&shape([2, 32, 32, 64], 64, (3, 3), (2, 2), (1, 1), 8));
    check(&shape([9, 8, 8, 256], 256, (3, 3), (1, 1), (1, 1), 16));
    check(&shape([19, 4, 4, 256], 256, (3, 3), (1, 1), (1, 1), 8));
}

#[test]
fn training_shapes() {
    check(&shape([5, 28, 28, 1], 16, (3, 3), (1, 1), (1, 1), 1));
    check(&shape([5, 28, 28, 16], 16, (3, 3), (1, 1), (1, 1), 1));
    check(&shape([5, 28, 28, 16], 32, (3, 3), (2, 2), (1, 1), 1));
    check(&shape([5, 14, 14, 32], 32, (1, 1), (2, 2), (0, 0), 1));
    check(&shape([33, 7, 7, 16], 64, (3, 3), (1, 1), (1, 1), 1));
    // Reductions of several cache blocks, by whole window rows and within them.
    check(&shape([1, 4, 5, 96], 40, (3, 3), (1, 1), (1, 1), 1));
    check(&shape([1, 3, 3, 300], 33, (3, 3), (1, 1), (1, 1), 1));
    check(&shape([9, 6, 6, 70], 50, (1, 1), (1, 1), (0, 0), 1));
    // Fewer pixels than channels.
    check(&shape([3, 4, 4, 70], 50, (1, 1), (1, 1), (0, 0), 1));
    // Wider than a task.
    check(&shape([1, 2, 700, 3], 4, (3, 3), (1, 1), (1, 1), 1));
}

#[test]
fn empty_batches_and_windows_beyond_the_image() {
    check(&shape([0, 5, 5, 3], 4, (3, 3), (1, 1), (1, 1), 1));
    check(&shape([2, 2, 2, 3], 4, (3, 3), (1, 1), (0, 0), 1));
}

#[test]
fn public_functions_agree_with_the_general_path() {
    for (c, out, groups) in [(4, 8, 1), (8, 8, 2), (19, 19, 19)] {
        for (k, stride, pad) in [(1, 1, 0), (3, 1, 1), (3, 2, 1), (2, 3, 0), (5, 1, 2)] {
            for n in [0, 1, 3, 35] {
                check_public(&shape([n, 6, 7, c], out, (k, k), (stride, stride), (pad, pad), groups));
            }
        }
    }
}

/// Compares the public functions with the general path on portable kernels.
fn check_public(s: &ConvShape) {
    let (x, w) = (noise(s.n * s.h * s.w * s.c, 1), noise(s.out * s.patch(), 2));
    let dy = noise(s.pixels() * s.out, 3);
    let empty = || (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
    let (kernels, pools) = (Kernels::of(Isa::Portable), [ThreadPool::new(1), ThreadPool::new(2)]);
    let mut want = empty();
    forward(kernels, &pools[0], s, (&x, &w, &mut want.0), None);
    backward_input(kernels, &pools[0], s, (&dy, &w, &mut want.1));
    backward_weight(kernels, &pools[0], s, (&x, &dy, &mut want.2));
    for isa in Isa::available() {
        let results = pools.each_ref().map(|pool| {
            let mut got = empty();
            conv2d_forward(isa, pool, s, &x, &w, &mut got.0);
            conv2d_backward_input(isa, pool, s, &dy, &w, &mut got.1);
            conv2d_backward_weight(isa, pool, s, &x, &dy, &mut got.2);
            got
        });
        assert!(results[0] == results[1], "threads matter: {isa:?} {s:?}");
        let pairs = [(&results[0].0, &want.0), (&results[0].1, &want.1), (&results[0].2, &want.2)];
        for (got, want) in pairs {
            let close = got.iter().zip(want).all(|(a, b)| (a - b).abs() < 2e-4_f32);
            assert!(close, "{isa:?} {s:?}");
        }
    }
}
