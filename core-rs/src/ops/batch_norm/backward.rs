//! Gradients in two passes over memory (one with given statistics): the sums over the rows, then dx.
//!
//! The second pass needs dz again. In f32 it is read back where it had to be written anyway, as the residual's gradient;
//! else a dear activation's is kept in dx meanwhile, and a cheap one's is computed again. In bf16, which would round it, it
//! is always computed again.

use super::Settings;
use super::reference::Backward;
use super::rows::{Aligned, Coefficients, Rows, fold, rstd};
use crate::cpu::CpuContext;
use crate::cpu::isa::Arch;
use crate::cpu::pool::SliceParts;
use crate::dtype::{Dtype, Stored};
use crate::ops::activation::Activation;
use crate::ops::activation::curve::{Curve, for_each_curve};
use crate::ops::activation::reads::Reads;

/// Where the second pass finds dz.
#[derive(Clone, Copy)]
enum Slopes<'a, S> {
    Given(&'a [S]),
    InDx,
    Again,
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
    let mut dresidual = o.dresidual;
    let exact = S::DTYPE == Dtype::F32;
    let cheap = matches!(activation, Activation::None | Activation::Relu);
    let in_dx = batch && exact && dresidual.is_none() && !cheap;
    let (dz, dx) = match &mut dresidual {
        _ if in_dx => (&mut *o.dx, &mut [][..]),
        dresidual => (dresidual.as_deref_mut().unwrap_or(&mut []), if batch { &mut [][..] } else { &mut *o.dx }),
    };
    let (written, dz, dx) = ([dz.len(), dx.len()], SliceParts::new(dz), SliceParts::new(dx));
    let sums = rows.sum_pairs(&context.pool, |range, sums| {
        let (first, second) = sums.split_at_mut(c);
        let [of_dz, of_dx] = written.map(|len| range.start.min(len)..range.end.min(len));
        // SAFETY: every chunk runs once, and their ranges are disjoint.
        let (dz, dx) = unsafe { (dz.part(of_dz), dx.part(of_dx)) };
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
    rows.for_each_chunk(&context.pool, o.dx, |range, dx| {
        let dz = match &dresidual {
            Some(dz) if exact => Slopes::Given(&dz[range.clone()]),
            None if in_dx => Slopes::InDx,
            _ => Slopes::Again,
        };
        write_dx(context.isa, activation, reads.part(range), &k, dz, [&through_mean, &through_rstd], dx);
    });
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
    let mut lanes = Aligned::zeros(3 * width);
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
                let dx = dx[range].iter_mut().zip(&*k.scale);
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
    // All of one length, so that nothing in the loop is checked, which would leave its end to scalar code.
    let n = dz.len();
    let (dy, x, residual) = (&row.dy[..n], &row.x[..n], &row.residual[..if RESIDUAL { n } else { 0 }]);
    let (mean, scale, bias) = (&k.mean[..n], &k.scale[..n], &k.bias[..n]);
    let (linear, product) = (&mut linear[..n], &mut product[..n]);
    for i in 0..n {
        let centred = x[i].widen() - mean[i];
        let z = A::madd(centred, scale[i], bias[i]);
        let z = if RESIDUAL { z + residual[i].widen() } else { z };
        let slope = F::back::<A>(z, dy[i].widen());
        dz[i] = slope;
        linear[i] += slope;
        product[i] = A::madd(slope, centred, product[i]);
    }
}

for_each_curve! {
    fn write_dx<S: Stored> = write_dx_of(
        reads: Reads<S>, k: &Coefficients, dz: Slopes<S>, through: [&[f32]; 2], dx: &mut [S],
    )
}

/// `dx = scale (dz - through_mean - (x - mean) through_rstd)`
#[inline(always)]
fn write_dx_of<A: Arch, F: Curve, S: Stored>(
    reads: Reads<S>,
    k: &Coefficients,
    dz: Slopes<S>,
    through: [&[f32]; 2],
    dx: &mut [S],
) {
    let width = k.mean.len();
    for (i, dx) in dx.chunks_mut(width).enumerate() {
        let range = i * width..i * width + dx.len();
        let row = reads.part(range.clone());
        match dz {
            Slopes::Again if row.residual.is_empty() => dx_row::<A, F, S, false>(&row, k, through, dx),
            Slopes::Again => dx_row::<A, F, S, true>(&row, k, through, dx),
            Slopes::InDx => dx_of_dz::<A, S>(row.x, k, through, dx),
            Slopes::Given(dz) => {
                dx.copy_from_slice(&dz[range]);
                dx_of_dz::<A, S>(row.x, k, through, dx);
            }
        }
    }
}

/// Of one wide row, whose `dx` holds dz.
#[inline(always)]
fn dx_of_dz<A: Arch, S: Stored>(x: &[S], k: &Coefficients, through: [&[f32]; 2], dx: &mut [S]) {
    let n = dx.len();
    let (x, mean, scale) = (&x[..n], &k.mean[..n], &k.scale[..n]);
    let (through_mean, through_rstd) = (&through[0][..n], &through[1][..n]);
    for i in 0..n {
        let through = A::madd(mean[i] - x[i].widen(), through_rstd[i], dx[i].widen()) - through_mean[i];
        dx[i] = S::round(scale[i] * through);
    }
}

/// Of one wide row.
#[inline(always)]
fn dx_row<A: Arch, F: Curve, S: Stored, const RESIDUAL: bool>(
    row: &Reads<S>,
    k: &Coefficients,
    through: [&[f32]; 2],
    dx: &mut [S],
) {
    let n = dx.len();
    let (dy, x, residual) = (&row.dy[..n], &row.x[..n], &row.residual[..if RESIDUAL { n } else { 0 }]);
    let (mean, scale, bias) = (&k.mean[..n], &k.scale[..n], &k.bias[..n]);
    let (through_mean, through_rstd) = (&through[0][..n], &through[1][..n]);
    for i in 0..n {
        let centred = x[i].widen() - mean[i];
        let z = A::madd(centred, scale[i], bias[i]);
        let z = if RESIDUAL { z + residual[i].widen() } else { z };
        let dz = F::back::<A>(z, dy[i].widen());
        dx[i] = S::round(scale[i] * (A::madd(-centred, through_rstd[i], dz) - through_mean[i]));
    }
}
