//! Places in one arena for values whose lifetimes are known: those that live at the same time never share a byte.
//!
//! Finding the smallest arena is NP-hard (dynamic storage allocation). Placing the largest first, each into the tightest
//! gap that is left, comes within a few per cent for the steps of a training (Pisarchyk and Lee 2020); two more orders
//! are tried where that misses the bound.

use std::cmp::Reverse;

/// Bytes; every value begins at a multiple, as kernels ask of a block.
pub const ALIGNMENT: usize = 64;

/// How large a value is, and the records that make it and use it last; both have it.
#[derive(Clone, Copy, Debug)]
pub struct Lifetime {
    pub bytes: usize,
    pub first: usize,
    pub last: usize,
}

impl Lifetime {
    fn meets(&self, other: &Lifetime) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Bytes that it takes in the arena.
    fn room(&self) -> usize {
        self.bytes.next_multiple_of(ALIGNMENT)
    }
}

/// Where each value lies, in bytes from the arena's begin.
#[derive(Debug)]
pub struct Placement {
    pub offsets: Vec<usize>,
    /// Bytes of the arena.
    pub bytes: usize,
}

/// The smallest arena of a few orders of placing.
pub fn place(values: &[Lifetime]) -> Placement {
    let bound = bound(values);
    let span = |value: &Lifetime| value.last - value.first + 1;
    let mut best = place_by(values, |value| (value.room(), span(value)));
    if best.bytes > bound {
        best = smaller(best, place_by(values, |value| (span(value), value.room())));
    }
    if best.bytes > bound {
        best = smaller(best, place_by(values, |value| (value.room().saturating_mul(span(value)), value.room())));
    }
    best
}

fn smaller(one: Placement, other: Placement) -> Placement {
    if other.bytes < one.bytes { other } else { one }
}

/// The most bytes alive at one record: no arena is smaller.
fn bound(values: &[Lifetime]) -> usize {
    let records = values.iter().map(|value| value.last + 1).max().unwrap_or(0);
    let mut change = vec![0_isize; records + 1];
    for value in values {
        change[value.first] += value.room() as isize;
        change[value.last + 1] -= value.room() as isize;
    }
    let mut alive = 0;
    let mut most = 0;
    for bytes in change {
        alive += bytes;
        most = most.max(alive);
    }
    most as usize
}

/// Places the values, those of the largest key first, each into the smallest gap among those alive with it, or behind them.
fn place_by<Key: Ord>(values: &[Lifetime], key: impl Fn(&Lifetime) -> Key) -> Placement {
    let mut order: Vec<usize> = (0..values.len()).collect();
    // Stable, so equal values are placed in the order in which they are made: the placement follows from the records alone.
    order.sort_by_key(|&index| Reverse(key(&values[index])));
    let mut offsets = vec![0_usize; values.len()];
    let mut bytes = 0;
    // Sorted by offset.
    let mut placed: Vec<usize> = Vec::with_capacity(values.len());
    for index in order {
        let value = &values[index];
        let mut best: Option<(usize, usize)> = None;
        let mut end = 0;
        for &other in placed.iter().filter(|&&other| values[other].meets(value)) {
            let gap = offsets[other].saturating_sub(end);
            if gap >= value.room() && best.is_none_or(|(smallest, _)| gap < smallest) {
                best = Some((gap, end));
            }
            end = end.max(offsets[other] + values[other].room());
        }
        let offset = best.map_or(end, |(_, start)| start);
        offsets[index] = offset;
        bytes = bytes.max(offset + value.room());
        placed.insert(placed.partition_point(|&other| offsets[other] <= offset), index);
    }
    Placement { offsets, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::philox;

    fn value(bytes: usize, first: usize, last: usize) -> Lifetime {
        Lifetime { bytes, first, last }
    }

    /// Panics where two values that live at the same time share a byte, or one lies outside or unaligned.
    fn check(values: &[Lifetime], placement: &Placement) {
        for (i, a) in values.iter().enumerate() {
            let range = placement.offsets[i]..placement.offsets[i] + a.bytes;
            assert!(range.start.is_multiple_of(ALIGNMENT) && range.end <= placement.bytes, "{a:?} at {range:?}");
            for (j, b) in values.iter().enumerate().take(i).filter(|(_, b)| b.meets(a)) {
                let other = placement.offsets[j]..placement.offsets[j] + b.bytes;
                assert!(range.end <= other.start || other.end <= range.start, "{a:?} at {range:?}, {b:?} at {other:?}");
            }
        }
        assert!(placement.bytes >= bound(values));
    }

    /// Numbers below `end`, the same at every run.
    fn numbers(seed: u32) -> impl FnMut(usize) -> usize {
        let mut count = 0;
        move |end| {
            count += 1;
            philox([seed, 0], [count, 0, 0, 0])[0] as usize % end
        }
    }

    #[test]
    fn nothing_needs_no_arena() {
        let empty = place(&[]);
        assert_eq!((empty.offsets.len(), empty.bytes), (0, 0));
        let values = [value(0, 0, 1), value(0, 0, 1)];
        assert_eq!(place(&values).bytes, 0);
    }

    #[test]
    fn a_chain_needs_its_two_largest_neighbours() {
        let sizes = [640, 128, 512, 1024, 64, 1024];
        let values: Vec<_> = sizes.iter().enumerate().map(|(i, &bytes)| value(bytes, i, i + 1)).collect();
        let placement = place(&values);
        check(&values, &placement);
        assert_eq!(placement.bytes, 512 + 1024);
    }

    #[test]
    fn what_forward_saves_for_backward_lies_side_by_side() {
        // Activation i is made by record i and used last by record 19 - i; between them, gradients of one record each.
        let activations = (0..10).map(|i| value(100 * (i + 1), i, 19 - i));
        let gradients = (10..19).map(|i| value(64 * (20 - i), i, i + 1));
        let values: Vec<_> = activations.chain(gradients).collect();
        let placement = place(&values);
        check(&values, &placement);
        assert_eq!(placement.bytes, bound(&values));
        assert_eq!(placement.bytes, (1..=10).map(|i| (100_usize * i).next_multiple_of(64)).sum::<usize>() + 640);
    }

    #[test]
    fn a_value_fills_the_tightest_gap() {
        // Those from 0 to 9 are walls; between them are gaps of 256 and 128 bytes from record 5 on.
        let values = [value(512, 0, 9), value(256, 0, 4), value(512, 0, 9), value(128, 0, 4), value(512, 0, 9)];
        let fits = [value(128, 5, 9), value(256, 5, 9)];
        let all: Vec<_> = values.into_iter().chain(fits).collect();
        let placement = place(&all);
        check(&all, &placement);
        assert_eq!(placement.bytes, 3 * 512 + 256 + 128);
    }

    #[test]
    fn sizes_are_rounded_up_to_the_alignment() {
        let values = [value(1, 0, 1), value(65, 0, 1), value(64, 1, 2)];
        let placement = place(&values);
        check(&values, &placement);
        assert_eq!(placement.bytes, 64 + 128 + 64);
    }

    #[test]
    fn values_that_live_together_never_overlap() {
        for seed in 0..200 {
            let mut below = numbers(seed);
            let (count, records) = (1 + below(120), 1 + below(100));
            let values: Vec<_> = (0..count)
                .map(|_| {
                    let first = below(records);
                    let span = 1 + below(60);
                    let last = first + below((records - first).min(span));
                    let bytes = [below(100), below(5000), 64 * below(64)][below(3)];
                    value(bytes, first, last)
                })
                .collect();
            let placement = place(&values);
            check(&values, &placement);
            assert!(placement.bytes <= values.iter().map(Lifetime::room).sum());
        }
    }

    /// Cuts a rectangle of records x granules into two, again and again: an arena of exactly its height exists.
    fn cut(below: &mut impl FnMut(usize) -> usize, (first, records): (usize, usize), room: usize) -> Vec<Lifetime> {
        let upright = records > 1 && (room == 1 || below(2) == 0);
        if below(6) == 0 && records < 20 || (!upright && room == 1) {
            return vec![value(room * ALIGNMENT, first, first + records - 1)];
        }
        let (one, other) = if upright {
            let at = 1 + below(records - 1);
            (cut(below, (first, at), room), cut(below, (first + at, records - at), room))
        } else {
            let at = 1 + below(room - 1);
            (cut(below, (first, records), at), cut(below, (first, records), room - at))
        };
        one.into_iter().chain(other).collect()
    }

    #[test]
    fn puzzles_that_fill_an_arena_are_nearly_solved() {
        let ratios: Vec<_> = (0..100)
            .map(|seed| {
                let values = cut(&mut numbers(seed), (0, 60), 80);
                let placement = place(&values);
                check(&values, &placement);
                assert_eq!(bound(&values), 80 * ALIGNMENT);
                placement.bytes as f64 / bound(&values) as f64
            })
            .collect();
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let worst = ratios.iter().copied().fold(1.0, f64::max);
        assert!(mean < 1.05 && worst < 1.5, "{mean} times the optimum, at worst {worst}");
    }
}
