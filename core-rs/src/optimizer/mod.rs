//! What the optimizer steps share: the segment table, the checks of their tensors, and one walk over all parameters.
//!
//! An op says with a [`Rule`] what happens to a piece of a segment. [`step`] checks that every gradient is finite before
//! anything is written, counts the step, cuts the segments into pieces of a size that the shapes alone decide, and runs
//! the rule on them in parallel, so that a step is one pass over memory.

pub mod cuda;
mod finite;
mod table;
#[cfg(test)]
pub mod testing;
mod walk;

pub use table::{Segment, Table};
pub use walk::step;

use crate::cpu::isa::Isa;
use crate::dtype::Float;
use crate::error::{Error, Result};
use crate::ops::Params;
use crate::shape::Shape;

/// Consecutive elements of one segment, of its gradient and of its part of each state tensor.
///
/// A state that is absent is empty.
pub struct Piece<'a, T, const STATES: usize> {
    pub parameter: &'a mut [T],
    pub gradient: &'a [T],
    pub states: [&'a mut [T]; STATES],
}

/// Counts after this step: 1 in the first one.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Steps that this segment has taken part in.
    pub segment: i32,
    /// Steps in all.
    pub calls: i32,
}

/// An optimizer's arithmetic; scalars are worked out in f64 once a segment.
pub trait Rule<const STATES: usize>: Sync {
    /// What the elements of a segment need.
    type Scalars: Sync;

    /// `rate` is the learning rate times the segment's scale.
    fn scalars(&self, rate: f64, weight_decay: f64, counts: Counts) -> Self::Scalars;

    /// Elements that must stay in one piece: 1, or those of a row.
    fn together(&self, _shape: Shape) -> usize {
        1
    }

    /// The definition. `together` is that of the segment; the piece has whole multiples of it.
    fn reference<T: Float>(&self, scalars: &Self::Scalars, together: usize, piece: Piece<T, STATES>);

    /// The same in f32, vectorised.
    fn fast(&self, isa: Isa, scalars: &Self::Scalars, together: usize, piece: Piece<f32, STATES>);
}

/// The decay rate of an average: from 0 to less than 1, as its bias is divided by 1 - rate^t.
pub fn decay_rate(params: &mut Params, name: &str) -> Result<f64> {
    let rate = params.within(name, 0.0, 1.0)?;
    if rate == 1.0 {
        return Err(Error::argument(params.op(), format!("Expected `{name}` from 0 to less than 1, got 1")));
    }
    Ok(rate)
}

/// a / b; 0 where b is 0, as with eps 0 where every gradient so far was 0: such a parameter stays where it is.
pub fn quotient<T: Float>(a: T, b: T) -> T {
    if b == T::ZERO { T::ZERO } else { a / b }
}

/// From `a` the share `alpha` of the way to `b`; at 0 and 1 it is one of them, whatever the other is.
#[inline(always)]
pub fn towards<T: Float>(a: T, b: T, alpha: T) -> T {
    match () {
        _ if alpha == T::ZERO => a,
        _ if alpha == T::ONE => b,
        _ => a + alpha * (b - a),
    }
}

/// A learning rate that cannot be used.
fn describe_rate(rate: f64) -> String {
    format!("Expected a finite learning rate, got {rate}: nothing was changed")
}

/// A gradient that cannot be used.
fn describe_gradient(segment: usize) -> String {
    format!("Expected finite gradients, got infinity or NaN in that of segment {segment}: nothing was changed")
}
