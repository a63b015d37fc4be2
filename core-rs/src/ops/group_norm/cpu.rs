//! Both directions of f32 and bf16: by rows, or by samples of several positions.

use super::{Sizes, images, rows};
use crate::cpu::CpuContext;
use crate::dtype::Stored;

/// `vectors`: weight, bias; `statistics`: mean, rstd.
pub(super) fn forward<S: Stored>(
    context: &CpuContext,
    s: &Sizes,
    eps: f64,
    x: &[S],
    vectors: [Option<&[f32]>; 2],
    y: &mut [S],
    statistics: [&mut [f32]; 2],
) {
    let [weight, bias] = vectors;
    let [ones, zeros] = [(weight, 1.0), (bias, 0.0)].map(|(vector, absent)| match vector {
        Some(_) => Vec::new(),
        None => vec![absent; s.channels()],
    });
    let vectors = [weight.unwrap_or(&ones), bias.unwrap_or(&zeros)];
    if s.positions == 1 {
        rows::forward(context, s, eps, x, vectors, y, statistics);
    } else {
        images::forward(context, s, eps, x, vectors, y, statistics);
    }
}

/// `inputs`: dy, x; `statistics`: mean, rstd; `gradients`: dweight, dbias.
pub(super) fn backward<S: Stored>(
    context: &CpuContext,
    s: &Sizes,
    inputs: [&[S]; 2],
    statistics: [&[f32]; 2],
    weight: Option<&[f32]>,
    dx: &mut [S],
    gradients: [&mut [f32]; 2],
) {
    let ones = if weight.is_some() { Vec::new() } else { vec![1.0; s.channels()] };
    let weight = weight.unwrap_or(&ones);
    if s.positions == 1 {
        rows::backward(context, s, inputs, statistics, weight, dx, gradients);
    } else {
        images::backward(context, s, inputs, statistics, weight, dx, gradients);
    }
}
