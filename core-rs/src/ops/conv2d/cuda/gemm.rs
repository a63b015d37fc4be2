//! Convolutions by 1x1 windows without stride and padding are products of matrices: pixels are rows, channels columns.

use crate::cuda::CudaContext;
use crate::cuda::cublaslt::Matrices;
use crate::cuda::cudnn::Tensors;
use crate::cuda::plan::{Convolution, Pass, Product};
use crate::error::Result;
use crate::shape::MatmulShape;

/// Whether a convolution is a product.
pub fn suits(convolution: &Convolution) -> bool {
    let s = &convolution.shape;
    [s.kh, s.kw, s.stride_h, s.stride_w, s.groups] == [1; 5] && [s.pad_h, s.pad_w] == [0; 2]
}

pub fn run(op: &'static str, convolution: &Convolution, at: Tensors, cuda: &CudaContext) -> Result<()> {
    let s = &convolution.shape;
    let pixels = s.n * s.h * s.w;
    // Image [pixels, c], weight [out, c], result [pixels, out].
    let (m, n, k, transpose_a, transpose_b, matrices) = match convolution.pass {
        Pass::Forward => (pixels, s.out, s.c, false, true, Matrices { a: at.image, b: at.weight, y: at.result }),
        Pass::Input => (pixels, s.c, s.out, false, false, Matrices { a: at.result, b: at.weight, y: at.image }),
        Pass::Weight => (s.out, s.c, pixels, true, false, Matrices { a: at.result, b: at.image, y: at.weight }),
    };
    let (arithmetic, alignment) = (convolution.arithmetic, matrices.alignment());
    let shape = MatmulShape { batch: 1, m, n, k, transpose_a, transpose_b };
    cuda.multiply(op, &Product { arithmetic, shape, alignment }, matrices)
}
