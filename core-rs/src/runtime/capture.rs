//! Recording a step and running it again with one command.

use super::memory::{Pool, Storage};
use super::now::Now;
use super::record::Record;
use super::tensor::{Operand, Tensor};
use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A recording under way: every record also runs at once.
///
/// Tensors made meanwhile come from a pool of the capture alone, which takes over what the queue's pool has free. Blocks freed during the recording are reused by later
/// records of it, which is right at every replay as well; nobody else gets them while the graph lives.
pub struct Capture {
    pub pool: Arc<Pool>,
    records: Vec<Record>,
    /// Storages from outside, kept so that their blocks are not given away between replays.
    outside: Vec<Arc<Storage>>,
    written: Vec<(Arc<Storage>, &'static str)>,
}

impl Capture {
    /// `pool` is the queue's.
    pub fn new(pool: &Arc<Pool>) -> Capture {
        Capture { pool: pool.child(), records: Vec::new(), outside: Vec::new(), written: Vec::new() }
    }

    /// Notes a record and the storages it uses; `tensors` are its inputs.
    pub fn add(&mut self, record: &Record, tensors: &[Option<Tensor>]) {
        self.records.push(record.clone());
        for (index, tensor) in tensors.iter().enumerate() {
            let Some(tensor) = tensor else { continue };
            if Arc::ptr_eq(tensor.storage.pool(), &self.pool) {
                continue;
            }
            if !self.outside.iter().any(|known| Arc::ptr_eq(known, &tensor.storage)) {
                self.outside.push(tensor.storage.clone());
            }
            if record.mutates(index) && !self.written.iter().any(|(known, _)| Arc::ptr_eq(known, &tensor.storage)) {
                self.written.push((tensor.storage.clone(), record.kernel.name()));
            }
        }
    }

    pub fn finish(self, inputs: Vec<Tensor>, outputs: Vec<Tensor>) -> Graph {
        Graph {
            records: self.records,
            inputs,
            outputs,
            written: self.written,
            _outside: self.outside,
            _pool: self.pool,
        }
    }
}

/// A recorded step.
pub struct Graph {
    records: Vec<Record>,
    /// The fixed slots that a replay copies its arguments into.
    pub inputs: Vec<Tensor>,
    /// The tensors that a replay copies its results from.
    pub outputs: Vec<Tensor>,
    /// Storages from outside that a replay writes, with the op that does.
    pub written: Vec<(Arc<Storage>, &'static str)>,
    _outside: Vec<Arc<Storage>>,
    _pool: Arc<Pool>,
}

impl Graph {
    pub fn records(&self) -> usize {
        self.records.len()
    }
}

/// One run of a graph.
pub struct Replay {
    pub graph: Arc<Graph>,
    /// (argument, slot)
    pub arguments: Vec<(Operand, Operand)>,
    /// (result inside the graph, fresh tensor)
    pub results: Vec<(Operand, Operand)>,
}

impl Replay {
    pub fn run(&self, now: &Now) -> Result<()> {
        // Before, as a kernel that panics does not come back here.
        self.poison();
        for (source, target) in &self.arguments {
            copy(source, target, now)?;
        }
        for record in &self.graph.records {
            record.run(now)?;
        }
        for (source, target) in &self.results {
            copy(source, target, now)?;
        }
        Ok(())
    }

    /// Marks the results as never computed.
    pub fn poison(&self) {
        for (_, target) in &self.results {
            target.block.poisoned.store(true, Ordering::Relaxed);
        }
    }
}

fn copy(source: &Operand, target: &Operand, now: &Now) -> Result<()> {
    if now.is_poisoned(&source.block) {
        return Err(Error::state("replay", "An argument was never computed, as an earlier op failed"));
    }
    // SAFETY: both are of this queue's device and hold the same number of bytes (checked at the call).
    unsafe { now.backend.copy(source.pointer(), target.pointer(), source.meta.bytes()) }?;
    now.wrote(&target.block);
    Ok(())
}
