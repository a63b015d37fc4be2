//! The functions and predicates, one line a row: the definition is also the body of the vectorised loop.

use super::{Function, Predicate, cpu, truth};
use crate::cpu::isa::Isa;
use crate::dtype::{Element, Float, Stored};
use crate::geometry::strided::Tile;

/// The loop for inputs of type S and a result of type `$y`, with `$f` between two numbers in f32.
macro_rules! tile {
    ($y:ty, |$a:ident, $b:ident| $f:expr) => {
        fn tile<S: Stored>(isa: Isa, tile: &Tile<2>, a: &[S], b: &[S], y: &mut [$y]) {
            multiversion! {
                fn run<A, S: Stored>(tile: &Tile<2>, a: &[S], b: &[S], y: &mut [$y]) {
                    cpu::tile(tile, a, b, y, |a, b| {
                        let ($a, $b) = (a.widen(), b.widen());
                        $f
                    })
                }
            }
            run(isa, tile, a, b, y);
        }
    };
}

macro_rules! functions {
    ($($name:ident($a:ident, $b:ident): $value:expr;)*) => {$(
        pub struct $name;

        impl Function for $name {
            #[inline(always)]
            fn value<T: Float>($a: T, $b: T) -> T {
                $value
            }

            tile!(S, |a, b| S::round($name::value(a, b)));
        }
    )*};
}

macro_rules! predicates {
    ($($name:ident($a:ident, $b:ident): $holds:expr;)*) => {$(
        pub struct $name;

        impl Predicate for $name {
            #[inline(always)]
            fn holds<T: Element>($a: T, $b: T) -> bool {
                $holds
            }

            tile!(f32, |a, b| truth::<$name, f32, f32>(a, b));
        }
    )*};
}

functions! {
    Add(a, b): a + b;
    Sub(a, b): a - b;
    Mul(a, b): a * b;
    Div(a, b): a / b;
    // Where b is NaN the comparison is false, so NaN wins on both sides.
    Maximum(a, b): if a > b || a.is_nan() { a } else { b };
    Minimum(a, b): if a < b || a.is_nan() { a } else { b };
}

predicates! {
    Equal(a, b): a == b;
    Greater(a, b): a > b;
    GreaterEqual(a, b): a >= b;
    Less(a, b): a < b;
    LessEqual(a, b): a <= b;
}
