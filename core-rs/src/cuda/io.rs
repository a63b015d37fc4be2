//! The tensors of a record that runs on the GPU, as device pointers.

use crate::runtime::record::Record;
use crate::runtime::tensor::Operand;
use crate::shape::Meta;

/// An address in GPU memory, as kernels take it.
pub type DevicePointer = u64;

/// Shapes and addresses of a record's tensors; the host never reads through them.
pub struct CudaIo<'a> {
    record: &'a Record,
}

impl<'a> CudaIo<'a> {
    /// For a record whose tensors are in GPU memory.
    pub(crate) fn new(record: &'a Record) -> CudaIo<'a> {
        CudaIo { record }
    }

    /// The op's name, for errors.
    pub fn name(&self) -> &'static str {
        self.record.kernel.name()
    }

    pub fn has(&self, input: usize) -> bool {
        self.record.inputs.get(input).is_some_and(Option::is_some)
    }

    pub fn meta(&self, input: usize) -> Meta {
        self.input_operand(input).meta
    }

    pub fn output_meta(&self, output: usize) -> Meta {
        self.record.outputs[output].meta
    }

    pub fn input(&self, input: usize) -> DevicePointer {
        address(self.input_operand(input))
    }

    /// An input that may be absent; 0 where it is.
    pub fn optional(&self, input: usize) -> DevicePointer {
        if self.has(input) { self.input(input) } else { 0 }
    }

    pub fn inputs(&self) -> usize {
        self.record.inputs.len()
    }

    pub fn outputs(&self) -> usize {
        self.record.outputs.len()
    }

    /// An input that the op writes in place.
    pub fn in_place(&self, input: usize) -> DevicePointer {
        assert!(self.record.mutates(input), "the op table says which inputs are written");
        self.input(input)
    }

    pub fn output(&self, output: usize) -> DevicePointer {
        address(&self.record.outputs[output])
    }

    fn input_operand(&self, input: usize) -> &'a Operand {
        self.record.inputs[input].as_ref().expect("the shape rule checked that it is there")
    }
}

fn address(operand: &Operand) -> DevicePointer {
    operand.pointer() as DevicePointer
}
