//! An op call: look the handles up, apply the shape rule, allocate, enqueue. No arithmetic.

use super::buffers::{Out, handles};
use crate::budget;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::ops::{Inputs, Named, Op, Params, Row};
use crate::runtime::backend::Device;
use crate::runtime::command::Command;
use crate::runtime::handles::{Entry, Handle, table};
use crate::runtime::held;
use crate::runtime::memory::Storage;
use crate::runtime::queue::Queue;
use crate::runtime::record::Record;
use crate::runtime::tensor::Tensor;
use crate::shape::Meta;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// The arguments of an op's export.
pub struct Call<'a> {
    pub row: &'static Row,
    pub queue: Handle,
    /// Handles, (0, 0) for an absent input.
    pub inputs: &'a [u32],
    pub params: &'a [f64],
}

impl Call<'_> {
    /// Enqueues the op; `out` gets the ticket (two words), the number of outputs, and each output.
    pub fn run<T: Op>(&self, out: &mut Out) -> Result<()> {
        let name = self.row.name;
        let (queue, tensors) = self.look_up()?;
        if let Some(error) = queue.lost() {
            return Err(error);
        }
        let mut params = Params::new(name, self.params);
        let op = T::parse(&mut params)?;
        params.finish()?;
        let metas: Vec<Option<Meta>> = tensors.iter().map(|t| t.as_ref().map(|t| t.meta)).collect();
        let outputs = op.outputs(&Inputs::new(self.row, &metas))?;
        if !self.row.view {
            check_device::<T>(name, queue.backend().device(), metas.iter().flatten().chain(&outputs))?;
        }
        out.reserve(3 + outputs.iter().map(|&meta| Out::tensor_words(meta)).sum::<usize>())?;
        if self.row.view {
            return self.view(&queue, &op, &tensors, outputs[0], out);
        }
        self.check_written(&tensors)?;
        let pool = queue.current_pool();
        let made = outputs
            .iter()
            .map(|meta| {
                Ok(Tensor {
                    storage: Storage::allocate(name, meta.bytes(), &pool)?,
                    offset: 0,
                    meta: *meta,
                    queue: queue.id,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let record = Record {
            kernel: Arc::new(Named { name, op }),
            inputs: tensors.iter().map(|t| t.as_ref().map(Tensor::operand)).collect(),
            row: self.row,
            outputs: made.iter().map(Tensor::operand).collect(),
        };
        for (index, tensor) in tensors.iter().enumerate() {
            if let Some(tensor) = tensor.as_ref().filter(|_| record.mutates(index)) {
                tensor.storage.written_by(name);
            }
        }
        if let Some(capture) = queue.capture.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            capture.add(&record, &tensors);
        }
        let ticket = queue.push(Command::Run(record));
        out.push_u64(ticket)?;
        out.push(made.len() as u32)?;
        for tensor in made {
            push_tensor(&queue, tensor, out)?;
        }
        Ok(())
    }

    fn look_up(&self) -> Result<(Arc<Queue>, Vec<Option<Tensor>>)> {
        let (name, names) = (self.row.name, self.row.inputs);
        let given = handles(name, self.inputs)?;
        if given.len() > 0 && self.row.entry(given.len() - 1).is_none() {
            return Err(Error::argument(
                name,
                format!("Expected at most {} tensors, got {}", names.len(), given.len()),
            ));
        }
        let table = table();
        let queue = table.queue(name, self.queue)?;
        let tensors = given
            .enumerate()
            .map(|(index, handle)| match handle.generation {
                0 => Ok(None),
                _ => table.tensor(name, &queue, handle, index).map(Some),
            })
            .collect::<Result<_>>()?;
        Ok((queue, tensors))
    }

    fn view<T: Op>(&self, queue: &Queue, op: &T, tensors: &[Option<Tensor>], meta: Meta, out: &mut Out) -> Result<()> {
        let source = tensors.first().and_then(Option::as_ref).expect("the shape rule asked for it");
        note_handle(self.row.name, queue)?;
        let offset = source.offset + op.view_offset(source.meta);
        out.push_u64(0)?;
        out.push(1)?;
        push_tensor(queue, Tensor { storage: source.storage.clone(), offset, meta, queue: queue.id }, out)
    }

    /// A tensor written in place must not be another argument too.
    fn check_written(&self, tensors: &[Option<Tensor>]) -> Result<()> {
        if !self.row.mutates.contains(&true) {
            return Ok(());
        }
        let written = |index: usize| self.row.mutates(index);
        let there = tensors.iter().enumerate().filter_map(|(i, t)| t.as_ref().map(|t| (i, t)));
        let mut ranges: Vec<_> = there.filter(|(_, tensor)| !tensor.meta.shape.is_empty()).collect();
        ranges.sort_by_key(|(_, t)| (Arc::as_ptr(&t.storage), t.offset * t.meta.dtype.size()));
        // Sorted by start, a range can only overlap those before it that reach past its start: those still open.
        let mut open: Vec<(usize, &Tensor)> = Vec::new();
        for (index, tensor) in ranges {
            open.retain(|(_, other)| other.overlaps(tensor));
            if let Some((other, _)) = open.iter().find(|(other, _)| written(*other) || written(index)) {
                return Err(Error::argument(
                    self.row.name,
                    format!(
                        "Expected `{}` and `{}` not to share memory, as one is written in place: clone() one of them",
                        self.row.input_name(*other.min(&index)),
                        self.row.input_name(*other.max(&index)),
                    ),
                ));
            }
            open.push((index, tensor));
        }
        Ok(())
    }
}

/// Refuses what the device has no kernel for; the CPU has all of them, and a view runs nothing.
fn check_device<'a, T: Op>(
    name: &'static str,
    device: Device,
    mut metas: impl Iterator<Item = &'a Meta>,
) -> Result<()> {
    if device == Device::Cpu {
        return Ok(());
    }
    if T::CUDA.is_none() {
        return Err(Error::no_cuda_kernel(name));
    }
    if metas.any(|meta| meta.dtype == Dtype::F64) {
        return Err(Error::unsupported(name, "Expected a dtype that CUDA computes with, got f64"));
    }
    Ok(())
}

/// Notes a handle without memory of its own, which costs some all the same; fails where none is left.
pub fn note_handle(op: &'static str, queue: &Queue) -> Result<()> {
    budget::note_overhead().map_err(|short| held::refusal(op, 0, short, queue.backend().account()))
}

/// Gives a tensor its handle and writes it to `out`.
pub fn push_tensor(queue: &Queue, tensor: Tensor, out: &mut Out) -> Result<()> {
    let meta = tensor.meta;
    let handle = table().insert(Entry::Tensor(tensor));
    queue.handles.fetch_add(1, Ordering::Relaxed);
    out.push_tensor(handle, meta)
}
