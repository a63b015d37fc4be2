//! Padding on the GPU: what `kernel.cu` is launched with.

use super::Pad;
use crate::cuda::axes::{Divisor, MOST};
use crate::cuda::launch::{Argument, Grid};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::{Error, Result};
use crate::ops::fill::cuda::repeated;
use crate::shape::{MAX_RANK, Shape};
use std::ops::Range;

pub const SOURCE: Source = Source { name: "pad", text: include_str!("kernel.cu") };

/// `Padded` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Padded {
    units: u32,
    rank: u32,
    sizes: [Divisor; MAX_RANK],
    before: [i64; MAX_RANK],
    inside: [u64; MAX_RANK],
    strides: [u64; MAX_RANK],
    value: [u64; 2],
}

impl Argument for Padded {}

/// An axis of y, in elements or units.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    size: usize,
    /// Of the value, before x.
    before: usize,
    /// Of x.
    inside: usize,
    /// Between neighbours in x.
    stride: usize,
}

/// The axes, the last one first; one without padding is merged with the one before it.
fn merged(op: &Pad, from: Shape, to: Shape) -> Vec<Axis> {
    let mut axes = vec![Axis { size: 1, before: 0, inside: 1, stride: 1 }];
    for axis in (0..to.rank()).rev() {
        let (size, before, inside) = (to.dims()[axis], op.before[axis], from.dims()[axis]);
        let last = axes.last_mut().expect("there is one at least");
        if last.size == last.inside {
            let Axis { size: each, stride, .. } = *last;
            *last = Axis { size: size * each, before: before * each, inside: inside * each, stride };
        } else {
            let stride = last.stride * last.inside;
            axes.push(Axis { size, before, inside, stride });
        }
    }
    axes
}

pub fn forward(op: &Pad, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (x, y) = (io.meta(0), io.output_meta(0));
    if y.shape.is_empty() {
        return Ok(());
    }
    let mut axes = merged(op, x.shape, y.shape);
    let bytes = y.dtype.size();
    let fits = |unit: usize| {
        let whole = [axes[0].size, axes[0].before, axes[0].inside].iter().all(|count| count % unit == 0);
        whole && [io.input(0), io.output(0)].iter().all(|address| address % (unit * bytes) as u64 == 0)
    };
    let unit = [16, 8, 4, 2, 1].into_iter().filter(|unit| unit * bytes <= 16).find(|&unit| fits(unit)).unwrap_or(1);
    let Axis { size, before, inside, stride } = axes[0];
    axes[0] = Axis { size: size / unit, before: before / unit, inside: inside / unit, stride };
    axes[1..].iter_mut().for_each(|axis| axis.stride /= unit);

    let (first, others) = axes.split_last().expect("there is one axis at least");
    let each = others.iter().map(|axis| axis.size).product::<usize>();
    if each > MOST {
        let message = format!("Expected less than 2^31 times {} bytes along the axes after the first", unit * bytes);
        return Err(Error::unsupported(io.name(), message));
    }
    let kernel = format!("pad_{}", unit * bytes);
    // A launch takes as much of the first axis as its indices reach.
    for start in (0..first.size).step_by(MOST / each) {
        let rows = (first.size - start).min(MOST / each);
        let padded = Padded::new(&axes, start..start + rows, repeated(op.value, y.dtype));
        let target = io.output(0) + (start * each * unit * bytes) as u64;
        cuda.launch(io.name(), &SOURCE, &kernel, Grid::elements(rows * each), &args![io.input(0), target, padded])?;
    }
    Ok(())
}

impl Padded {
    /// For a range of the first axis.
    fn new(axes: &[Axis], range: Range<usize>, value: u64) -> Padded {
        let mut padded = Padded {
            units: 1,
            rank: axes.len() as u32,
            sizes: [Divisor::new(1); MAX_RANK],
            before: [0; MAX_RANK],
            inside: [0; MAX_RANK],
            strides: [0; MAX_RANK],
            value: [value; 2],
        };
        for (i, axis) in axes.iter().enumerate() {
            let first = i + 1 == axes.len();
            let (start, size) = if first { (range.start, range.len()) } else { (0, axis.size) };
            padded.units *= size as u32;
            padded.sizes[i] = Divisor::new(size);
            padded.before[i] = axis.before as i64 - start as i64;
            (padded.inside[i], padded.strides[i]) = (axis.inside as u64, axis.stride as u64);
        }
        padded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_without_padding_are_merged() {
        let shape = |dims: &[usize]| Shape::new("test", dims).unwrap();
        let pad = Pad { value: 0.0, before: vec![0, 1, 2, 0], after: vec![0, 0, 1, 0] };
        let axis = |size, before, inside, stride| Axis { size, before, inside, stride };
        let wanted = [axis(8 * 6, 2 * 6, 5 * 6, 1), axis(5, 1, 4, 30), axis(3, 0, 3, 120)];
        assert_eq!(merged(&pad, shape(&[3, 4, 5, 6]), shape(&[3, 5, 8, 6])), wanted);
        let none = Pad { value: 0.0, before: vec![0, 0], after: vec![0, 0] };
        assert_eq!(merged(&none, shape(&[3, 4]), shape(&[3, 4])), [axis(12, 0, 12, 1)]);
        let scalar = Pad { value: 0.0, before: vec![], after: vec![] };
        assert_eq!(merged(&scalar, shape(&[]), shape(&[])), [axis(1, 0, 1, 1)]);
    }

    #[test]
    fn a_part_of_the_first_axis_counts_from_its_start() {
        let axes = [Axis { size: 10, before: 2, inside: 4, stride: 1 }];
        let padded = Padded::new(&axes, 5..10, 7);
        assert_eq!((padded.units, padded.before[0], padded.inside[0], padded.value), (5, -3, 4, [7, 7]));
    }
}
