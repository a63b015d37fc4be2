//! `assign`: target = source, in place.

mod cuda;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::pool::for_each_chunk_mut;
use crate::error::Result;
use crate::runtime::record::Io;
use crate::shape::Meta;

/// Bytes a chunk.
const CHUNK: usize = 256 * 1024;

pub struct Assign;

impl Op for Assign {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(_params: &mut Params) -> Result<Self> {
        Ok(Assign)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let target = inputs.get(0)?;
        inputs.exactly(1, target.dtype, target.shape)?;
        Ok(vec![])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let source = io.input_bytes(1);
        for_each_chunk_mut(&context.pool, io.in_place_bytes(0), CHUNK, |chunk, target| {
            target.copy_from_slice(&source[chunk * CHUNK..][..target.len()]);
        });
        Ok(())
    }
}
