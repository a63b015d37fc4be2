//! bf16 on the CPU: a kernel that computes is given f32 copies of such tensors, and what it writes is rounded once. The
//! kernels themselves know f32 and f64 alone.

use super::CpuContext;
use super::convert::{round, widen};
use super::scratch::Scratch;
use crate::dtype::Bf16;
use crate::error::Result;
use crate::runtime::record::{Io, Record};
use crate::runtime::tensor::Operand;

/// Runs a record whose tensors are in host memory; after an error no bf16 tensor is written.
pub fn run(record: &Record, context: &CpuContext) -> Result<()> {
    if record.kernel.takes_bf16() || record.narrow().next().is_none() {
        return record.kernel.run_cpu(&Io::new(record), context);
    }
    let inputs = record.inputs.len();
    let mut scratch = Scratch::wide(record.narrow().last().map_or(0, |narrow| narrow.copy.end));
    let copies = scratch.as_mut_slice();
    for narrow in record.narrow().filter(|narrow| narrow.place < inputs) {
        // SAFETY: nothing writes an operand while its record begins.
        widen(context, unsafe { &*stored(narrow.operand) }, &mut copies[narrow.copy]);
    }
    record.kernel.run_cpu(&Io::widened(record, copies), context)?;
    for narrow in record.narrow().filter(|narrow| narrow.place >= inputs || record.mutates(narrow.place)) {
        // SAFETY: the kernel is done, and what is written overlaps no other operand.
        round(context, &copies[narrow.copy], unsafe { &mut *stored(narrow.operand) });
    }
    Ok(())
}

/// The values of a bf16 tensor, as they lie in its block: as many as it has, aligned.
fn stored(operand: &Operand) -> *mut [Bf16] {
    std::ptr::slice_from_raw_parts_mut(operand.pointer().cast(), operand.meta.shape.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::{CudaContext, CudaIo};
    use crate::dtype::Dtype;
    use crate::error::Error;
    use crate::ops::{Kernel, Row};
    use crate::runtime::memory::{BlockPool, Storage};
    use crate::runtime::tensor::Tensor;
    use crate::shape::{Meta, Shape};
    use std::sync::Arc;

    static ROW: Row = Row { name: "test", inputs: &["x", "total"], mutates: &[false, true], view: false };

    /// Doubles x, and adds it to the total.
    struct Double {
        fails: bool,
    }

    impl Kernel for Double {
        fn name(&self) -> &'static str {
            "test"
        }

        fn takes_bf16(&self) -> bool {
            false
        }

        fn run_cpu(&self, io: &Io, _context: &CpuContext) -> Result<()> {
            assert_eq!([io.meta(0).dtype, io.meta(1).dtype, io.output_meta(0).dtype], [Dtype::F32; 3]);
            assert_eq!(io.input_bytes(0).len(), 4 * io.meta(0).shape.len());
            let (x, total, y) = (io.input::<f32>(0), io.in_place::<f32>(1), io.output::<f32>(0));
            for ((x, total), y) in x.iter().zip(total).zip(y) {
                *y = 2.0 * x;
                *total += x;
            }
            if self.fails { Err(Error::argument("test", "planted")) } else { Ok(()) }
        }

        fn run_cuda(&self, _io: &CudaIo, _context: &CudaContext) -> Result<()> {
            unreachable!("this runs on the CPU")
        }
    }

    /// A tensor of numbers, on a CPU.
    fn tensor(context: &Arc<CpuContext>, values: &[f32]) -> Tensor {
        let meta = Meta::new(Shape::new("test", &[values.len()]).unwrap(), Dtype::Bf16);
        let pool = BlockPool::new(context.clone(), Arc::default());
        let storage = Storage::allocate("test", meta.bytes(), &pool).unwrap();
        let tensor = Tensor { storage, offset: 0, meta, queue: 0 };
        // SAFETY: nobody else has the tensor yet.
        round(context, values, unsafe { &mut *stored(&tensor.operand()) });
        tensor
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        // SAFETY: no record runs.
        unsafe { &*stored(&tensor.operand()) }.iter().map(|value| value.widen()).collect()
    }

    #[test]
    fn a_kernel_sees_f32_and_what_it_writes_is_rounded_once_it_succeeds() {
        let context = Arc::new(CpuContext::new(2).unwrap());
        // More than a chunk of the conversions; a bf16 near 300 steps by 2.
        let len = 32 * 1024 + 17;
        let (x, total) = (tensor(&context, &vec![1.25; len]), tensor(&context, &vec![300.0; len]));
        for fails in [true, false] {
            let y = tensor(&context, &vec![7.0; len]);
            let record = Record {
                kernel: Arc::new(Double { fails }),
                inputs: vec![Some(x.operand()), Some(total.operand())],
                row: &ROW,
                outputs: vec![y.operand()],
            };
            assert_eq!(run(&record, &context).is_err(), fails);
            let wanted = if fails { [7.0, 300.0] } else { [2.5, 302.0] };
            assert_eq!([values(&y), values(&total)], wanted.map(|value| vec![value; len]));
        }
    }
}
