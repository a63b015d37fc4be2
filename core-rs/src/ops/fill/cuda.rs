//! `fill` and `full` on the GPU: one launch over all elements.

use super::{Fill, Full};
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::dtype::{Bf16, Dtype};
use crate::error::Result;

pub const SOURCE: Source = Source { name: "fill", text: include_str!("kernel.cu") };

/// A value's bits in a dtype that holds it, repeated to eight bytes.
pub fn repeated(value: f64, dtype: Dtype) -> u64 {
    match dtype {
        Dtype::F64 => value.to_bits(),
        Dtype::F32 => (value as f32).to_bits() as u64 * 0x1_0000_0001,
        Dtype::I32 => value as i32 as u32 as u64 * 0x1_0000_0001,
        Dtype::Bf16 => Bf16::round(value as f32).0 as u64 * 0x1_0001_0001_0001,
        Dtype::U8 => value as u8 as u64 * 0x101_0101_0101_0101,
    }
}

pub fn fill(op: &Fill, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let meta = io.meta(0);
    let (elements, bytes) = (meta.shape.len(), meta.dtype.size());
    cuda.launch(
        io.name(),
        &SOURCE,
        &format!("fill_{bytes}"),
        Grid::packs(elements, bytes),
        &args![io.in_place(0), elements as u64, repeated(op.value, meta.dtype), cuda.faults.seen()],
    )
}

pub fn full(op: &Full, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (elements, bytes) = (op.meta.shape.len(), op.meta.dtype.size());
    cuda.launch(
        io.name(),
        &SOURCE,
        &format!("full_{bytes}"),
        Grid::packs(elements, bytes),
        &args![io.output(0), elements as u64, repeated(op.value, op.meta.dtype)],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_eight_bytes() {
        assert_eq!(repeated(1.0, Dtype::F64).to_ne_bytes(), 1f64.to_ne_bytes());
        assert_eq!(repeated(-1.5, Dtype::F32).to_ne_bytes()[4..], (-1.5f32).to_ne_bytes());
        assert_eq!(repeated(-3.0, Dtype::I32).to_ne_bytes()[..4], (-3i32).to_ne_bytes());
        assert_eq!(repeated(1.0, Dtype::Bf16), 0x3f80_3f80_3f80_3f80);
        assert_eq!(repeated(200.0, Dtype::U8), 0xc8c8_c8c8_c8c8_c8c8);
    }
}
