//! Exports that bring a tensor from one queue to another, as a data set on the host does with its batches.
//!
//! In two steps, so that the host computes a batch while the device trains on the one before, and the device gets it once it
//! comes to the point where it is used.

use super::buffers::Out;
use super::guard::export;
use super::op_call::push_tensor;
use super::queue::queue_of;
use super::tensor::refuse_while_recording;
use crate::error::Error;
use crate::runtime::handles::{Entry, Handle, table};
use crate::runtime::source::Transfer;
use std::sync::Arc;

export! {
    /// Reads a tensor once it is computed, into memory that suits the queue it goes to; out: the transfer's handle.
    fn lt_transfer_begin(
        queue_slot: u32,
        queue_generation: u32,
        slot: u32,
        generation: u32,
        to_slot: u32,
        to_generation: u32,
    ) |out| {
        let op = "transfer_begin";
        let from = queue_of(op, queue_slot, queue_generation)?;
        let to = queue_of(op, to_slot, to_generation)?;
        if from.id == to.id {
            return Err(Error::argument(op, "Expected two queues, got one twice"));
        }
        refuse_while_recording(op, &from, "bring a tensor to another device")?;
        let tensor = table().tensor(op, &from, Handle { slot, generation }, 0)?;
        out.reserve(2)?;
        let transfer = Transfer::begin(op, from, tensor, &to)?;
        out.push_handle(table().insert(Entry::Transfer(Arc::new(transfer))))
    }
}

export! {
    /// Enqueues that the tensor is written on the queue it goes to, and ends the transfer; out: the tensor. That queue's
    /// thread waits for the values when it comes to it, and takes over an error of the other.
    fn lt_transfer_end(queue_slot: u32, queue_generation: u32, slot: u32, generation: u32) |out| {
        let op = "transfer_end";
        let to = queue_of(op, queue_slot, queue_generation)?;
        refuse_while_recording(op, &to, "bring a tensor to this device")?;
        let handle = Handle { slot, generation };
        let transfer = table().transfer(op, handle)?;
        if transfer.to != to.id {
            return Err(Error::ForeignHandle { op, index: 0 });
        }
        out.reserve(Out::tensor_words(transfer.meta))?;
        let tensor = transfer.end(op, &to)?;
        table().remove(handle);
        push_tensor(&to, tensor, out)
    }
}

export! {
    /// Gives a transfer up; a stale handle is no error.
    fn lt_transfer_release(slot: u32, generation: u32) |_out| {
        let handle = Handle { slot, generation };
        let mut table = table();
        let entry = if table.transfer("transfer_release", handle).is_ok() { table.remove(handle) } else { None };
        drop(table);
        drop(entry);
        Ok(())
    }
}
