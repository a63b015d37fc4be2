//! The definition, element by element.

use super::{Draw, ELEMENTS, ROWS, Share};
use crate::dtype::Float;
use crate::random::{philox, unit};

/// What of x is left where the random number is `u`.
fn left<T: Float>(share: Share, u: u32, x: T) -> T {
    if unit(u) < share.p { T::ZERO } else { x * T::from_f64(share.scale()) }
}

pub fn dropout<T: Float>(share: Share, draw: Draw, x: &[T], y: &mut [T]) {
    for (at, (y, &x)) in y.iter_mut().zip(x).enumerate() {
        let group = (at / 4) as u64;
        let u = philox(draw.key, [group as u32, draw.number, ELEMENTS, (group >> 32) as u32])[at % 4];
        *y = left(share, u, x);
    }
}

pub fn stochastic_depth<T: Float>(share: Share, draw: Draw, rows: usize, x: &[T], y: &mut [T]) {
    let width = x.len() / rows.max(1);
    for (at, (y, &x)) in y.iter_mut().zip(x).enumerate() {
        let u = philox(draw.key, [(at / width) as u32, draw.number, ROWS, 0])[0];
        *y = left(share, u, x);
    }
}
