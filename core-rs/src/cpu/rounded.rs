//! Results that a kernel adds up in f32, whatever the tensor holds.

use super::isa::Isa;
use super::scratch::Scratch;
use crate::dtype::Stored;

/// Has `write` fill `y`: itself where it is f32, else floats that are rounded into it afterwards.
pub fn rounded<S: Stored>(isa: Isa, y: &mut [S], write: impl FnOnce(&mut [f32])) {
    if let Some(y) = S::as_wide_mut(y) {
        return write(y);
    }
    let mut sums = Scratch::take(y.len());
    write(sums.as_mut_slice());
    round_all(isa, sums.as_slice(), y);
}

multiversion! {
    /// Rounds each of `from`.
    pub fn round_all<A, S: Stored>(from: &[f32], to: &mut [S]) {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = S::round(from));
    }
}
