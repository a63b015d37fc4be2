//! Values on their way to the host.

use super::backend::HostMemory;
use super::held;
use super::queue::Queue;
use crate::budget::{Kind, Place, Reservation};
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Host memory that a read goes to; reserved when the read is enqueued.
pub struct ReadSlot {
    /// The queue that it belongs to.
    pub queue: u32,
    memory: Mutex<Box<dyn HostMemory>>,
    outcome: OnceLock<Result<()>>,
    /// Of the read's command, once it is enqueued.
    ticket: AtomicU64,
    /// The last command that the queue's device is known to have passed.
    passed: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Room for the copy that JavaScript takes the values over to.
    copy: Option<Reservation>,
}

impl ReadSlot {
    pub fn new(op: &'static str, queue: &Queue, bytes: usize) -> Result<ReadSlot> {
        let account = queue.backend().account();
        let copy = account.reserve(Kind::Reads, Place::Host, bytes);
        let copy = copy.map_err(|short| held::refusal(op, bytes, short, account))?;
        Ok(ReadSlot { copy: Some(copy), ..ReadSlot::over(queue.backend().host_memory(op, bytes)?, queue) })
    }

    /// One that fills the given memory with a tensor of the queue.
    pub fn over(memory: Box<dyn HostMemory>, queue: &Queue) -> ReadSlot {
        let ticket = AtomicU64::new(u64::MAX);
        ReadSlot {
            queue: queue.id,
            memory: Mutex::new(memory),
            outcome: OnceLock::new(),
            ticket,
            passed: queue.progress(),
            copy: None,
        }
    }

    /// Says which command fills it.
    pub fn enqueued_as(&self, ticket: u64) {
        self.ticket.store(ticket, Ordering::Release);
    }

    pub(super) fn fill(&self, download: impl FnOnce(&mut dyn HostMemory) -> Result<()>) -> Result<()> {
        download(&mut **self.locked())?;
        let _ = self.outcome.set(Ok(()));
        Ok(())
    }

    pub(super) fn refuse(&self, error: Error) {
        let _ = self.outcome.set(Err(error));
    }

    /// Where the values are, or what went wrong, once the read's ticket was waited for.
    pub fn values(&self) -> Option<Result<MutexGuard<'_, Box<dyn HostMemory>>>> {
        if (self.passed)() < self.ticket.load(Ordering::Acquire) {
            return None;
        }
        let outcome = self.outcome.get()?.clone();
        self.copy.iter().for_each(Reservation::touch);
        Some(outcome.map(|()| self.locked()))
    }

    fn locked(&self) -> MutexGuard<'_, Box<dyn HostMemory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
