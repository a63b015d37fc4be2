//! Gradients in two passes over memory (one with given statistics): the sums over the rows, then dx.
//!
//! The second pass needs dz again. In f32 it is read back where it had to be written, as the residual's gradient; else it is
//! computed again, which costs less than writing it and reading it back, and in bf16 dz would have been rounded.

use super::Settings;
use super::reference::Backward;
use super::rows::{Coefficients, Rows, fold, rstd};
use crate::cpu::CpuContext;
use crate::cpu::isa::Arch;
use crate::cpu::pool::SliceParts;
use crate::dtype::{Dtype, Stored};
use crate::ops::activation::curve::{Curve, for_each_curve};
use std::ops::Range;

/// What is read; `residual` is empty where there is none.
#[derive(Clone, Copy)]
struct Reads<'a, S> {
    dy: &'a [S],
    x: &'a [S],
    residual: &'a [S],
}

impl<'a, S: Stored> Reads<'a, S> {
    #[inline(always)]
    fn part(&self, range: Range<usize>) -> Reads<'a, S> {
        let residual = if self.residual.is_empty() { self.residual } else { &self.residual[range.clone()] };
        Reads { dy: &self.dy[range.clone()], x: &self.x[range], residual }
    }
}

/// `batch` says that the statistics are those of x itself, so that their gradients count.
pub(super) fn backward<S: Stored>(context: &CpuContext, settings: Settings, batch: bool, o: Backward<S, f32>) {
    let (c, activation) = (o.mean.len(), settings.activation);
    if c == 0 {
        return;
    }
    let rows = Rows::new(c, o.x.len());
    let k = Coefficients::new(&rows, settings.eps, o.weight, o.bias, o.mean, o.variance);
    let reads = Reads { dy: o.dy, x: o.x, residual: o.residual.unwrap_or(&[]) };
    let dz = o.dresidual.unwrap_or(&mut []);
    let (of_dz, of_dx) = (dz.len(), if batch { 0 } else { o.dx.len() });
    let (dz_parts, dx_parts) = (SliceParts::new(dz), SliceParts::new(&mut o.dx[..of_dx]));
    let sums = rows.sum_pairs(&context.pool, |range, sums| {
        let (first, second) = sums.split_at_mut(c);
        let [of_dz, of_dx] = [of_dz, of_dx].map(|len| range.start.min(len)..range.end.min(len));
        // SAFETY: every chunk runs once, and their ranges are disjoint.
        let (dz, dx) = unsafe { (dz_parts.part(of_dz), dx_parts.part(of_dx)) };
        add_sums(context.isa, activation, reads.part(range), &k, rows.block(), dz, dx, first, second);
    });
    // In units of x: sum dz (x - mean) = dweight / rstd.
    let (dbias, product) = sums.split_at(c);
    for channel in 0..c {
        o.dbias[channel] = dbias[channel] as f32;
        o.dweight[channel] = (product[channel] * rstd(o.variance[channel], settings.eps)) as f32;
    }
    if !batch {
        return;
    }
    let count = rows.count() as f64;
    let through_mean = rows.widen(|c| (dbias[c] / count) as f32);
    let through_rstd = rows.widen(|c| (product[c] * rstd(o.variance[c], settings.eps).powi(2) / count) as f32);
    let exact: &[S] = if S::DTYPE == Dtype::F32 { dz } else { &[] };
    rows.for_each_chunk(&context.pool, o.dx, |range, dx| {
        let dz = if exact.is_empty() { exact } else { &exact[range.clone()] };
        write_dx(context.isa, activation, reads.part(range), &k, dz, [&through_mean, &through_rstd], dx);
    });
}

/// x - mean and dz, at `i` of a wide row.
#[inline(always)]
fn slope<A: Arch, F: Curve, S: Stored, const RESIDUAL: bool>(row: &Reads<S>, k: &[&[f32]; 3], i: usize) -> (f32, f32) {
    let [mean, scale, bias] = k;
    let centred = row.x[i].widen() - mean[i];
    let z = A::madd(centred, scale[i], bias[i]);
    let z = if RESIDUAL { z + row.residual[i].widen() } else { z };
    (centred, F::back::<A>(z, row.dy[i].widen()))
}

for_each_curve! {
    fn add_sums<S: Stored> = add_sums_of(
        reads: Reads<S>, k: &Coefficients, block: usize, dz: &mut [S], dx: &mut [S], first: &mut [f64], second: &mut [f64],
    )
}

/// Adds sum dz to `first` and sum dz (x - mean) to `second`; writes dz, and dx of given statistics, unless they are empty.
#[inline(always)]
fn add_sums_of<A: Arch, F: Curve, S: Stored>(
    reads: Reads<S>,
    k: &Coefficients,
    block: usize,
    dz: &mut [S],
    dx: &mut [S],
    first: &mut [f64],
    second: &mut [f64],
) {
    let (width, len) = (k.mean.len(), reads.x.len());
    let mut lanes = vec![0.0f32; 3 * width];
    let (slopes, sums) = lanes.split_at_mut(width);
    for start in (0..len).step_by(block) {
        let end = len.min(start + block);
        sums.fill(0.0);
        let (linear, product) = sums.split_at_mut(width);
        for row in (start..end).step_by(width) {
            let range = row..end.min(row + width);
            let (row, slopes) = (reads.part(range.clone()), &mut slopes[..range.len()]);
            if row.residual.is_empty() {
                add_row::<A, F, S, false>(&row, k, slopes, linear, product);
            } else {
                add_row::<A, F, S, true>(&row, k, slopes, linear, product);
            }
            if !dz.is_empty() {
                dz[range.clone()].iter_mut().zip(&*slopes).for_each(|(dz, &slope)| *dz = S::round(slope));
            }
            if !dx.is_empty() {
                let dx = dx[range].iter_mut().zip(&k.scale);
                dx.zip(&*slopes).for_each(|((dx, &scale), &slope)| *dx = S::round(slope * scale));
            }
        }
        fold(linear, first);
        fold(product, second);
    }
}

/// Writes dz of one wide row, and adds dz and dz (x - mean) to those of the rows before.
#[inline(always)]
fn add_row<A: Arch, F: Curve, S: Stored, const RESIDUAL: bool>(
    row: &Reads<S>,
    k: &Coefficients,
    dz: &mut [f32],
    linear: &mut [f32],
    product: &mut [f32],
) {
    let n = dz.len();
    let (row, k) = (row.part(0..n), k.first(n));
    let (linear, product) = (&mut linear[..n], &mut product[..n]);
    for i in 0..n {
        let (centred, slope) = slope::<A, F, S, RESIDUAL>(&row, &k, i);
        dz[i] = slope;
        linear[i] += slope;
        product[i] = A::madd(slope, centred, product[i]);
    }
}

for_each_curve! {
    fn write_dx<S: Stored> = write_dx_of(reads: Reads<S>, k: &Coefficients, dz: &[S], through: [&[f32]; 2], dx: &mut [S])
}

/// `dx = scale (dz - through_mean - (x - mean) through_rstd)`; dz is computed where it is empty.
#[inline(always)]
fn write_dx_of<A: Arch, F: Curve, S: Stored>(
    reads: Reads<S>,
    k: &Coefficients,
    dz: &[S],
    through: [&[f32]; 2],
    dx: &mut [S],
) {
    let width = k.mean.len();
    for (i, dx) in dx.chunks_mut(width).enumerate() {
        let range = i * width..i * width + dx.len();
        let row = reads.part(range.clone());
        if !dz.is_empty() {
            dx_of_given::<A, S>(row.x, &dz[range], k, through, dx);
        } else if row.residual.is_empty() {
            dx_row::<A, F, S, false>(&row, k, through, dx);
        } else {
            dx_row::<A, F, S, true>(&row, k, through, dx);
        }
    }
}

#[inline(always)]
fn dx_of_given<A: Arch, S: Stored>(x: &[S], dz: &[S], k: &Coefficients, through: [&[f32]; 2], dx: &mut [S]) {
    let n = dx.len();
    let (x, dz, [mean, scale, _], through) = (&x[..n], &dz[..n], k.first(n), through.map(|row| &row[..n]));
    for i in 0..n {
        dx[i] = S::round(dx_at::<A>(dz[i].widen(), x[i].widen() - mean[i], scale[i], &through, i));
    }
}

#[inline(always)]
fn dx_row<A: Arch, F: Curve, S: Stored, const RESIDUAL: bool>(
    row: &Reads<S>,
    k: &Coefficients,
    through: [&[f32]; 2],
    dx: &mut [S],
) {
    let n = dx.len();
    let (row, k, through) = (row.part(0..n), k.first(n), through.map(|row| &row[..n]));
    for i in 0..n {
        let (centred, dz) = slope::<A, F, S, RESIDUAL>(&row, &k, i);
        dx[i] = S::round(dx_at::<A>(dz, centred, k[1][i], &through, i));
    }
}

#[inline(always)]
fn dx_at<A: Arch>(dz: f32, centred: f32, scale: f32, [mean, rstd]: &[&[f32]; 2], i: usize) -> f32 {
    scale * (A::madd(-centred, rstd[i], dz) - mean[i])
}
