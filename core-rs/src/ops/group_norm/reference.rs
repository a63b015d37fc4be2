//! The definition, group by group.

use super::Sizes;
use crate::dtype::Float;

/// The elements of a sample's group, each with its channel.
fn elements(s: &Sizes, n: usize, group: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (s, first) = (*s, group * s.size);
    (0..s.positions).flat_map(move |position| {
        let start = n * s.sample() + position * s.channels();
        (first..first + s.size).map(move |channel| (start + channel, channel))
    })
}

fn value<T: Float>(vector: Option<&[T]>, channel: usize, absent: T) -> T {
    vector.map_or(absent, |vector| vector[channel])
}

/// `vectors`: weight, bias; `statistics`: mean, rstd.
pub(super) fn forward<T: Float>(
    s: &Sizes,
    eps: f64,
    x: &[T],
    vectors: [Option<&[T]>; 2],
    y: &mut [T],
    statistics: [&mut [T]; 2],
) {
    let ([weight, bias], [means, rstds]) = (vectors, statistics);
    let count = T::from_f64(s.count() as f64);
    for (unit, (mean, rstd)) in means.iter_mut().zip(rstds).enumerate() {
        let all = || elements(s, unit / s.groups, unit % s.groups);
        *mean = all().map(|(i, _)| x[i]).sum::<T>() / count;
        let variance = all().map(|(i, _)| (x[i] - *mean) * (x[i] - *mean)).sum::<T>() / count;
        *rstd = T::ONE / (variance + T::from_f64(eps)).sqrt();
        for (i, channel) in all() {
            y[i] = value(weight, channel, T::ONE) * (x[i] - *mean) * *rstd + value(bias, channel, T::ZERO);
        }
    }
}

/// `inputs`: dy, x, mean, rstd; `gradients`: dx, dweight, dbias.
pub(super) fn backward<T: Float>(s: &Sizes, inputs: [&[T]; 4], weight: Option<&[T]>, gradients: [&mut [T]; 3]) {
    let ([dy, x, means, rstds], [dx, dweight, dbias]) = (inputs, gradients);
    let count = T::from_f64(s.count() as f64);
    dweight.fill(T::ZERO);
    dbias.fill(T::ZERO);
    for (unit, (&mean, &rstd)) in means.iter().zip(rstds).enumerate() {
        let all = || elements(s, unit / s.groups, unit % s.groups);
        let xhat = |i: usize| (x[i] - mean) * rstd;
        let g = |(i, channel): (usize, usize)| value(weight, channel, T::ONE) * dy[i];
        let mean_g = all().map(g).sum::<T>() / count;
        let mean_product = all().map(|at| g(at) * xhat(at.0)).sum::<T>() / count;
        for (i, channel) in all() {
            dx[i] = rstd * (g((i, channel)) - mean_g - xhat(i) * mean_product);
            dweight[channel] += dy[i] * xhat(i);
            dbias[channel] += dy[i];
        }
    }
}
