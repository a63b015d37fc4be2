//! The last few rows that a chunk has computed.

use crate::cpu::scratch::Scratch;

/// Rows of `len` floats, each in the slot of its number modulo the number of slots.
pub struct Ring {
    len: usize,
    /// The row in each slot; `usize::MAX` before there is one.
    held: Vec<usize>,
    values: Scratch,
}

impl Ring {
    pub fn new(slots: usize, len: usize) -> Ring {
        Ring { len, held: vec![usize::MAX; slots], values: Scratch::take(slots * len) }
    }

    fn start(&self, row: usize) -> usize {
        row % self.held.len() * self.len
    }

    /// The slot of a row to compute; none if it is there already.
    pub fn missing(&mut self, row: usize) -> Option<&mut [f32]> {
        let (start, slot) = (self.start(row), row % self.held.len());
        let known = std::mem::replace(&mut self.held[slot], row) == row;
        (!known).then(|| &mut self.values.as_mut_slice()[start..start + self.len])
    }

    /// A row computed before.
    pub fn row(&self, row: usize) -> &[f32] {
        debug_assert_eq!(self.held[row % self.held.len()], row);
        &self.values.as_slice()[self.start(row)..][..self.len]
    }
}
