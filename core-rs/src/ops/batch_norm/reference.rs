//! The definition, channel by channel.

use super::Settings;
use crate::dtype::Float;

/// The operands of both backward ops, whose vectors may be of a wider dtype; `dresidual` is there when `residual` is.
pub(super) struct Backward<'a, T, V = T> {
    pub dy: &'a [T],
    pub x: &'a [T],
    pub weight: &'a [V],
    pub bias: &'a [V],
    pub mean: &'a [V],
    pub variance: &'a [V],
    pub residual: Option<&'a [T]>,
    pub dx: &'a mut [T],
    pub dweight: &'a mut [V],
    pub dbias: &'a mut [V],
    pub dresidual: Option<&'a mut [T]>,
}

/// Mean and biased variance of each channel.
pub(super) fn statistics<T: Float>(x: &[T], mean: &mut [T], variance: &mut [T]) {
    let c = mean.len();
    for channel in 0..c {
        let values = || x[channel..].iter().step_by(c).copied();
        let count = T::from_f64(values().count() as f64);
        mean[channel] = values().sum::<T>() / count;
        let deviations = values().map(|x| x - mean[channel]);
        variance[channel] = deviations.map(|d| d * d).sum::<T>() / count;
    }
}

fn rstd<T: Float>(variance: T, eps: f64) -> T {
    T::ONE / (variance + T::from_f64(eps)).sqrt()
}

/// `vectors`: weight, bias, mean, variance.
pub(super) fn forward<T: Float>(settings: Settings, x: &[T], vectors: [&[T]; 4], residual: Option<&[T]>, y: &mut [T]) {
    let [weight, bias, mean, variance] = vectors;
    for i in 0..y.len() {
        let c = i % mean.len();
        let xhat = (x[i] - mean[c]) * rstd(variance[c], settings.eps);
        let z = weight[c] * xhat + bias[c] + residual.map_or(T::ZERO, |r| r[i]);
        y[i] = settings.activation.apply(z);
    }
}

/// `batch` says that the statistics are those of x itself, so that their gradients count.
pub(super) fn backward<T: Float>(settings: Settings, batch: bool, mut o: Backward<T>) {
    let c = o.mean.len();
    for channel in 0..c {
        let rstd = rstd(o.variance[channel], settings.eps);
        let xhat = |i: usize| (o.x[i] - o.mean[channel]) * rstd;
        let dz = |i: usize| {
            let z = o.weight[channel] * xhat(i) + o.bias[channel] + o.residual.map_or(T::ZERO, |r| r[i]);
            settings.activation.back(z, o.dy[i])
        };
        let rows = || (channel..o.x.len()).step_by(c);
        let dbias = rows().map(dz).sum::<T>();
        let dweight = rows().map(|i| dz(i) * xhat(i)).sum::<T>();
        let count = T::from_f64(rows().count() as f64);
        for i in rows() {
            let through = if batch { dbias / count + xhat(i) * dweight / count } else { T::ZERO };
            o.dx[i] = o.weight[channel] * rstd * (dz(i) - through);
            if let Some(dresidual) = &mut o.dresidual {
                dresidual[i] = dz(i);
            }
        }
        (o.dbias[channel], o.dweight[channel]) = (dbias, dweight);
    }
}
