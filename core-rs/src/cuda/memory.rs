//! Device memory that kernels need besides their tensors: scratch, and tables that the host fills.

use super::buffer::DeviceBuffer;
use super::context::CudaContext;
use super::io::DevicePointer;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Scratch grows by at least this much, bytes.
const SCRATCH_STEP: usize = 8 << 20;
/// Tables kept; the oldest goes first. A step has one for each optimizer, and one for each size and direction that it
/// resamples images to; all of them have to be here when it is recorded as a graph.
const TABLES: usize = 256;

/// The backend's own device memory.
#[derive(Default)]
pub struct OwnMemory(Mutex<Held>);

#[derive(Default)]
struct Held {
    scratch: Option<Arc<DeviceBuffer>>,
    /// By contents, with the turn of the last use.
    tables: HashMap<Vec<u8>, (Arc<DeviceBuffer>, u64)>,
    turn: u64,
    /// While a graph is recorded: what its launches point at.
    kept: Option<Vec<Arc<DeviceBuffer>>>,
}

impl Held {
    fn keep(&mut self, buffer: &Arc<DeviceBuffer>) {
        if let Some(kept) = &mut self.kept
            && !kept.iter().any(|known| Arc::ptr_eq(known, buffer))
        {
            kept.push(buffer.clone());
        }
    }
}

impl CudaContext {
    /// At least `bytes` of device memory for one command, with undefined contents; the next command may have the same.
    /// 256-byte aligned.
    pub fn scratch(&self, op: &'static str, bytes: usize) -> Result<DevicePointer> {
        let mut held = self.own.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there = held.scratch.clone().filter(|buffer| buffer.bytes() >= bytes);
        let buffer = match there {
            Some(buffer) => buffer,
            None => {
                self.refuse_while_capturing(op)?;
                let least = held.scratch.as_ref().map_or(0, |buffer| 2 * buffer.bytes());
                let buffer = self.buffer(op, bytes.max(least).next_multiple_of(SCRATCH_STEP))?;
                held.scratch = Some(buffer.clone());
                buffer
            }
        };
        held.keep(&buffer);
        Ok(buffer.pointer())
    }

    /// Device memory that holds these bytes, uploaded once: the same bytes are at the same place the next time.
    pub fn table(&self, op: &'static str, bytes: &[u8]) -> Result<DevicePointer> {
        let mut held = self.own.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.turn += 1;
        let turn = held.turn;
        if let Some((buffer, used)) = held.tables.get_mut(bytes) {
            *used = turn;
            let buffer = buffer.clone();
            held.keep(&buffer);
            return Ok(buffer.pointer());
        }
        self.refuse_while_capturing(op)?;
        let buffer = self.buffer(op, bytes.len())?;
        // SAFETY: the buffer has as many bytes.
        unsafe { self.upload_bytes(op, bytes, buffer.pointer()) }?;
        if held.tables.len() == TABLES {
            let oldest = held.tables.iter().min_by_key(|(_, (_, used))| *used).map(|(bytes, _)| bytes.clone());
            oldest.and_then(|bytes| held.tables.remove(&bytes));
        }
        held.tables.insert(bytes.to_vec(), (buffer.clone(), turn));
        held.keep(&buffer);
        Ok(buffer.pointer())
    }

    /// A buffer of its own, for what lives longer than a command.
    pub fn buffer(&self, op: &'static str, bytes: usize) -> Result<Arc<DeviceBuffer>> {
        DeviceBuffer::new(self.device(), bytes).map_err(|error| self.refused(op, bytes, &error))
    }

    /// From here on, what launches point at is noted.
    pub fn begin_keeping(&self) {
        self.own.0.lock().unwrap_or_else(PoisonError::into_inner).kept = Some(Vec::new());
    }

    /// What was noted; whoever replays the launches has to keep it.
    pub fn end_keeping(&self) -> Vec<Arc<DeviceBuffer>> {
        self.own.0.lock().unwrap_or_else(PoisonError::into_inner).kept.take().unwrap_or_default()
    }

    /// Notes a buffer that a launch points at.
    pub fn keep(&self, buffer: &Arc<DeviceBuffer>) {
        self.own.0.lock().unwrap_or_else(PoisonError::into_inner).keep(buffer);
    }

    fn refuse_while_capturing(&self, op: &'static str) -> Result<()> {
        if self.is_capturing() {
            let message = "Cannot allocate device memory while a graph is recorded: the eager step before needed less";
            return Err(Error::state(op, message));
        }
        Ok(())
    }
}
