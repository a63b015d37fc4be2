//! A tensor as the queue sees it: a contiguous range of a storage.

use super::memory::{Block, Storage};
use crate::shape::Meta;
use std::sync::Arc;

/// What a tensor handle points at.
#[derive(Clone)]
pub struct Tensor {
    pub storage: Arc<Storage>,
    /// Elements before the first one.
    pub offset: usize,
    pub meta: Meta,
    /// The queue it belongs to.
    pub queue: u32,
}

impl Tensor {
    pub fn operand(&self) -> Operand {
        Operand { block: self.storage.block().clone(), offset: self.offset * self.meta.dtype.size(), meta: self.meta }
    }

    /// Whether the two share bytes.
    pub fn overlaps(&self, other: &Tensor) -> bool {
        if !Arc::ptr_eq(&self.storage, &other.storage) {
            return false;
        }
        let range = |t: &Tensor| {
            let start = t.offset * t.meta.dtype.size();
            start..start + t.meta.bytes()
        };
        let (a, b) = (range(self), range(other));
        a.start < b.end && b.start < a.end
    }
}

/// A tensor inside a record: the block is kept from being freed, but may be reused by later records.
#[derive(Clone)]
pub struct Operand {
    pub block: Arc<Block>,
    /// Bytes before the first element.
    pub offset: usize,
    pub meta: Meta,
}

impl Operand {
    pub fn pointer(&self) -> *mut u8 {
        self.block.pointer().wrapping_add(self.offset)
    }
}
