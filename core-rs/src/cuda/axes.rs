//! Where the elements of strided tensors lie, as kernels take it: axes with a stride for each tensor, and divisions by
//! multiplication.

use super::launch::Argument;
use crate::error::Result;
use crate::shape::MAX_RANK;

/// Elements of one launch at most: an index has 31 bits, so that a division is one multiplication.
pub const MOST: usize = i32::MAX as usize;

/// Division of numbers up to [`MOST`] by a constant, as `kernels/common.cuh` does it (Granlund and Montgomery 1994,
/// "Division by Invariant Integers using Multiplication").
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Divisor {
    by: u32,
    multiplier: u32,
    shift: u32,
}

impl Argument for Divisor {}

impl Divisor {
    /// For `by` from 1 to [`MOST`].
    pub fn new(by: usize) -> Divisor {
        assert!((1..=MOST).contains(&by), "kernels divide by 1 to 2^31 - 1, not {by}");
        let shift = (by as u32).next_power_of_two().trailing_zeros();
        let multiplier = (((1u64 << shift) - by as u64) << 32) / by as u64 + 1;
        Divisor { by: by as u32, multiplier: multiplier as u32, shift }
    }
}

/// A [`Layout`]'s axes for the first two of its tensors; `Axes` of `kernels/common.cuh`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Axes {
    elements: u32,
    rank: u32,
    sizes: [Divisor; MAX_RANK],
    strides: [[u64; MAX_RANK]; 2],
}

impl Argument for Axes {}

/// Axes that N tensors share, from the last one, with each tensor's stride in elements, 0 where it is broadcast.
#[derive(Clone, Debug)]
pub struct Layout<const N: usize> {
    axes: Vec<(usize, [usize; N])>,
}

impl<const N: usize> Layout<N> {
    /// From axes that were merged, the last one first.
    pub fn new(axes_from_last: impl IntoIterator<Item = (usize, [usize; N])>) -> Layout<N> {
        let mut axes: Vec<_> = axes_from_last.into_iter().collect();
        if axes.is_empty() {
            axes.push((1, [1; N]));
        }
        Layout { axes }
    }

    /// The last axis: its size and the tensors' strides along it.
    pub fn inner(&self) -> (usize, [usize; N]) {
        self.axes[0]
    }

    pub fn rank(&self) -> usize {
        self.axes.len()
    }

    pub fn elements(&self) -> usize {
        self.axes.iter().map(|&(size, _)| size).product()
    }

    /// Whether `unit` elements of `bytes` each can move as one: along the last axis, by tensors that have consecutive
    /// elements there, from multiples of `unit` elements on; tensors that are broadcast along it do not matter.
    pub fn takes(&self, unit: usize, bytes: usize, addresses: [u64; N]) -> bool {
        let (size, strides) = self.axes[0];
        let runs = |n: usize| {
            let whole = |&(_, strides): &(usize, [usize; N])| strides[n] % unit == 0;
            strides[n] == 1 && addresses[n].is_multiple_of((unit * bytes) as u64) && self.axes[1..].iter().all(whole)
        };
        size % unit == 0 && (0..N).all(|n| strides[n] == 0 || runs(n))
    }

    /// With one index for every `unit` elements of the last axis.
    pub fn in_units(mut self, unit: usize) -> Layout<N> {
        self.axes[0] = (self.axes[0].0 / unit, self.axes[0].1.map(|stride| stride * unit));
        self
    }

    /// Of some of the tensors.
    pub fn of<const M: usize>(&self, tensors: [usize; M]) -> Layout<M> {
        Layout { axes: self.axes.iter().map(|&(size, strides)| (size, tensors.map(|n| strides[n]))).collect() }
    }

    /// With strides in bytes.
    pub fn in_bytes(mut self, bytes: usize) -> Layout<N> {
        self.axes.iter_mut().for_each(|(_, strides)| *strides = strides.map(|stride| stride * bytes));
        self
    }

    /// Calls `f` with parts of at most [`MOST`] elements, and for each tensor the elements before the part's first one.
    pub fn parts(&self, f: &mut impl FnMut(&Layout<N>, [usize; N]) -> Result<()>) -> Result<()> {
        self.parts_from([0; N], f)
    }

    fn parts_from(&self, at: [usize; N], f: &mut impl FnMut(&Layout<N>, [usize; N]) -> Result<()>) -> Result<()> {
        if self.elements() <= MOST {
            return f(self, at);
        }
        let (size, strides) = *self.axes.last().expect("there is one axis at least");
        for range in [0..size / 2, size / 2..size] {
            let mut part = self.clone();
            match range.len() {
                1 if self.axes.len() > 1 => drop(part.axes.pop()),
                count => *part.axes.last_mut().expect("as above") = (count, strides),
            }
            let mut from = at;
            (0..N).for_each(|n| from[n] += range.start * strides[n]);
            part.parts_from(from, f)?;
        }
        Ok(())
    }

    /// For kernels; of a part.
    pub fn axes(&self) -> Axes {
        assert!(N >= 2 && self.axes.len() <= MAX_RANK && self.elements() <= MOST, "{self:?} is too large for a launch");
        let mut sizes = [Divisor::new(1); MAX_RANK];
        let mut strides = [[0; MAX_RANK]; 2];
        for (axis, &(size, along)) in self.axes.iter().enumerate() {
            sizes[axis] = Divisor::new(size);
            (0..2).for_each(|n| strides[n][axis] = along[n] as u64);
        }
        Axes { elements: self.elements() as u32, rank: self.axes.len() as u32, sizes, strides }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `quotient` of `kernels/common.cuh`.
    fn quotient(n: u32, divisor: Divisor) -> u32 {
        (((n as u64 * divisor.multiplier as u64) >> 32) as u32 + n) >> divisor.shift
    }

    #[test]
    fn division_by_multiplication_is_exact() {
        let most = MOST as u32;
        for by in (1..=4097).chain([65_535, 65_536, 1 << 30, (1 << 30) + 1, most - 1, most]) {
            let divisor = Divisor::new(by as usize);
            let multiples = (0..64).filter_map(|i| by.checked_mul(most / by / 64 * i));
            for n in multiples.flat_map(|n| [n.saturating_sub(1), n, n + 1]).chain([0, 1, most - 1, most]) {
                let n = n.min(most);
                assert_eq!(quotient(n, divisor), n / by, "{n} / {by}");
            }
        }
    }

    #[test]
    fn units_need_aligned_runs_of_whole_units() {
        // [3, 8] of a wider tensor, a vector along the last axis, and one along the first.
        let layout = |outer: usize| Layout::new([(8, [1, 1, 0]), (3, [outer, 0, 1])]);
        assert!(layout(12).takes(4, 4, [16, 32, 4]));
        assert!(!layout(12).takes(8, 2, [16, 32, 2]), "rows begin at multiples of 12");
        assert!(!layout(12).takes(4, 4, [8, 32, 4]), "the first tensor is not aligned");
        assert!(!Layout::new([(6, [1])]).takes(4, 4, [0]) && !Layout::new([(8, [2])]).takes(4, 4, [0]));
        assert_eq!(layout(12).in_units(4).inner(), (2, [4, 4, 0]));
    }

    #[test]
    fn parts_cover_a_large_layout() {
        let layout = Layout::new([(1 << 20, [1, 0]), (3, [1 << 20, 1]), (3000, [3 << 20, 3])]);
        let (mut elements, mut next) = (0, [0, 0]);
        layout
            .parts(&mut |part, at| {
                assert!(part.elements() <= MOST);
                assert_eq!(at, next);
                elements += part.elements();
                next = [elements, elements >> 20];
                Ok(())
            })
            .unwrap();
        assert_eq!(elements, layout.elements());
    }
}
