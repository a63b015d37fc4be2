//! One position a sample, as in layer normalisation: everything of a row of c channels at once, while it is in the cache.

use super::Sizes;
use crate::cpu::CpuContext;
use crate::cpu::pool::{SliceParts, for_each_chunk_mut, split};
use crate::cpu::scratch::Doubles;
use crate::dtype::Stored;
use crate::ops::softmax::row;

/// Elements a chunk: tens of microseconds of work.
const CHUNK: usize = 32 * 1024;
/// Rows of a chunk that sums over them at least, as its sums cost as much as some rows.
const LEAST_ROWS: usize = 16;
/// Rows whose sum is kept in f32 before it goes to f64.
const TOGETHER: usize = 64;

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
    let (c, groups, [weight, bias], [mean, rstd]) = (s.channels(), s.groups, vectors, statistics.map(SliceParts::new));
    let chunk = (CHUNK / c).max(1);
    for_each_chunk_mut(&context.pool, y, chunk * c, |i, y| {
        let (first, rows) = (i * chunk, y.len() / c);
        let units = first * groups..(first + rows) * groups;
        // SAFETY: every chunk runs once, and their rows are disjoint.
        let (mean, rstd) = unsafe { (mean.part(units.clone()), rstd.part(units)) };
        normalise(context.isa, s.size, eps, &x[first * c..][..y.len()], weight, bias, y, mean, rstd);
    });
}

multiversion! {
    fn normalise<A, S: Stored>(
        size: usize, eps: f64, x: &[S], weight: &[f32], bias: &[f32], y: &mut [S], means: &mut [f32], rstds: &mut [f32],
    ) {
        let count = size as f64;
        let vectors = weight.chunks_exact(size).zip(bias.chunks_exact(size)).cycle();
        let groups = x.chunks_exact(size).zip(y.chunks_exact_mut(size)).zip(vectors);
        for (((x, y), (weight, bias)), (mean, rstd)) in groups.zip(means.iter_mut().zip(rstds)) {
            // The second pass says how far the first was from the mean, so that nothing cancels when it is far from 0.
            let centre = (row::sum(x, 0.0, |x| x) / count) as f32;
            let linear = row::sum(x, centre, |x| x - centre) / count;
            let square = row::sum(x, centre, |x| (x - centre) * (x - centre)) / count;
            let variance = square - linear * linear;
            *mean = (f64::from(centre) + linear) as f32;
            // Rounding can leave a constant row just below 0; NaN passes.
            *rstd = (1.0 / (if variance < 0.0 { 0.0 } else { variance } + eps).sqrt()) as f32;
            let (mean, rstd) = (*mean, *rstd);
            for ((y, x), (&weight, &bias)) in y.iter_mut().zip(x).zip(weight.iter().zip(bias)) {
                *y = S::round(A::madd((x.widen() - mean) * rstd, weight, bias));
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
    let (c, groups, dx) = (s.channels(), s.groups, SliceParts::new(dx));
    let chunk = (CHUNK / c).max(LEAST_ROWS);
    let mut sums = Doubles::zeros(split(s.n, chunk).max(1) * 2 * c);
    for_each_chunk_mut(&context.pool, &mut sums, 2 * c, |i, sums| {
        let rows = (i * chunk).min(s.n)..s.n.min((i + 1) * chunk);
        let (of_x, units) = (rows.start * c..rows.end * c, rows.start * groups..rows.end * groups);
        // SAFETY: every chunk runs once, and their rows are disjoint.
        let dx = unsafe { dx.part(of_x.clone()) };
        let statistics = [&mean[units.clone()], &rstd[units]];
        gradients_of(context.isa, s.size, &dy[of_x.clone()], &x[of_x], statistics, weight, dx, sums);
    });
    for (i, (dweight, dbias)) in dweight.iter_mut().zip(dbias).enumerate() {
        let total = |first: usize| sums[first..].iter().step_by(2 * c).sum::<f64>() as f32;
        (*dweight, *dbias) = (total(i), total(c + i));
    }
}

multiversion! {
    /// Writes dx, and adds those of weight and bias to the two halves of `sums`.
    fn gradients_of<A, S: Stored>(
        size: usize, dy: &[S], x: &[S], statistics: [&[f32]; 2], weight: &[f32], dx: &mut [S], sums: &mut [f64],
    ) {
        let c = weight.len();
        let (groups, count, [means, rstds]) = (c / size, size as f64, statistics);
        let mut room = vec![0.0f32; 2 * c + 2 * size];
        let (lanes, room) = room.split_at_mut(2 * c);
        let (g, xhat) = room.split_at_mut(size);
        let mut units = dy.chunks_exact(size).zip(x.chunks_exact(size)).zip(dx.chunks_exact_mut(size))
            .zip(means.iter().zip(rstds)).enumerate();
        loop {
            lanes.fill(0.0);
            let (dweight, dbias) = lanes.split_at_mut(c);
            let mut any = false;
            for (unit, (((dy, x), dx), (&mean, &rstd))) in units.by_ref().take(TOGETHER * groups) {
                any = true;
                let at = unit % groups * size..(unit % groups + 1) * size;
                let (weight, dweight, dbias) = (&weight[at.clone()], &mut dweight[at.clone()], &mut dbias[at]);
                for ((g, xhat), ((dy, x), &weight)) in g.iter_mut().zip(&mut *xhat).zip(dy.iter().zip(x).zip(weight)) {
                    *g = dy.widen() * weight;
                    *xhat = (x.widen() - mean) * rstd;
                }
                let mean_g = (row::sum(&*g, 0.0, |g| g) / count) as f32;
                let mean_product = (row::sum2(&*g, &*xhat, 0.0, |g, xhat| g * xhat) / count) as f32;
                for ((dx, dy), ((&g, &xhat), (dweight, dbias))) in
                    dx.iter_mut().zip(dy).zip(g.iter().zip(&*xhat).zip(dweight.iter_mut().zip(dbias)))
                {
                    let dy = dy.widen();
                    *dx = S::round(rstd * (A::madd(-xhat, mean_product, g) - mean_g));
                    *dweight = A::madd(dy, xhat, *dweight);
                    *dbias += dy;
                }
            }
            if !any {
                break;
            }
            sums.iter_mut().zip(&*lanes).for_each(|(sum, &lane)| *sum += f64::from(lane));
        }
    }
}
