//! The folds.

use super::layout::Layout;
use super::{Fold, cpu};
use crate::cpu::isa::Isa;
use crate::dtype::{Float, Stored};
use std::ops::Range;

macro_rules! folds {
    ($($name:ident, identity $identity:expr, of none $of_none:expr, join($a:ident, $b:ident) $join:expr,
        divisor($count:ident) $divisor:expr, kernel $kernel:literal;)*) => {$(
        pub struct $name;

        impl Fold for $name {
            const IDENTITY: f64 = $identity;
            const OF_NONE: bool = $of_none;
            const KERNEL: &'static str = $kernel;

            #[inline(always)]
            fn join<T: Float>($a: T, $b: T) -> T {
                $join
            }

            #[allow(unused_variables)]
            fn divisor($count: usize) -> f64 {
                $divisor
            }

            fn totals<S: Stored>(
                isa: Isa,
                layout: &Layout,
                x: &[S],
                rows: Range<usize>,
                first: usize,
                totals: &mut [f64],
            ) {
                multiversion! {
                    fn run<A, S: Stored>(layout: &Layout, x: &[S], rows: Range<usize>, first: usize, totals: &mut [f64]) {
                        cpu::totals::<$name, S>(layout, x, rows, first, totals)
                    }
                }
                run(isa, layout, x, rows, first, totals);
            }
        }
    )*};
}

folds! {
    Sum, identity 0.0, of none true, join(a, b) a + b, divisor(count) 1.0, kernel "add";
    Mean, identity 0.0, of none false, join(a, b) a + b, divisor(count) count as f64, kernel "add";
    // NaN wins: a comparison with it is false, so it is kept once it is in `a`.
    Max, identity f64::NEG_INFINITY, of none false, join(a, b) if b > a || b.is_nan() { b } else { a },
        divisor(count) 1.0, kernel "largest";
    Min, identity f64::INFINITY, of none false, join(a, b) if b < a || b.is_nan() { b } else { a },
        divisor(count) 1.0, kernel "smallest";
}
