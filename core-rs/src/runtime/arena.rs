//! Moving what a recording made into one arena, each value where and as long as it is needed.

use super::memory::{Block, BlockPool};
use super::placement::{Lifetime, place};
use super::record::Record;
use super::tensor::Operand;
use crate::error::Result;
use std::collections::HashMap;
use std::sync::Arc;

/// The values of a recording.
///
/// A block that a record has as an output begins a new value there, which ends with its last use before the block is an
/// output again; views share it. Blocks that no record has as an output are not the recording's, and stay.
#[derive(Default)]
struct Values {
    lifetimes: Vec<Lifetime>,
    /// The value that each block holds, by the block's address.
    current: HashMap<*const Block, usize>,
}

impl Values {
    fn begin(&mut self, output: &Operand, record: usize) -> usize {
        let value = self.lifetimes.len();
        self.lifetimes.push(Lifetime { bytes: output.meta.bytes(), first: record, last: record });
        self.current.insert(Arc::as_ptr(&output.block), value);
        value
    }

    fn used(&mut self, operand: &Operand, record: usize) -> Option<usize> {
        let value = *self.current.get(&Arc::as_ptr(&operand.block))?;
        self.lifetimes[value].last = record;
        Some(value)
    }
}

/// Rewrites the operands of the records, and of the results, which live to the end. Gives the arena's bytes.
///
/// The pool is closed: the arena has its room in the budget once the recording's blocks have left theirs.
pub fn move_to_arena(
    op: &'static str,
    records: &mut [Record],
    results: &mut [Operand],
    pool: &BlockPool,
) -> Result<usize> {
    let mut values = Values::default();
    // The value of each operand, in the order in which `operands` goes through them.
    let mut held: Vec<Option<usize>> = Vec::new();
    for (index, record) in records.iter().enumerate() {
        held.extend(record.inputs.iter().flatten().map(|input| values.used(input, index)));
        held.extend(record.outputs.iter().map(|output| Some(values.begin(output, index))));
    }
    held.extend(results.iter().map(|result| values.used(result, records.len())));
    if values.lifetimes.is_empty() {
        pool.close();
        return Ok(0);
    }
    let placement = place(&values.lifetimes);
    let arena = pool.arena(op, placement.bytes)?;
    let places: Vec<_> = placement.offsets.iter().map(|&offset| Block::part(&arena, offset)).collect();
    for (operand, value) in operands(records).chain(results).zip(held) {
        if let Some(value) = value {
            operand.block = places[value].clone();
        }
    }
    pool.close();
    arena.reserve(op, pool)?;
    Ok(placement.bytes)
}

/// The operands of records in order: inputs, then outputs.
fn operands(records: &mut [Record]) -> impl Iterator<Item = &mut Operand> {
    records.iter_mut().flat_map(|record| record.inputs.iter_mut().flatten().chain(&mut record.outputs))
}
