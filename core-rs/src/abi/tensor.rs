//! Exports about tensors: make from host values, share, release, read back.

use super::buffers::Out;
use super::guard::export;
use super::op_call::{note_handle, push_tensor};
use super::queue::queue_of;
use crate::budget::Holder;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::runtime::command::Command;
use crate::runtime::handles::{Entry, Handle, table};
use crate::runtime::memory::Storage;
use crate::runtime::queue::Queue;
use crate::runtime::read::ReadSlot;
use crate::runtime::source::{HostValues, Source};
use crate::runtime::tensor::Tensor;
use crate::shape::{Meta, Shape};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// The message of everything that cannot be recorded.
pub(super) fn refuse_while_recording(op: &'static str, queue: &Queue, what: &str) -> Result<()> {
    if queue.capture.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
        return Err(Error::state(
            op,
            format!("Cannot {what} inside capture(): pass it in as an argument, or do it outside"),
        ));
    }
    Ok(())
}

export! {
    /// Copies host values; out: the tensor.
    fn lt_tensor_create(
        queue_slot: u32,
        queue_generation: u32,
        dtype: u32,
        shape: &[u32],
        data: &[u8],
    ) |out| {
        let op = "tensor_create";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        refuse_while_recording(op, &queue, "copy host values to the device")?;
        let dims: Vec<usize> = shape?.iter().map(|&dim| dim as usize).collect();
        let dtype = Dtype::from_code(dtype).ok_or_else(|| Error::argument(op, format!("Expected the code of a dtype, got {dtype}")))?;
        let meta = Meta::new(Shape::new(op, &dims)?, dtype);
        let source = data?;
        if source.len() != meta.bytes() {
            return Err(Error::shape(op, format!("Expected {} bytes of data for shape {} of {dtype}, got {}", meta.bytes(), meta.shape, source.len())));
        }
        out.reserve(Out::tensor_words(meta))?;
        let values = HostValues::copied(op, source, &queue)?;
        write(op, &queue, meta, values, out)
    }
}

/// Enqueues the writing of host values, as many bytes as `meta` has; out: the tensor.
pub(super) fn write(op: &'static str, queue: &Queue, meta: Meta, values: HostValues, out: &mut Out) -> Result<()> {
    let tensor =
        Tensor { storage: Storage::allocate(op, meta.bytes(), &queue.pool)?, offset: 0, meta, queue: queue.id };
    queue.push(Command::Write { target: tensor.operand(), source: Source::Values(values) });
    push_tensor(queue, tensor, out)
}

export! {
    /// A second handle to the same tensor; out: the tensor, then its storage's version.
    fn lt_tensor_alias(queue_slot: u32, queue_generation: u32, slot: u32, generation: u32) |out| {
        let op = "tensor_alias";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        let tensor = table().tensor(op, &queue, Handle { slot, generation }, 0)?;
        out.reserve(Out::tensor_words(tensor.meta) + 1)?;
        note_handle(op, &queue)?;
        let version = tensor.storage.version.load(Ordering::Relaxed);
        push_tensor(&queue, tensor, out)?;
        out.push(version)
    }
}

export! {
    /// Lets go of a tensor; a stale handle is no error. out: 1 if it was live.
    fn lt_tensor_release(queue_slot: u32, queue_generation: u32, slot: u32, generation: u32) |out| {
        out.reserve(1)?;
        let (entry, queue) = {
            let mut table = table();
            let handle = Handle { slot, generation };
            let queue = table.queue("tensor_release", Handle { slot: queue_slot, generation: queue_generation });
            match &queue {
                // A queue that is gone leaves its tensors releasable.
                Err(_) => (table.remove_tensor(handle), queue),
                Ok(owner) => (table.tensor("tensor_release", owner, handle, 0).ok().and_then(|_| table.remove_tensor(handle)), queue),
            }
        };
        if let (true, Ok(queue)) = (entry.is_some(), queue) {
            queue.handles.fetch_sub(1, Ordering::Relaxed);
        }
        out.push(u32::from(entry.is_some()))
    }
}

export! {
    /// out: how often the tensor's storage was written in place, then the op that did last (text).
    fn lt_tensor_version(queue_slot: u32, queue_generation: u32, slot: u32, generation: u32) |out| {
        let op = "tensor_version";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        let tensor = table().tensor(op, &queue, Handle { slot, generation }, 0)?;
        out.push(tensor.storage.version.load(Ordering::Relaxed))?;
        out.text(tensor.storage.last_writer())
    }
}

export! {
    /// Says what the bytes of a tensor's buffer count as from here on: 0 results, 1 weights, 2 gradients, 3 state of an
    /// optimizer, 4 data sets.
    fn lt_tensor_role(queue_slot: u32, queue_generation: u32, slot: u32, generation: u32, role: u32) |_out| {
        let op = "tensor_role";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        let role = Holder::of_tensor(role).ok_or_else(|| Error::argument(op, format!("Expected `role` from 0 to 4, got {role}")))?;
        table().tensor(op, &queue, Handle { slot, generation }, 0)?.storage.set_role(role);
        Ok(())
    }
}

export! {
    /// Asks for a tensor's values; out: the read's handle, and the ticket to wait for.
    fn lt_read_begin(queue_slot: u32, queue_generation: u32, slot: u32, generation: u32) |out| {
        let op = "read_begin";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        refuse_while_recording(op, &queue, "read a tensor's values")?;
        let tensor = table().tensor(op, &queue, Handle { slot, generation }, 0)?;
        out.reserve(4)?;
        let read = Arc::new(ReadSlot::new(op, &queue, tensor.meta.bytes())?);
        let source = tensor.operand();
        let ticket = queue.push(Command::Read { source, storage: tensor.storage, into: read.clone() });
        read.enqueued_as(ticket);
        out.push_handle(table().insert(Entry::Read(read)))?;
        out.push_u64(ticket)
    }
}

export! {
    /// Copies the values to `data` and ends the read; the ticket must have passed.
    fn lt_read_take(slot: u32, generation: u32, data: &mut [u8]) |_out| {
        let op = "read_take";
        let handle = Handle { slot, generation };
        let read = table().read(op, handle)?;
        let target = data?;
        let values = read.values();
        let values = values.ok_or_else(|| Error::state(op, "The values are not there yet: wait for the ticket first"))??;
        let values = values.bytes();
        if values.len() != target.len() {
            return Err(Error::argument(op, format!("Expected `data` of {} bytes, got {}", values.len(), target.len())));
        }
        target.copy_from_slice(values);
        table().remove(handle);
        Ok(())
    }
}

export! {
    /// Gives a read up; a stale handle is no error.
    fn lt_read_release(slot: u32, generation: u32) |_out| {
        let handle = Handle { slot, generation };
        let mut table = table();
        if table.read("read_release", handle).is_ok() {
            table.remove(handle);
        }
        Ok(())
    }
}
