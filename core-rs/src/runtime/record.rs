//! One op call as data: what the queue runs, captures and replays.

use super::command_context::CommandContext;
use super::tensor::Operand;
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::ops::{Kernel, Row};
use crate::shape::Meta;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// An op with its tensors and parameters.
#[derive(Clone)]
pub struct Record {
    pub kernel: Arc<dyn Kernel>,
    pub inputs: Vec<Option<Operand>>,
    pub row: &'static Row,
    pub outputs: Vec<Operand>,
}

impl Record {
    /// Runs on the queue's device; the outputs are poisoned unless it succeeds.
    pub fn run(&self, context: &CommandContext) -> Result<()> {
        if let Some(index) = self.inputs.iter().position(|i| i.as_ref().is_some_and(|i| context.is_poisoned(&i.block)))
        {
            self.poison();
            let message = format!("Input {index} was never computed, as an earlier op failed");
            return Err(Error::state(self.kernel.name(), message));
        }
        // Before, as a kernel that panics does not come back here.
        self.poison();
        context.backend.run(self)?;
        for output in &self.outputs {
            context.wrote(&output.block);
        }
        Ok(())
    }

    /// Marks the outputs as never computed; what is written in place keeps its old values.
    pub fn poison(&self) {
        for output in &self.outputs {
            output.block.poisoned.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the op writes an input in place.
    pub fn mutates(&self, input: usize) -> bool {
        self.row.mutates(input)
    }
}

/// The tensors of a record that runs on the CPU, as slices.
///
/// Outputs and mutated inputs never overlap another operand: outputs are fresh blocks, or places in an arena that nothing
/// else uses during the record, and the call refuses a mutated tensor that shares bytes with another argument.
pub struct Io<'a> {
    record: &'a Record,
}

impl<'a> Io<'a> {
    /// For a record whose tensors are in host memory.
    pub(crate) fn new(record: &'a Record) -> Io<'a> {
        Io { record }
    }

    pub fn inputs(&self) -> usize {
        self.record.inputs.len()
    }

    pub fn has(&self, input: usize) -> bool {
        self.record.inputs.get(input).is_some_and(Option::is_some)
    }

    pub fn meta(&self, input: usize) -> Meta {
        self.input_operand(input).meta
    }

    pub fn outputs(&self) -> usize {
        self.record.outputs.len()
    }

    pub fn output_meta(&self, output: usize) -> Meta {
        self.record.outputs[output].meta
    }

    fn input_pointer(&self, input: usize) -> *mut u8 {
        self.input_operand(input).pointer()
    }

    fn output_pointer(&self, output: usize) -> *mut u8 {
        self.record.outputs[output].pointer()
    }

    fn input_operand(&self, input: usize) -> &'a Operand {
        self.record.inputs[input].as_ref().expect("the shape rule checked that it is there")
    }

    /// The values of an input.
    pub fn input<T: Element>(&self, input: usize) -> &'a [T] {
        let meta = self.meta(input);
        assert_eq!(meta.dtype, T::DTYPE, "the shape rule checks dtypes");
        // SAFETY: the block holds at least meta.bytes() after the offset, aligned to 64 bytes plus whole elements; records
        // run one at a time, so nothing writes it during this one.
        unsafe { std::slice::from_raw_parts(self.input_pointer(input).cast::<T>(), meta.shape.len()) }
    }

    /// The values of an optional input.
    pub fn optional<T: Element>(&self, input: usize) -> Option<&'a [T]> {
        self.has(input).then(|| self.input(input))
    }

    /// The values of an input that the op writes in place; take each at most once.
    #[allow(clippy::mut_from_ref)]
    pub fn in_place<T: Element>(&self, input: usize) -> &'a mut [T] {
        assert!(self.record.mutates(input), "the op table says which inputs are written");
        let meta = self.meta(input);
        assert_eq!(meta.dtype, T::DTYPE, "the shape rule checks dtypes");
        // SAFETY: as in `input`, and no other operand shares these bytes (checked at the call).
        unsafe { std::slice::from_raw_parts_mut(self.input_pointer(input).cast::<T>(), meta.shape.len()) }
    }

    /// The values to write of an output, undefined before; take each at most once.
    #[allow(clippy::mut_from_ref)]
    pub fn output<T: Element>(&self, output: usize) -> &'a mut [T] {
        let meta = self.output_meta(output);
        assert_eq!(meta.dtype, T::DTYPE, "the shape rule sets the dtype");
        // SAFETY: bytes of this record's output alone, at least meta.bytes().
        unsafe { std::slice::from_raw_parts_mut(self.output_pointer(output).cast::<T>(), meta.shape.len()) }
    }

    /// The bytes of an input, whatever its dtype.
    pub fn input_bytes(&self, input: usize) -> &'a [u8] {
        // SAFETY: as in `input`.
        unsafe { std::slice::from_raw_parts(self.input_pointer(input), self.meta(input).bytes()) }
    }

    /// The bytes of an output, whatever its dtype; take each at most once.
    #[allow(clippy::mut_from_ref)]
    pub fn output_bytes(&self, output: usize) -> &'a mut [u8] {
        // SAFETY: as in `output`.
        unsafe { std::slice::from_raw_parts_mut(self.output_pointer(output), self.output_meta(output).bytes()) }
    }

    /// The bytes of an input written in place; take each at most once.
    #[allow(clippy::mut_from_ref)]
    pub fn in_place_bytes(&self, input: usize) -> &'a mut [u8] {
        assert!(self.record.mutates(input), "the op table says which inputs are written");
        // SAFETY: as in `in_place`.
        unsafe { std::slice::from_raw_parts_mut(self.input_pointer(input), self.meta(input).bytes()) }
    }
}
