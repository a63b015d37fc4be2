//! Handles: {slot, generation} pairs that JavaScript holds instead of pointers.

use super::capture::Graph;
use super::queue::Queue;
use super::read::ReadSlot;
use super::source::Transfer;
use super::tensor::Tensor;
use crate::error::{Error, Result};
use crate::image::job::Job;
use crate::image::single::Single;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// What a handle can point at.
#[derive(Clone)]
pub enum Entry {
    Queue(Arc<Queue>),
    Tensor(Tensor),
    Read(Arc<ReadSlot>),
    Graph(Arc<Graph>, u32),
    Job(Arc<Job>),
    Single(Arc<Single>),
    Transfer(Arc<Transfer>),
}

impl Entry {
    /// The id of the queue that it belongs to, and ends with.
    fn queue(&self) -> Option<u32> {
        match self {
            Entry::Queue(queue) => Some(queue.id),
            Entry::Tensor(tensor) => Some(tensor.queue),
            Entry::Read(read) => Some(read.queue),
            Entry::Graph(_, queue) => Some(*queue),
            Entry::Transfer(transfer) => Some(transfer.to),
            Entry::Job(_) | Entry::Single(_) => None,
        }
    }
}

/// A slot number and the generation of what it holds; generation 0 is no handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    pub slot: u32,
    pub generation: u32,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

/// All handles of the process; queues of several Workers share it.
#[derive(Default)]
pub struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

/// The table, locked; never held while anything waits.
pub fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    pub fn insert(&mut self, entry: Entry) -> Handle {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let place = &mut self.slots[slot as usize];
        place.generation = place.generation.wrapping_add(1).max(1);
        place.entry = Some(entry);
        Handle { slot, generation: place.generation }
    }

    fn get(&self, handle: Handle) -> Option<&Entry> {
        let place = self.slots.get(handle.slot as usize)?;
        if place.generation != handle.generation { None } else { place.entry.as_ref() }
    }

    /// Takes an entry out; `None` if the handle is stale, so that releasing twice is harmless.
    pub fn remove(&mut self, handle: Handle) -> Option<Entry> {
        self.get(handle)?;
        let entry = self.slots[handle.slot as usize].entry.take();
        self.free.push(handle.slot);
        entry
    }

    /// [`Table::remove`] for a handle that must be a tensor's.
    pub fn remove_tensor(&mut self, handle: Handle) -> Option<Entry> {
        matches!(self.get(handle), Some(Entry::Tensor(_))).then(|| self.remove(handle)).flatten()
    }

    /// Takes a queue out with everything that belongs to it; empty if the handle is stale. Let go of the entries once the
    /// table is unlocked.
    pub fn remove_queue(&mut self, handle: Handle) -> Vec<Entry> {
        let Some(Entry::Queue(queue)) = self.get(handle) else { return Vec::new() };
        let id = queue.id;
        let belongs = |place: &mut Slot| place.entry.take_if(|entry| entry.queue() == Some(id));
        let entries = self.slots.iter_mut().enumerate().filter_map(|(slot, place)| Some((slot, belongs(place)?)));
        let (slots, entries): (Vec<_>, _) = entries.map(|(slot, entry)| (slot as u32, entry)).unzip();
        self.free.extend(slots);
        entries
    }

    /// Calls a function with every entry.
    pub fn each(&self, f: impl FnMut(&Entry)) {
        self.slots.iter().filter_map(|place| place.entry.as_ref()).for_each(f);
    }

    pub fn is_live(&self, handle: Handle) -> bool {
        self.get(handle).is_some()
    }

    pub fn queue(&self, op: &'static str, handle: Handle) -> Result<Arc<Queue>> {
        match self.get(handle) {
            Some(Entry::Queue(queue)) => Ok(queue.clone()),
            _ => Err(Error::StaleHandle { op, what: "queue", index: 0 }),
        }
    }

    /// A tensor of the queue; `index` is its place among the arguments.
    pub fn tensor(&self, op: &'static str, queue: &Queue, handle: Handle, index: usize) -> Result<Tensor> {
        match self.get(handle) {
            Some(Entry::Tensor(tensor)) if tensor.queue == queue.id => Ok(tensor.clone()),
            Some(Entry::Tensor(_)) => Err(Error::ForeignHandle { op, index }),
            _ => Err(Error::StaleHandle { op, what: "tensor", index }),
        }
    }

    pub fn read(&self, op: &'static str, handle: Handle) -> Result<Arc<ReadSlot>> {
        match self.get(handle) {
            Some(Entry::Read(read)) => Ok(read.clone()),
            _ => Err(Error::StaleHandle { op, what: "read", index: 0 }),
        }
    }

    pub fn job(&self, op: &'static str, handle: Handle) -> Result<Arc<Job>> {
        match self.get(handle) {
            Some(Entry::Job(job)) => Ok(job.clone()),
            _ => Err(Error::StaleHandle { op, what: "job", index: 0 }),
        }
    }

    pub fn single(&self, op: &'static str, handle: Handle) -> Result<Arc<Single>> {
        match self.get(handle) {
            Some(Entry::Single(single)) => Ok(single.clone()),
            _ => Err(Error::StaleHandle { op, what: "image", index: 0 }),
        }
    }

    pub fn transfer(&self, op: &'static str, handle: Handle) -> Result<Arc<Transfer>> {
        match self.get(handle) {
            Some(Entry::Transfer(transfer)) => Ok(transfer.clone()),
            _ => Err(Error::StaleHandle { op, what: "transfer", index: 0 }),
        }
    }

    pub fn graph(&self, op: &'static str, queue: &Queue, handle: Handle) -> Result<Arc<Graph>> {
        match self.get(handle) {
            Some(Entry::Graph(graph, owner)) if *owner == queue.id => Ok(graph.clone()),
            Some(Entry::Graph(..)) => Err(Error::ForeignHandle { op, index: 0 }),
            _ => Err(Error::StaleHandle { op, what: "graph", index: 0 }),
        }
    }
}
