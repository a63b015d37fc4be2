//! Running statistics: an exponential average of the batches' own.

use super::cuda;
use crate::cpu::CpuContext;
use crate::dtype::{Dtype, Float};
use crate::error::Result;
use crate::ops::{CudaKernel, Inputs, Op, Params};
use crate::runtime::record::Io;
use crate::shape::Meta;

/// `update_running_stats`
pub struct UpdateRunningStats {
    pub(super) momentum: f64,
    /// Values a channel that the batch's statistics are of.
    pub(super) count: usize,
}

impl UpdateRunningStats {
    /// What makes a biased variance an unbiased one.
    pub(super) fn unbiased(&self) -> f64 {
        if self.count > 1 { self.count as f64 / (self.count - 1) as f64 } else { 1.0 }
    }

    /// Changes nothing where a mean or variance is not finite: one bad batch would stay in the average for good.
    pub(super) fn update<T: Float>(&self, running: [&mut [T]; 2], mean: &[T], variance: &[T]) {
        if !mean.iter().chain(variance).all(|value| value.is_finite()) {
            return;
        }
        for ((running, batch), factor) in running.into_iter().zip([mean, variance]).zip([1.0, self.unbiased()]) {
            for (running, batch) in running.iter_mut().zip(batch) {
                let average = (1.0 - self.momentum) * running.to_f64() + self.momentum * (factor * batch.to_f64());
                *running = T::from_f64(average);
            }
        }
    }
}

impl Op for UpdateRunningStats {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::update_running_stats);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(UpdateRunningStats { momentum: params.within("momentum", 0.0, 1.0)?, count: params.at_least("count", 1)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let mean = inputs.master(0, "running statistics")?;
        for index in 1..4 {
            inputs.exactly(index, mean.dtype, mean.shape)?;
        }
        Ok(Vec::new())
    }

    fn cpu(&self, io: &Io, _context: &CpuContext) -> Result<()> {
        match io.meta(0).dtype {
            Dtype::F64 => self.update::<f64>([io.in_place(0), io.in_place(1)], io.input(2), io.input(3)),
            _ => self.update::<f32>([io.in_place(0), io.in_place(1)], io.input(2), io.input(3)),
        }
        Ok(())
    }
}
