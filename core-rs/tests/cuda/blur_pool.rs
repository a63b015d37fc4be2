//! Blur pooling's kernels, run on the CPU, against the definition.

use super::shim::{ORDERS, Order, Shimmed, argument};
use cudarc::driver::LaunchConfig;
use libtrain::ops::blur_pool::cuda::{SOURCE, Sizes, grid};
use libtrain::ops::blur_pool::{Blur, BlurShape, reference};

/// Values around a buffer that nothing may read or write.
const GUARD: usize = 64;

/// Deterministic values in [-1, 1), between guards of NaN.
fn noise(len: usize) -> Vec<f32> {
    let value = |i: u32| (i.wrapping_mul(2_654_435_769) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let guard = || std::iter::repeat_n(f32::NAN, GUARD);
    guard().chain((0..len as u32).map(value)).chain(guard()).collect()
}

fn launch(shimmed: &Shimmed, kernel: &str, s: &BlurShape, from: &[f32], len: usize, order: Order) -> Vec<f32> {
    let sizes = Sizes::new("blur_pool", s).unwrap();
    let [rows, columns] = if kernel == "blur_pool" { [s.oh, s.ow] } else { [s.h, s.w] };
    let LaunchConfig { grid_dim, block_dim, .. } = grid(s.n as u32, rows as u32, columns as u32, s.c as u32);
    let mut to = vec![f32::NAN; len + 2 * GUARD];
    let (from, target) = (from[GUARD..].as_ptr(), to[GUARD..].as_mut_ptr());
    let arguments = [argument(&from), argument(&target), argument(&sizes)];
    // SAFETY: the arguments of both kernels; the buffers have the sizes of `s`.
    unsafe { shimmed.launch(kernel, grid_dim.into(), block_dim.into(), order, &arguments) }.unwrap();
    assert!(to[..GUARD].iter().chain(&to[GUARD + len..]).all(|value| value.is_nan()), "{kernel} wrote outside: {s:?}");
    to[GUARD..GUARD + len].to_vec()
}

fn check(shimmed: &Shimmed, s: &BlurShape) {
    let (image, pooled) = (s.n * s.h * s.w * s.c, s.n * s.oh * s.ow * s.c);
    let wide = |values: &[f32]| values[GUARD..values.len() - GUARD].iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let (x, dy) = (noise(image), noise(pooled));
    let (mut y, mut dx) = (vec![0.0; pooled], vec![0.0; image]);
    reference::forward(s, &wide(&x), &mut y);
    reference::backward(s, &wide(&dy), &mut dx);
    for (kernel, from, want) in [("blur_pool", &x, &y), ("blur_pool_backward", &dy, &dx)] {
        let results = ORDERS.map(|order| launch(shimmed, kernel, s, from, want.len(), order));
        assert_eq!(results[0], results[1], "{kernel} depends on the order of its threads: {s:?}");
        for (i, (&got, want)) in results[0].iter().zip(want).enumerate() {
            assert!((f64::from(got) - want).abs() < 1e-6, "{kernel} at {i}: {got}, expected {want}: {s:?}");
        }
    }
}

#[test]
fn kernels_match_the_definition() {
    let Some(shimmed) = Shimmed::build("kernels_match_the_definition", &SOURCE) else { return };
    for (taps, stride, reflect) in (0..18).map(|i| ([2, 3, 5][i / 6], i / 2 % 3 + 1, i % 2 == 1)) {
        let blur = Blur { taps, stride, reflect };
        for c in [1, 3, 17, 64] {
            for [n, h, w] in [[1, 7, 9], [2, 4, 5], [1, 3, 11]] {
                check(&shimmed, &blur.sizes("blur_pool", [n, h, w, c]).unwrap());
            }
        }
        // Channels beyond a block, pixels beyond a block, a stride beyond the image, the least image.
        let least = if reflect { taps / 2 + 1 } else { 1 };
        for image in [[1, 5, 4, 300], [1, 3, 600, 1], [3, least, least, 2]] {
            check(&shimmed, &blur.sizes("blur_pool", image).unwrap());
        }
    }
    check(&shimmed, &Blur { taps: 3, stride: 100, reflect: true }.sizes("blur_pool", [1, 9, 8, 5]).unwrap());
}
