//! What follows a product while its sums are at hand: in a register tile's block, before it leaves the cache or is rounded.

use super::isa::Isa;

/// Some sums of a row of the result: where the first one is in the result, and themselves.
pub type SumsRow<'a> = (usize, &'a mut [f32]);

/// Changes finished sums.
pub trait Epilogue: Sync {
    /// Changes rows of sums that all begin at the column (or channel) `first`.
    fn apply(&self, isa: Isa, first: usize, rows: &mut dyn Iterator<Item = SumsRow>);
}

/// Applies an epilogue to the part of a row-major result of `cols` columns that begins at `start`.
pub fn apply_to_part(epilogue: &dyn Epilogue, isa: Isa, cols: usize, start: usize, mut sums: &mut [f32]) {
    let mut at = start;
    while !sums.is_empty() {
        let first = at % cols;
        // Whole rows together, the beginning and the end of others alone.
        let whole = if first == 0 { sums.len() / cols * cols } else { 0 };
        let len = if whole > 0 { whole } else { sums.len().min(cols - first) };
        let (some, rest) = sums.split_at_mut(len);
        let mut rows = some.chunks_mut(cols).enumerate().map(|(i, row)| (at + i * cols, row));
        epilogue.apply(isa, first, &mut rows);
        (sums, at) = (rest, at + len);
    }
}
