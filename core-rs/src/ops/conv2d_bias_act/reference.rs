//! The definition.

use crate::dtype::Float;
use crate::geometry::conv::ConvShape;
use crate::ops::activation::Activation;
use crate::ops::conv2d::reference;

pub fn forward<T: Float>(
    s: &ConvShape,
    activation: Activation,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    residual: Option<&[T]>,
    y: &mut [T],
) {
    reference::forward(s, x, weight, y);
    for (i, y) in y.iter_mut().enumerate() {
        let bias = bias.map_or(T::ZERO, |bias| bias[i % s.out]);
        let residual = residual.map_or(T::ZERO, |residual| residual[i]);
        *y = activation.apply(*y + bias + residual);
    }
}
