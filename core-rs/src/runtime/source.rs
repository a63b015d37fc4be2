//! Where a write takes its values from: the call, a mapped file, or another device.

use super::backend::{Backend, HostMemory, PlainMemory};
use super::command::Command;
use super::held;
use super::mapped_file::MappedFile;
use super::memory::Storage;
use super::queue::Queue;
use super::read::ReadSlot;
use super::tensor::Tensor;
use crate::budget::{Kind, Place, Reservation};
use crate::error::{Error, Result};
use crate::shape::Meta;
use std::sync::Arc;

/// Bytes of a call, with their room in the budget until they are copied.
pub struct HostValues {
    bytes: Vec<u8>,
    _room: Reservation,
}

impl HostValues {
    /// Takes bytes over that a call has made.
    pub fn new(op: &'static str, bytes: Vec<u8>, queue: &Queue) -> Result<HostValues> {
        let room = HostValues::room(op, bytes.len(), queue)?;
        Ok(HostValues { bytes, _room: room })
    }

    /// Copies the bytes of a caller.
    pub fn copied(op: &'static str, source: &[u8], queue: &Queue) -> Result<HostValues> {
        let room = HostValues::room(op, source.len(), queue)?;
        let mut bytes = Vec::new();
        let account = queue.backend().account();
        let refused = |_| held::explained(Error::no_memory(op, source.len(), None), account);
        bytes.try_reserve_exact(source.len()).map_err(refused)?;
        bytes.extend_from_slice(source);
        Ok(HostValues { bytes, _room: room })
    }

    fn room(op: &'static str, bytes: usize, queue: &Queue) -> Result<Reservation> {
        let account = queue.backend().account();
        let room = account.reserve(Kind::Values, Place::Host, bytes);
        let room = room.map_err(|short| held::refusal(op, bytes, short, account))?;
        room.touch();
        Ok(room)
    }
}

/// Host values on their way to a tensor.
pub enum Source {
    Values(HostValues),
    /// A whole file, page by page as the copy comes to it.
    File(MappedFile),
    Transfer(Arc<Transfer>),
}

impl Source {
    /// Copies the values to the device.
    ///
    /// # Safety
    /// `target` holds as many bytes of this device.
    pub unsafe fn upload(&self, backend: &dyn Backend, target: *mut u8) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Source::Values(values) => backend.upload(&values.bytes, target),
                Source::File(map) => backend.upload(map, target),
                Source::Transfer(transfer) => backend.upload_early(transfer.values()?, target),
            }
        }
    }
}

/// A tensor that goes from one queue to another: first it is computed and read, while the other queue does what it has to,
/// then it is written there.
pub struct Transfer {
    pub meta: Meta,
    /// The queue that it goes to.
    pub to: u32,
    from: Arc<Queue>,
    ticket: u64,
    read: Arc<ReadSlot>,
}

impl Transfer {
    /// Has the tensor read into memory that suits the other device.
    pub fn begin(op: &'static str, from: Arc<Queue>, tensor: Tensor, to: &Queue) -> Result<Transfer> {
        let meta = tensor.meta;
        let read = Arc::new(ReadSlot::over(to.backend().transfer_memory(op, meta.bytes())?, &from));
        let source = tensor.operand();
        let ticket = from.push(Command::Read { source, storage: tensor.storage, into: read.clone() });
        read.enqueued_as(ticket);
        Ok(Transfer { meta, to: to.id, from, ticket, read })
    }

    /// Enqueues the writing on the other queue.
    pub fn end(self: Arc<Transfer>, op: &'static str, to: &Queue) -> Result<Tensor> {
        let meta = self.meta;
        let storage = Storage::allocate(op, meta.bytes(), &to.pool)?;
        let tensor = Tensor { storage, offset: 0, meta, queue: to.id };
        to.push(Command::Write { target: tensor.operand(), source: Source::Transfer(self) });
        Ok(tensor)
    }

    /// Waits for the values; they are given once.
    fn values(&self) -> Result<Box<dyn HostMemory>> {
        self.from.wait(self.ticket).map_err(|error| match error {
            Error::StaleHandle { .. } => Error::state("transfer", "The device that the values come from was disposed"),
            late => late,
        })?;
        let values = self.read.values().ok_or_else(|| Error::state("transfer", "Expected values, found none"))?;
        Ok(std::mem::replace(&mut *values?, Box::new(PlainMemory::none())))
    }
}
