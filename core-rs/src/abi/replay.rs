//! The export that runs a recorded step again, once or several times.

use super::buffers::Out;
use super::capture::tensors;
use super::guard::export;
use super::op_call::push_tensor;
use super::queue::queue_of;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::runtime::capture::Graph;
use crate::runtime::command::Command;
use crate::runtime::handles::{Handle, table};
use crate::runtime::memory::Storage;
use crate::runtime::queue::Queue;
use crate::runtime::replay::{Copied, Replay, Step};
use crate::runtime::source::{HostValues, Source};
use crate::runtime::tensor::Tensor;
use crate::shape::{Meta, Shape};
use std::sync::PoisonError;

const OP: &str = "graph_replay";

/// Steps that one command may have: a bound on what a call allocates before it knows that the memory is there.
const MOST_STEPS: usize = 1 << 16;

export! {
    /// Enqueues `steps` runs of a graph as one command. `inputs` are the arguments of the first run, then of the second, …;
    /// `scalar` is no tensor or the one that gets a number of `rates` before each run. out: as for an op, with the results
    /// of the first run, then of the second, …
    fn lt_graph_replay(
        queue_slot: u32,
        queue_generation: u32,
        slot: u32,
        generation: u32,
        steps: u32,
        inputs: &[u32],
        scalar: &[u32],
        rates: &[f64],
    ) |out| {
        let queue = queue_of(OP, queue_slot, queue_generation)?;
        let graph = table().graph(OP, &queue, Handle { slot, generation })?;
        let steps = steps as usize;
        let given = tensors(OP, &queue, inputs?)?;
        check_arguments(&graph, steps, &given)?;
        let scalar = tensors(OP, &queue, scalar?)?.into_iter().next();
        let rates = rates?;
        check_rates(&graph, steps, scalar.as_ref(), rates)?;
        if queue.capture.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Err(Error::state(OP, "Cannot replay a capture inside a capture"));
        }
        let words = graph.outputs.iter().map(|output| Out::tensor_words(output.meta)).sum::<usize>();
        out.reserve(words.saturating_mul(steps).saturating_add(3))?;
        let made = (0..steps)
            .flat_map(|_| &graph.outputs)
            .map(|output| fresh(&queue, output.meta))
            .collect::<Result<Vec<_>>>()?;
        let rates = scalar.map(|scalar| upload_rates(&queue, &scalar, rates)).transpose()?;
        for (storage, writer) in &graph.written {
            storage.written_by(writer);
        }
        let steps = (0..steps)
            .map(|step| Step {
                arguments: given[step * graph.inputs.len()..].iter().zip(&graph.inputs).map(|(argument, place)| (argument.operand(), place.operand())).collect(),
                rate: rates.as_ref().map(|rates| rates[step].clone()),
                results: graph.outputs.iter().cloned().zip(made[step * graph.outputs.len()..].iter().map(Tensor::operand)).collect(),
            })
            .collect();
        let ticket = queue.push(Command::Replay(Replay { graph, steps }));
        out.push_u64(ticket)?;
        out.push(made.len() as u32)?;
        made.into_iter().try_for_each(|tensor| push_tensor(&queue, tensor, out))
    }
}

fn check_arguments(graph: &Graph, steps: usize, given: &[Tensor]) -> Result<()> {
    if !(1..=MOST_STEPS).contains(&steps) {
        return Err(Error::argument(OP, format!("Expected 1 to {MOST_STEPS} steps, got {steps}")));
    }
    let each = graph.inputs.len();
    if given.len() != each * steps {
        return Err(Error::argument(OP, format!("Expected {} arguments, got {}", each * steps, given.len())));
    }
    for (index, argument) in given.iter().enumerate() {
        let place = &graph.inputs[index % each];
        if argument.meta != place.meta {
            return Err(Error::shape(
                OP,
                format!(
                    "Expected argument {} of step {} as {} {}, got {} {}",
                    index % each,
                    index / each,
                    place.meta.dtype,
                    place.meta.shape,
                    argument.meta.dtype,
                    argument.meta.shape
                ),
            ));
        }
    }
    Ok(())
}

fn check_rates(graph: &Graph, steps: usize, scalar: Option<&Tensor>, rates: &[f64]) -> Result<()> {
    let wanted = if scalar.is_some() { steps } else { 0 };
    if rates.len() != wanted {
        return Err(Error::argument(OP, format!("Expected {wanted} rates, got {}", rates.len())));
    }
    if let Some(rate) = rates.iter().find(|rate| !rate.is_finite()) {
        return Err(Error::argument(OP, format!("Expected finite rates, got {rate}")));
    }
    match scalar {
        Some(scalar) if !graph.uses(scalar) => {
            Err(Error::argument(OP, "Expected the rate of an optimizer that the step uses, got another one's"))
        }
        Some(Tensor { meta, .. }) if meta.shape.len() != 1 || !matches!(meta.dtype, Dtype::F32 | Dtype::F64) => {
            let message = format!("Expected a rate of one f32 or f64, got {} {}", meta.dtype, meta.shape);
            Err(Error::shape(OP, message))
        }
        _ => Ok(()),
    }
}

fn fresh(queue: &Queue, meta: Meta) -> Result<Tensor> {
    Ok(Tensor { storage: Storage::allocate(OP, meta.bytes(), &queue.pool)?, offset: 0, meta, queue: queue.id })
}

/// Enqueues the writing of all rates; gives the copy of each to the scalar.
fn upload_rates(queue: &Queue, scalar: &Tensor, rates: &[f64]) -> Result<Vec<Copied>> {
    let meta = Meta::new(Shape::new(OP, &[rates.len()])?, scalar.meta.dtype);
    let all = fresh(queue, meta)?;
    let data = match meta.dtype {
        Dtype::F64 => rates.iter().flat_map(|rate| rate.to_ne_bytes()).collect(),
        _ => rates.iter().flat_map(|&rate| (rate as f32).to_ne_bytes()).collect(),
    };
    let values = HostValues::new(OP, data, queue)?;
    queue.push(Command::Write { target: all.operand(), source: Source::Values(values) });
    scalar.storage.written_by("fill");
    let one = |offset| Tensor { offset, meta: scalar.meta, ..all.clone() };
    Ok((0..rates.len()).map(|step| (one(step).operand(), scalar.operand())).collect())
}
