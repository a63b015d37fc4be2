//! Exports about captures: record a step.

use super::buffers::handles;
use super::guard::export;
use super::queue::queue_of;
use crate::error::{Error, Result};
use crate::runtime::capture::Capture;
use crate::runtime::handles::{Entry, Handle, table};
use crate::runtime::queue::Queue;
use crate::runtime::tensor::Tensor;
use std::sync::{Arc, PoisonError};

/// The tensors of a list of handles.
pub(super) fn tensors(op: &'static str, queue: &Queue, pairs: &[u32]) -> Result<Vec<Tensor>> {
    let table = table();
    handles(op, pairs)?.enumerate().map(|(index, handle)| table.tensor(op, queue, handle, index)).collect()
}

export! {
    /// Starts recording: ops run and are noted until lt_capture_end or lt_capture_abort.
    fn lt_capture_begin(queue_slot: u32, queue_generation: u32) |_out| {
        let queue = queue_of("capture_begin", queue_slot, queue_generation)?;
        let mut capture = queue.capture.lock().unwrap_or_else(PoisonError::into_inner);
        if capture.is_some() {
            return Err(Error::state("capture_begin", "Cannot capture inside a capture"));
        }
        *capture = Some(Capture::new(&queue.pool));
        Ok(())
    }
}

export! {
    /// Ends the recording; `inputs` are the slots of the arguments, `outputs` the results: the graph needs their handles
    /// no longer. out: the graph's handle, its records, bytes of the recording's blocks and of a replay's (u64 each).
    fn lt_capture_end(
        queue_slot: u32,
        queue_generation: u32,
        inputs: &[u32],
        outputs: &[u32],
    ) |out| {
        let op = "capture_end";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        // First, so that a call that fails ends the recording too.
        let capture = queue.capture.lock().unwrap_or_else(PoisonError::into_inner).take();
        let capture = capture.ok_or_else(|| Error::state(op, "Nothing is being captured"))?;
        let inputs = tensors(op, &queue, inputs?)?;
        let outputs = tensors(op, &queue, outputs?)?;
        out.reserve(7)?;
        let graph = Arc::new(capture.finish(op, inputs, outputs, queue.backend())?);
        let (records, memory) = (graph.records.len() as u32, graph.memory);
        out.push_handle(table().insert(Entry::Graph(graph, queue.id)))?;
        out.push(records)?;
        out.push_u64(memory.before)?;
        out.push_u64(memory.after)
    }
}

export! {
    /// Ends a recording without a graph; what ran has run.
    fn lt_capture_abort(queue_slot: u32, queue_generation: u32) |_out| {
        let queue = queue_of("capture_abort", queue_slot, queue_generation)?;
        queue.capture.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(())
    }
}

export! {
    /// Lets go of a graph; a stale handle is no error.
    fn lt_graph_release(queue_slot: u32, queue_generation: u32, slot: u32, generation: u32) |_out| {
        let queue = queue_of("graph_release", queue_slot, queue_generation)?;
        let mut table = table();
        let handle = Handle { slot, generation };
        let entry = if table.graph("graph_release", &queue, handle).is_ok() { table.remove(handle) } else { None };
        drop(table);
        drop(entry);
        Ok(())
    }
}
