//! Exports about captures: record a step, run it again.

use super::buffers::{Out, handles, slice};
use super::guard::export;
use super::op_call::push_tensor;
use super::queue::queue_of;
use crate::error::{Error, Result};
use crate::runtime::capture::{Capture, Replay};
use crate::runtime::handles::{Entry, Handle, table};
use crate::runtime::memory::Storage;
use crate::runtime::queue::{Command, Queue};
use crate::runtime::tensor::Tensor;
use std::sync::{Arc, PoisonError};

fn tensors(op: &'static str, name: &str, queue: &Queue, pairs: *const u32, bytes: u32) -> Result<Vec<Tensor>> {
    let table = table();
    handles(op, slice(op, name, pairs, bytes)?)?
        .enumerate()
        .map(|(index, handle)| table.tensor(op, queue, handle, index))
        .collect()
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
    /// Ends the recording; `inputs` are the slots of the arguments, `outputs` the results. out: the graph's handle, its records.
    fn lt_capture_end(
        queue_slot: u32,
        queue_generation: u32,
        inputs: *const u32,
        inputs_bytes: u32,
        outputs: *const u32,
        outputs_bytes: u32,
    ) |out| {
        let op = "capture_end";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        // First, so that a call that fails ends the recording too.
        let capture = queue.capture.lock().unwrap_or_else(PoisonError::into_inner).take();
        let capture = capture.ok_or_else(|| Error::state(op, "Nothing is being captured"))?;
        let inputs = tensors(op, "inputs", &queue, inputs, inputs_bytes)?;
        let outputs = tensors(op, "outputs", &queue, outputs, outputs_bytes)?;
        out.reserve(3)?;
        let graph = Arc::new(capture.finish(inputs, outputs));
        let records = graph.records() as u32;
        out.push_handle(table().insert(Entry::Graph(graph, queue.id)))?;
        out.push(records)
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
    /// Enqueues a graph: arguments into the slots, every record, results into fresh tensors. out: as for an op.
    fn lt_graph_replay(
        queue_slot: u32,
        queue_generation: u32,
        slot: u32,
        generation: u32,
        inputs: *const u32,
        inputs_bytes: u32,
    ) |out| {
        let op = "graph_replay";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        let graph = table().graph(op, &queue, Handle { slot, generation })?;
        let given = tensors(op, "inputs", &queue, inputs, inputs_bytes)?;
        if given.len() != graph.inputs.len() {
            return Err(Error::argument(op, format!("Expected {} arguments, got {}", graph.inputs.len(), given.len())));
        }
        for (index, (argument, place)) in given.iter().zip(&graph.inputs).enumerate() {
            if argument.meta != place.meta {
                return Err(Error::shape(
                    op,
                    format!("Expected argument {index} as {} {}, got {} {}", place.meta.dtype, place.meta.shape, argument.meta.dtype, argument.meta.shape),
                ));
            }
        }
        if queue.capture.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Err(Error::state(op, "Cannot replay a capture inside a capture"));
        }
        out.reserve(3 + graph.outputs.iter().map(|t| Out::tensor_words(t.meta)).sum::<usize>())?;
        let made = graph
            .outputs
            .iter()
            .map(|t| Ok(Tensor { storage: Storage::allocate(op, t.meta.bytes(), &queue.pool)?, offset: 0, meta: t.meta, queue: queue.id }))
            .collect::<Result<Vec<_>>>()?;
        for (storage, writer) in &graph.written {
            storage.written_by(writer);
        }
        let pairs = |sources: &[Tensor], targets: &[Tensor]| {
            sources.iter().zip(targets).map(|(source, target)| (source.operand(), target.operand())).collect()
        };
        let arguments = pairs(&given, &graph.inputs);
        let results = pairs(&graph.outputs, &made);
        let ticket = queue.push(Command::Replay(Replay { graph, arguments, results }));
        out.push_u64(ticket)?;
        out.push(made.len() as u32)?;
        made.into_iter().try_for_each(|tensor| push_tensor(&queue, tensor, out))
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
