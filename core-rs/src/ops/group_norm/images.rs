//! Several positions a sample: sums a channel over chunks of positions, statistics of them, then a pass that writes.
//!
//! The loops walk wide rows, several positions at once, as those of batch normalisation do.

use super::Sizes;
use crate::cpu::CpuContext;
use crate::cpu::pool::{SliceParts, for_each_chunk_mut, split};
use crate::cpu::scratch::Doubles;
use crate::dtype::Stored;
use crate::ops::batch_norm::rows::{Aligned, Rows, fold};
use crate::ops::batch_norm::statistics::add_sums;
use std::ops::Range;

/// How samples are cut; all follows from the shape.
struct Plan {
    rows: Rows,
    /// Elements of a sample, and of each of its chunks but the last.
    sample: usize,
    chunk: usize,
    chunks: usize,
}

impl Plan {
    fn new(s: &Sizes) -> Plan {
        let (rows, sample) = (Rows::new(s.channels(), s.sample()), s.sample());
        let chunk = rows.sums_chunk();
        Plan { rows, sample, chunk, chunks: split(sample, chunk) }
    }

    /// The sample of a chunk, and the chunk's elements of all.
    fn at(&self, index: usize) -> (usize, Range<usize>) {
        let (n, part) = (index / self.chunks, index % self.chunks);
        let (start, end) = (part * self.chunk, self.sample.min((part + 1) * self.chunk));
        (n, n * self.sample + start..n * self.sample + end)
    }

    /// Two sums a sample and channel, [n, 2, c]: `add(sample, elements, sums)` adds those of a chunk.
    fn sum_pairs(
        &self,
        context: &CpuContext,
        s: &Sizes,
        add: impl Fn(usize, Range<usize>, &mut [f64]) + Sync,
    ) -> Doubles {
        let pair = 2 * s.channels();
        let mut parts = Doubles::zeros(s.n * self.chunks * pair);
        for_each_chunk_mut(&context.pool, &mut parts, pair, |i, sums| {
            let (n, range) = self.at(i);
            add(n, range, sums);
        });
        if self.chunks == 1 {
            return parts;
        }
        let mut sums = Doubles::zeros(s.n * pair);
        for_each_chunk_mut(&context.pool, &mut sums, pair, |n, sums| {
            for part in parts[n * self.chunks * pair..][..self.chunks * pair].chunks_exact(pair) {
                sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
        });
        sums
    }

    /// Runs `write(sample, elements, part)` over the chunks of `out`.
    fn write<T: Send>(
        &self,
        context: &CpuContext,
        s: &Sizes,
        out: &mut [T],
        write: impl Fn(usize, Range<usize>, &mut [T]) + Sync,
    ) {
        let out = SliceParts::new(out);
        context.pool.run(s.n * self.chunks, &|i| {
            let (n, range) = self.at(i);
            // SAFETY: every chunk runs once, and their ranges are disjoint.
            write(n, range.clone(), unsafe { out.part(range) });
        });
    }
}

/// `vectors`: weight, bias, one value a channel; `statistics`: mean, rstd.
pub(super) fn forward<S: Stored>(
    context: &CpuContext,
    s: &Sizes,
    eps: f64,
    x: &[S],
    vectors: [&[f32]; 2],
    y: &mut [S],
    statistics: [&mut [f32]; 2],
) {
    let (plan, c, [weight, bias], [mean, rstd]) = (Plan::new(s), s.channels(), vectors, statistics);
    let rows = &plan.rows;
    // Of x - origin and of its square, the origin being a sample's first position.
    let sums = plan.sum_pairs(context, s, |n, range, sums| {
        let (first, second) = sums.split_at_mut(c);
        let origin = &x[n * plan.sample..][..c];
        add_sums(context.isa, &x[range], origin, rows.width, rows.block(), first, second);
    });
    for (unit, (mean, rstd)) in mean.iter_mut().zip(&mut *rstd).enumerate() {
        let (n, first) = (unit / s.groups, unit % s.groups * s.size);
        let (positions, count) = (s.positions as f64, s.count() as f64);
        let (sums, origin) = (&sums[n * 2 * c..][..2 * c], &x[n * plan.sample..]);
        // Mean and sum of squares around it, of a channel.
        let channels = (first..first + s.size).map(|channel| {
            let shift = sums[channel] / positions;
            (origin[channel].to_f64() + shift, sums[c + channel] - sums[channel] * shift)
        });
        let exact = channels.clone().map(|(mean, _)| mean * positions).sum::<f64>() / count;
        let squares = channels.map(|(mean, squares)| squares + positions * (mean - exact).powi(2)).sum::<f64>() / count;
        *mean = exact as f32;
        // Rounding can leave a constant group just below 0; NaN passes.
        *rstd = (1.0 / (if squares < 0.0 { 0.0 } else { squares } + eps).sqrt()) as f32;
    }
    plan.write(context, s, y, |n, range, y| {
        let unit = |channel: usize| n * s.groups + channel / s.size;
        let mean = rows.widen(|channel| mean[unit(channel)]);
        let scale = rows.widen(|channel| weight[channel] * rstd[unit(channel)]);
        let bias = rows.widen(|channel| bias[channel]);
        normalise(context.isa, &x[range], &mean, &scale, &bias, y);
    });
}

multiversion! {
    /// `y = (x - mean) scale + bias`, each over a wide row.
    fn normalise<A, S: Stored>(x: &[S], mean: &[f32], scale: &[f32], bias: &[f32], y: &mut [S]) {
        let width = mean.len();
        for (x, y) in x.chunks(width).zip(y.chunks_mut(width)) {
            for ((y, x), ((&mean, &scale), &bias)) in y.iter_mut().zip(x).zip(mean.iter().zip(scale).zip(bias)) {
                *y = S::round(A::madd(x.widen() - mean, scale, bias));
            }
        }
    }
}

/// `inputs`: dy, x; `statistics`: mean, rstd; `gradients`: dweight, dbias.
pub(super) fn backward<S: Stored>(
    context: &CpuContext,
    s: &Sizes,
    inputs: [&[S]; 2],
    statistics: [&[f32]; 2],
    weight: &[f32],
    dx: &mut [S],
    gradients: [&mut [f32]; 2],
) {
    let ([dy, x], [mean, rstd], [dweight, dbias]) = (inputs, statistics, gradients);
    let (plan, c) = (Plan::new(s), s.channels());
    let (rows, unit) = (&plan.rows, |n: usize, channel: usize| n * s.groups + channel / s.size);
    // Of dy (x - mean) and of dy.
    let sums = plan.sum_pairs(context, s, |n, range, sums| {
        let mean = rows.widen(|channel| mean[unit(n, channel)]);
        add_gradients(context.isa, &dy[range.clone()], &x[range], &mean, rows.block(), sums);
    });
    for (channel, (dweight, dbias)) in dweight.iter_mut().zip(dbias).enumerate() {
        let of = |n: usize| &sums[n * 2 * c..];
        *dweight = (0..s.n).map(|n| of(n)[channel] * f64::from(rstd[unit(n, channel)])).sum::<f64>() as f32;
        *dbias = (0..s.n).map(|n| of(n)[c + channel]).sum::<f64>() as f32;
    }
    // Of a sample and group: mean g, and rstd mean (g xhat).
    let shared = |n: usize, group: usize| {
        let (sums, rstd) = (&sums[n * 2 * c..], f64::from(rstd[n * s.groups + group]));
        let mean_of = |sums: &[f64]| {
            let channels = group * s.size..(group + 1) * s.size;
            channels.map(|channel| f64::from(weight[channel]) * sums[channel]).sum::<f64>() / s.count() as f64
        };
        (mean_of(&sums[c..]) as f32, (mean_of(sums) * rstd.powi(2)) as f32)
    };
    plan.write(context, s, dx, |n, range, dx| {
        let of_groups: Vec<_> = (0..s.groups).map(|group| shared(n, group)).collect();
        let k = [
            rows.widen(|channel| mean[unit(n, channel)]),
            rows.widen(|channel| rstd[unit(n, channel)]),
            rows.widen(|channel| weight[channel]),
            rows.widen(|channel| of_groups[channel / s.size].0),
            rows.widen(|channel| of_groups[channel / s.size].1),
        ];
        write_dx(context.isa, &dy[range.clone()], &x[range], &k, dx);
    });
}

multiversion! {
    /// Adds the sums of dy (x - mean) and of dy to the two halves of `sums`.
    fn add_gradients<A, S: Stored>(dy: &[S], x: &[S], mean: &[f32], block: usize, sums: &mut [f64]) {
        let (width, half) = (mean.len(), sums.len() / 2);
        let mut lanes = Aligned::zeros(2 * width);
        let (products, plain) = sums.split_at_mut(half);
        for (dy, x) in dy.chunks(block).zip(x.chunks(block)) {
            lanes.fill(0.0);
            let (product, linear) = lanes.split_at_mut(width);
            for (dy, x) in dy.chunks(width).zip(x.chunks(width)) {
                let lanes = product.iter_mut().zip(linear.iter_mut());
                for ((product, linear), ((dy, x), &mean)) in lanes.zip(dy.iter().zip(x).zip(mean)) {
                    let dy = dy.widen();
                    *product = A::madd(dy, x.widen() - mean, *product);
                    *linear += dy;
                }
            }
            fold(product, products);
            fold(linear, plain);
        }
    }
}

multiversion! {
    /// `dx = rstd (weight dy - plain - (x - mean) product)`; `k`: mean, rstd, weight, plain, product, each over a wide row.
    fn write_dx<A, S: Stored>(dy: &[S], x: &[S], k: &[Aligned; 5], dx: &mut [S]) {
        let [mean, rstd, weight, plain, product] = k.each_ref().map(|row| &**row);
        let width = mean.len();
        for ((dy, x), dx) in dy.chunks(width).zip(x.chunks(width)).zip(dx.chunks_mut(width)) {
            let k = mean.iter().zip(rstd).zip(weight.iter().zip(plain).zip(product));
            for ((dx, (dy, x)), ((&mean, &rstd), ((&weight, &plain), &product))) in
                dx.iter_mut().zip(dy.iter().zip(x)).zip(k)
            {
                *dx = S::round(rstd * (A::madd(mean - x.widen(), product, dy.widen() * weight) - plain));
            }
        }
    }
}
