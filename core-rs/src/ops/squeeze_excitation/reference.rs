//! The definition: plain loops over images, pixels and channels.

use super::{Activations, Sizes};
use crate::dtype::Float;
use crate::ops::activation::Activation;

/// `weights`: w1, b1, w2, b2; `made`: pooled, hidden, gate.
pub fn forward<T: Float>(
    s: &Sizes,
    activations: Activations,
    x: &[T],
    residual: Option<&[T]>,
    weights: [&[T]; 4],
    y: &mut [T],
    made: [&mut [T]; 3],
) {
    let ([w1, b1, w2, b2], [pooled, hidden, gate]) = (weights, made);
    let (c, r) = (s.c, s.r);
    for n in 0..s.n {
        let image = n * s.pixels * c..(n + 1) * s.pixels * c;
        for k in 0..c {
            let sum: T = x[image.clone()].iter().skip(k).step_by(c).copied().sum();
            pooled[n * c + k] = sum / T::from_f64(s.pixels as f64);
        }
        for j in 0..r {
            hidden[n * r + j] = b1[j] + (0..c).map(|k| w1[j * c + k] * pooled[n * c + k]).sum::<T>();
        }
        for k in 0..c {
            let z = b2[k] + (0..r).map(|j| w2[k * r + j] * activations.hidden.apply(hidden[n * r + j])).sum::<T>();
            gate[n * c + k] = Activation::Sigmoid.apply(z);
        }
        for i in image {
            let v = x[i] * gate[n * c + i % c] + residual.map_or(T::ZERO, |residual| residual[i]);
            y[i] = activations.end.apply(v);
        }
    }
}

/// Inputs: dy, x, w1, w2, pooled, hidden, gate; gradients: dx, dw1, db1, dw2, db2. `dresidual` is there where `residual` is.
pub fn backward<T: Float>(
    s: &Sizes,
    activations: Activations,
    inputs: [&[T]; 7],
    residual: Option<&[T]>,
    gradients: [&mut [T]; 5],
    dresidual: Option<&mut [T]>,
) {
    let ([dy, x, w1, w2, pooled, hidden, gate], [dx, dw1, db1, dw2, db2]) = (inputs, gradients);
    let (c, r, activation) = (s.c, s.r, activations.hidden);
    let dv: Vec<T> = (0..dy.len())
        .map(|i| {
            let at = i / (s.pixels * c) * c + i % c;
            activations.end.back(x[i] * gate[at] + residual.map_or(T::ZERO, |residual| residual[i]), dy[i])
        })
        .collect();
    for sums in [&mut *dw1, &mut *db1, &mut *dw2, &mut *db2] {
        sums.fill(T::ZERO);
    }
    for n in 0..s.n {
        let image = n * s.pixels * c..(n + 1) * s.pixels * c;
        let mut dz = vec![T::ZERO; c];
        for (i, (&dv, &x)) in dv[image.clone()].iter().zip(&x[image.clone()]).enumerate() {
            dz[i % c] += dv * x;
        }
        for (dz, &gate) in dz.iter_mut().zip(&gate[n * c..]) {
            *dz = *dz * gate * (T::ONE - gate);
        }
        let dhidden: Vec<T> = (0..r)
            .map(|j| activation.back(hidden[n * r + j], (0..c).map(|k| w2[k * r + j] * dz[k]).sum::<T>()))
            .collect();
        for k in 0..c {
            db2[k] += dz[k];
            (0..r).for_each(|j| dw2[k * r + j] += dz[k] * activation.apply(hidden[n * r + j]));
        }
        for j in 0..r {
            db1[j] += dhidden[j];
            (0..c).for_each(|k| dw1[j * c + k] += dhidden[j] * pooled[n * c + k]);
        }
        for (i, (dx, &dv)) in dx[image.clone()].iter_mut().zip(&dv[image]).enumerate() {
            let k = i % c;
            let dpooled = (0..r).map(|j| w1[j * c + k] * dhidden[j]).sum::<T>();
            *dx = dv * gate[n * c + k] + dpooled / T::from_f64(s.pixels as f64);
        }
    }
    if let Some(dresidual) = dresidual {
        dresidual.copy_from_slice(&dv);
    }
}
