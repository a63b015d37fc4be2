//! Recording a step, to run it again with one command.

use super::arena::move_to_arena;
use super::backend::Backend;
use super::held;
use super::memory::{BlockPool, Storage};
use super::record::Record;
use super::tensor::{Operand, Tensor};
use crate::budget::{self, Reclaim};
use crate::error::Result;
use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// A recording under way: every record also runs at once.
///
/// Tensors made meanwhile come from a pool of the capture alone, which takes over what the queue's pool has free. Blocks
/// freed during the recording are reused by later records of it, and nobody else gets them while it lasts.
pub struct Capture {
    pub pool: Arc<BlockPool>,
    noted: Arc<Mutex<Noted>>,
}

/// What was recorded so far, which keeps the blocks of all of its values.
#[derive(Default)]
struct Noted {
    records: Vec<Record>,
    /// Storages from outside, kept so that their blocks are not given away between replays.
    outside: Vec<Arc<Storage>>,
    written: Vec<(Arc<Storage>, &'static str)>,
    /// Memory ran short: nothing is recorded any more, and the step only runs.
    given_up: bool,
}

fn locked(noted: &Mutex<Noted>) -> MutexGuard<'_, Noted> {
    noted.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reclaim for Mutex<Noted> {
    /// Gives the recording up: op by op, the step needs less.
    fn trim(&self) {
        let noted = std::mem::replace(&mut *locked(self), Noted { given_up: true, ..Noted::default() });
        // Unlocked: its blocks go back to their pools.
        drop(noted);
    }

    fn is_needed(&self) -> bool {
        true
    }
}

impl Capture {
    /// `pool` is the queue's.
    pub fn new(pool: &Arc<BlockPool>) -> Capture {
        let noted = Arc::<Mutex<Noted>>::default();
        let keeper: Weak<Mutex<Noted>> = Arc::downgrade(&noted);
        // Before its pool, which is trimmed after it: what it gives up is in there.
        budget::register(keeper);
        Capture { pool: pool.child(), noted }
    }

    /// Notes a record and the storages it uses; `tensors` are its inputs.
    pub fn add(&mut self, record: &Record, tensors: &[Option<Tensor>]) {
        let mut noted = locked(&self.noted);
        if noted.given_up {
            return;
        }
        noted.records.push(record.clone());
        for (index, tensor) in tensors.iter().enumerate() {
            let Some(tensor) = tensor else { continue };
            noted.keep(&tensor.storage, &self.pool);
            if Arc::ptr_eq(tensor.storage.pool(), &self.pool) {
                continue;
            }
            if record.mutates(index) && !noted.written.iter().any(|(known, _)| Arc::ptr_eq(known, &tensor.storage)) {
                noted.written.push((tensor.storage.clone(), record.kernel.name()));
            }
        }
    }

    /// The recorded step; `inputs` are the slots of its arguments, `outputs` what it returns.
    ///
    /// Where the device plans memory, what the recording made gets places in an arena that nothing but replays uses: the
    /// tensors that are still alive keep what the recording has computed, and its blocks go back to the system.
    /// Elsewhere the records keep the recording's blocks, and its pool.
    pub fn finish(
        self,
        op: &'static str,
        inputs: Vec<Tensor>,
        outputs: Vec<Tensor>,
        backend: &dyn Backend,
    ) -> Result<Graph> {
        let mut noted = std::mem::take(&mut *locked(&self.noted));
        let before = self.pool.got();
        if noted.given_up {
            let bound = backend.account().bound(self.pool.place());
            return Err(held::refusal(op, before as usize, bound, backend.account()));
        }
        for tensor in inputs.iter().chain(&outputs) {
            noted.keep(&tensor.storage, &self.pool);
        }
        let mut results: Vec<_> = outputs.iter().map(Tensor::operand).collect();
        let mut after = before;
        let mut recorded = outputs;
        if backend.places_in_arena() {
            recorded.clear();
            after = move_to_arena(op, &mut noted.records, &mut results, &self.pool)? as u64;
        }
        Ok(Graph {
            records: noted.records,
            inputs,
            outputs: results,
            written: noted.written,
            memory: Memory { before, after },
            kept: OnceLock::new(),
            pool: self.pool,
            outside: noted.outside,
            _recorded: recorded,
        })
    }
}

impl Noted {
    /// Keeps a storage unless the recording made it, whose pool is given.
    fn keep(&mut self, storage: &Arc<Storage>, pool: &Arc<BlockPool>) {
        let own = Arc::ptr_eq(storage.pool(), pool);
        if !own && !self.outside.iter().any(|known| Arc::ptr_eq(known, storage)) {
            self.outside.push(storage.clone());
        }
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
