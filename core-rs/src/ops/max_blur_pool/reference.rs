//! The definition: the reference of max pooling, then that of blur pooling.

use super::MaxBlurShape;
use crate::dtype::Float;
use crate::ops::window::{PoolShape, Window};
use crate::ops::{blur_pool, max_pool2d};

/// The max pooling, and how many values it gives.
fn max_pool(s: &MaxBlurShape) -> (PoolShape, usize) {
    let b = &s.blur;
    let window = Window { kernel: [s.kernel; 2], stride: [1; 2], pad: [0; 2], ceil: false };
    let pool = window.sizes("max_blur_pool", [b.n, s.h, s.w, b.c]).expect("the shape rule checked the sizes");
    (pool, b.n * b.h * b.w * b.c)
}

pub fn forward<T: Float>(s: &MaxBlurShape, x: &[T], y: &mut [T]) {
    let (pool, len) = max_pool(s);
    let mut maxima = vec![T::ZERO; len];
    max_pool2d::reference::forward(&pool, x, &mut maxima);
    blur_pool::reference::forward(&s.blur, &maxima, y);
}

pub fn backward<T: Float>(s: &MaxBlurShape, x: &[T], dy: &[T], dx: &mut [T]) {
    let (pool, len) = max_pool(s);
    let mut dmaxima = vec![T::ZERO; len];
    blur_pool::reference::backward(&s.blur, dy, &mut dmaxima);
    max_pool2d::reference::backward(&pool, x, &dmaxima, dx);
}
