//! Gradients in two passes over memory (one with given statistics): the sums over the rows, then dx.
//!
//! The second pass needs dz again. It is read back where it had to be written anyway, as the residual's gradient;
//! else a dear activation's is kept in dx meanwhile, and a cheap one's is computed again.

use super::Settings;
use super::reference::Backward;
use super::rows::{Coefficients, Rows, fold, rstd};
use crate::cpu::CpuContext;
use crate::cpu::isa::Arch;
use crate::cpu::pool::SliceParts;
use crate::ops::activation::Activation;
use crate::ops::activation::curve::{Curve, for_each_curve};
use std::ops::Range;

/// What is read; `residual` is empty where there is none.
#[derive(Clone, Copy)]
struct Reads<'a> {
    dy: &'a [f32],
    x: &'a [f32],
    residual: &'a [f32],
}

impl<'a> Reads<'a> {
    fn part(&self, range: Range<usize>) -> Reads<'a> {
        let residual = if self.residual.is_empty() { self.residual } else { &self.residual[range.clone()] };
        Reads { dy: &self.dy[range.clone()], x: &self.x[range], residual }
    }
}

/// Where the second pass finds dz.
#[derive(Clone, Copy)]
enum Slopes<'a> {
    Given(&'a [f32]),
    InDx,
    Again,
}

/// `batch` says that the statistics are those of x itself, so that their gradients count.
pub(super) fn backward(context: &CpuContext, settings: Settings, batch: bool, o: Backward<f32>) {
    let (c, activation) = (o.mean.len(), settings.activation);
    if c == 0 {
        return;
    }
    let rows = Rows::new(c, o.x.len());
    let k = Coefficients::new(&rows, settings.eps, o.weight, o.bias, o.mean, o.variance);
    let reads = Reads { dy: o.dy, x: o.x, residual: o.residual.unwrap_or(&[]) };
    let mut dresidual = o.dresidual;
    let cheap = matches!(activation, Activation::None | Activation::Relu);
    let in_place = batch && dresidual.is_none() && !cheap;
    let (dz, dx) = match &mut dresidual {
        _ if in_place => (&mut *o.dx, &mut [][..]),
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
            Some(dz) => Slopes::Given(&dz[range.clone()]),
            None if in_place => Slopes::InDx,
            None => Slopes::Again,
        };
        write_dx(context.isa, activation, reads.part(range), &k, dz, &through_mean, &through_rstd, dx);
    });
}

/// dz of one wide row.
#[inline(always)]
fn slope_row<A: Arch, F: Curve>(reads: Reads, k: &Coefficients, dz: &mut [f32]) {
    let k = k.mean.iter().zip(&k.scale).zip(&k.bias);
    let rows = dz.iter_mut().zip(reads.dy.iter().zip(reads.x));
    if reads.residual.is_empty() {
        for ((dz, (&dy, &x)), ((&mean, &scale), &bias)) in rows.zip(k) {
            *dz = F::back::<A>(A::madd(x - mean, scale, bias), dy);
        }
    } else {
        for (((dz, (&dy, &x)), &residual), ((&mean, &scale), &bias)) in rows.zip(reads.residual).zip(k) {
            *dz = F::back::<A>(A::madd(x - mean, scale, bias) + residual, dy);
        }
    }
}

for_each_curve! {
    fn add_sums = add_sums_of(
        reads: Reads, k: &Coefficients, block: usize, dz: &mut [f32], dx: &mut [f32], first: &mut [f64], second: &mut [f64],
    )
}

/// Adds sum dz to `first` and sum dz (x - mean) to `second`; writes dz, and dx of given statistics, unless they are empty.
#[inline(always)]
fn add_sums_of<A: Arch, F: Curve>(
    reads: Reads,
    k: &Coefficients,
    block: usize,
    dz: &mut [f32],
    dx: &mut [f32],
    first: &mut [f64],
    second: &mut [f64],
) {
    let (width, len) = (k.mean.len(), reads.x.len());
    let mut lanes = vec![0.0f32; 3 * width];
    let (scratch, sums) = lanes.split_at_mut(width);
    for start in (0..len).step_by(block) {
        let end = len.min(start + block);
        sums.fill(0.0);
        let (linear, product) = sums.split_at_mut(width);
        for row in (start..end).step_by(width) {
            let range = row..end.min(row + width);
            let row = reads.part(range.clone());
            let dz = if dz.is_empty() { &mut scratch[..row.x.len()] } else { &mut dz[range.clone()] };
            slope_row::<A, F>(row, k, dz);
            let sums = linear.iter_mut().zip(product.iter_mut());
            for ((linear, product), (&dz, (&x, &mean))) in sums.zip(dz.iter().zip(row.x.iter().zip(&k.mean))) {
                *linear += dz;
                *product = A::madd(dz, x - mean, *product);
            }
            if !dx.is_empty() {
                let dx = dx[range].iter_mut();
                dx.zip(dz.iter().zip(&k.scale)).for_each(|(dx, (&dz, &scale))| *dx = dz * scale);
            }
        }
        fold(linear, first);
        fold(product, second);
    }
}

for_each_curve! {
    fn write_dx = write_dx_of(
        reads: Reads, k: &Coefficients, dz: Slopes, through_mean: &[f32], through_rstd: &[f32], dx: &mut [f32],
    )
}

/// `dx = scale (dz - through_mean - (x - mean) through_rstd)`
#[inline(always)]
fn write_dx_of<A: Arch, F: Curve>(
    reads: Reads,
    k: &Coefficients,
    dz: Slopes,
    through_mean: &[f32],
    through_rstd: &[f32],
    dx: &mut [f32],
) {
    let width = k.mean.len();
    for (i, dx) in dx.chunks_mut(width).enumerate() {
        let range = i * width..i * width + dx.len();
        let row = reads.part(range.clone());
        match dz {
            Slopes::Given(dz) => dx.copy_from_slice(&dz[range]),
            Slopes::InDx => {}
            Slopes::Again => slope_row::<A, F>(row, k, dx),
        }
        let through = through_mean.iter().zip(through_rstd);
        let k = k.mean.iter().zip(&k.scale);
        for (((dx, &x), (&mean, &scale)), (&through_mean, &through_rstd)) in
            dx.iter_mut().zip(row.x).zip(k).zip(through)
        {
            *dx = scale * (A::madd(mean - x, through_rstd, *dx) - through_mean);
        }
    }
}
