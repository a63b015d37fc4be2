//! What the draws of a layer are counted by, on the device, so that each replay of a recorded step draws anew. A counter is
//! i32 [4]: seed, layer, draws so far, and how many of them were kept. `next_draw` gives seed, layer and number of a draw
//! (i32 [3]) and counts it; `keep_draws` keeps the draws so far, or with `back` takes back those that were not kept, as
//! after a step that failed. All four are bits of a u32.

mod cuda;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Numbers of a counter, and of a draw.
const COUNTER: usize = 4;
pub const DRAW: usize = 3;

/// Places in a counter.
const DRAWS: usize = 2;
const KEPT: usize = 3;

/// `next_draw`
pub struct NextDraw;

impl Op for NextDraw {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::next_draw);

    fn parse(_params: &mut Params) -> Result<Self> {
        Ok(NextDraw)
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        inputs.exactly(0, Dtype::I32, Shape::new(inputs.op, &[COUNTER])?)?;
        Ok(vec![Meta::new(Shape::new(inputs.op, &[DRAW])?, Dtype::I32)])
    }

    fn cpu(&self, io: &Io, _context: &CpuContext) -> Result<()> {
        let counter = io.in_place::<i32>(0);
        io.output::<i32>(0).copy_from_slice(&counter[..DRAW]);
        counter[DRAWS] = counter[DRAWS].wrapping_add(1);
        Ok(())
    }
}

/// `keep_draws`
pub struct KeepDraws {
    back: bool,
}

impl Op for KeepDraws {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::keep_draws);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(KeepDraws { back: params.bool("back")? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        inputs.exactly(0, Dtype::I32, Shape::new(inputs.op, &[COUNTER])?)?;
        Ok(vec![])
    }

    fn cpu(&self, io: &Io, _context: &CpuContext) -> Result<()> {
        let (from, to) = self.places();
        let counter = io.in_place::<i32>(0);
        counter[to] = counter[from];
        Ok(())
    }
}

impl KeepDraws {
    /// Which place is written to which.
    fn places(&self) -> (usize, usize) {
        if self.back { (KEPT, DRAWS) } else { (DRAWS, KEPT) }
    }
}
