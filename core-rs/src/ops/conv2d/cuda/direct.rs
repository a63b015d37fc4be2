//! The plain kernels: any window, any groups, any place in memory. They run what nobody else can.

use super::{SOURCE, Sizes};
use crate::cuda::cudnn::Tensors;
use crate::cuda::launch::{Grid, THREADS};
use crate::cuda::plan::{Convolution, Pass};
use crate::cuda::{CudaContext, args};
use crate::error::Result;

/// Threads that sum a value of the weight's gradient together.
const WARP: usize = 32;

pub fn run(op: &'static str, convolution: &Convolution, at: Tensors, cuda: &CudaContext) -> Result<()> {
    let s = &convolution.shape;
    let sizes = Sizes::new(op, s)?;
    let dtype = convolution.arithmetic.dtype();
    let (name, grid, [first, second, to]) = match convolution.pass {
        Pass::Forward => ("forward", Grid::elements(s.n * s.oh * s.ow * s.out), [at.image, at.weight, at.result]),
        Pass::Input => ("input", Grid::elements(s.n * s.h * s.w * s.c), [at.result, at.weight, at.image]),
        Pass::Weight => {
            let weights = s.out * s.kh * s.kw * (s.c / s.groups);
            ("weight", Grid::line(weights.div_ceil(THREADS as usize / WARP), THREADS), [at.image, at.result, at.weight])
        }
    };
    cuda.launch(op, &SOURCE, &format!("conv2d_direct_{name}_{dtype}"), grid, &args![first, second, to, sizes])
}
