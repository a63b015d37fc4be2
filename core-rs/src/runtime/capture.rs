//! Recording a step, to run it again with one command.

use super::arena::move_to_arena;
use super::backend::Backend;
use super::memory::{BlockPool, Storage};
use super::record::Record;
use super::tensor::{Operand, Tensor};
use crate::error::Result;
use std::any::Any;
use std::sync::{Arc, OnceLock};

/// A recording under way: every record also runs at once.
///
/// Tensors made meanwhile come from a pool of the capture alone, which takes over what the queue's pool has free. Blocks
/// freed during the recording are reused by later records of it, and nobody else gets them while it lasts.
pub struct Capture {
    pub pool: Arc<BlockPool>,
    records: Vec<Record>,
    /// Storages from outside, kept so that their blocks are not given away between replays.
    outside: Vec<Arc<Storage>>,
    written: Vec<(Arc<Storage>, &'static str)>,
}

impl Capture {
    /// `pool` is the queue's.
    pub fn new(pool: &Arc<BlockPool>) -> Capture {
        Capture { pool: pool.child(), records: Vec::new(), outside: Vec::new(), written: Vec::new() }
    }

    /// Notes a record and the storages it uses; `tensors` are its inputs.
    pub fn add(&mut self, record: &Record, tensors: &[Option<Tensor>]) {
        self.records.push(record.clone());
        for (index, tensor) in tensors.iter().enumerate() {
            let Some(tensor) = tensor else { continue };
            self.keep(&tensor.storage);
            if Arc::ptr_eq(tensor.storage.pool(), &self.pool) {
                continue;
            }
            if record.mutates(index) && !self.written.iter().any(|(known, _)| Arc::ptr_eq(known, &tensor.storage)) {
                self.written.push((tensor.storage.clone(), record.kernel.name()));
            }
        }
    }

    /// Keeps a storage unless the recording made it.
    fn keep(&mut self, storage: &Arc<Storage>) {
        let own = Arc::ptr_eq(storage.pool(), &self.pool);
        if !own && !self.outside.iter().any(|known| Arc::ptr_eq(known, storage)) {
            self.outside.push(storage.clone());
        }
    }

    /// The recorded step; `inputs` are the slots of its arguments, `outputs` what it returns.
    ///
    /// Where the device plans memory, what the recording made gets places in an arena that nothing but replays uses: the
    /// tensors that are still alive keep what the recording has computed, and its blocks go back to the system.
    /// Elsewhere the records keep the recording's blocks, and its pool.
    pub fn finish(
        mut self,
        op: &'static str,
        inputs: Vec<Tensor>,
        outputs: Vec<Tensor>,
        backend: &dyn Backend,
    ) -> Result<Graph> {
        for tensor in inputs.iter().chain(&outputs) {
            self.keep(&tensor.storage);
        }
        let mut results: Vec<_> = outputs.iter().map(Tensor::operand).collect();
        let before = self.pool.got();
        let mut after = before;
        let mut recorded = outputs;
        if backend.places_in_arena() {
            recorded.clear();
            after = move_to_arena(op, &mut self.records, &mut results, &self.pool)? as u64;
        }
        Ok(Graph {
            records: self.records,
            inputs,
            outputs: results,
            written: self.written,
            memory: Memory { before, after },
            kept: OnceLock::new(),
            pool: self.pool,
            outside: self.outside,
            _recorded: recorded,
        })
    }
}

/// Bytes that the values inside a recorded step take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// While it was recorded: the blocks of its pool.
    pub before: u64,
    /// At replays.
    pub after: u64,
}

/// A recorded step.
pub struct Graph {
    pub records: Vec<Record>,
    /// The fixed slots that a replay copies its arguments into.
    pub inputs: Vec<Tensor>,
    /// What a replay copies its results from.
    pub outputs: Vec<Operand>,
    /// Storages from outside that a replay writes, with the op that does.
    pub written: Vec<(Arc<Storage>, &'static str)>,
    pub memory: Memory,
    /// What the device makes of the records at their first replay; dropped with the graph, on any thread.
    pub kept: OnceLock<Box<dyn Any + Send + Sync>>,
    /// The recording's own, which keeps its blocks where the records still use those.
    pub pool: Arc<BlockPool>,
    outside: Vec<Arc<Storage>>,
    /// Results in the recording's own blocks, where those are used.
    _recorded: Vec<Tensor>,
}

impl Graph {
    /// Whether the records may read or write a tensor from outside.
    pub fn uses(&self, tensor: &Tensor) -> bool {
        self.outside.iter().any(|storage| Arc::ptr_eq(storage, &tensor.storage))
    }
}
