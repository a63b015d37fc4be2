//! What cuDNN wants to know of a convolution: descriptors of its three tensors and of the window.

use super::super::context::CudaContext;
use super::super::plan::{Arithmetic, Convolution};
use super::check;
use crate::error::{Error, Result};
use cudarc::cudnn::sys::{
    self, cudnnConvolutionDescriptor_t, cudnnConvolutionMode_t, cudnnDataType_t, cudnnFilterDescriptor_t,
    cudnnMathType_t, cudnnTensorDescriptor_t, cudnnTensorFormat_t,
};
use std::ffi::c_int;
use std::ptr::null_mut;

const NHWC: cudnnTensorFormat_t = cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;

/// Descriptors of one convolution, destroyed at the end; a null one was not made.
pub struct Descriptors {
    /// [n, h, w, c]
    pub image: cudnnTensorDescriptor_t,
    /// [out, kh, kw, c / groups]: what cuDNN calls KCRS in the format NHWC.
    pub weight: cudnnFilterDescriptor_t,
    /// [n, oh, ow, out]
    pub result: cudnnTensorDescriptor_t,
    pub window: cudnnConvolutionDescriptor_t,
}

// SAFETY: descriptors are plain memory of cuDNN; they are used under the lock of the handle.
unsafe impl Send for Descriptors {}
// SAFETY: as above.
unsafe impl Sync for Descriptors {}

impl Descriptors {
    pub fn new(op: &'static str, cuda: &CudaContext, convolution: &Convolution) -> Result<Descriptors> {
        let s = &convolution.shape;
        let size = |size: usize| {
            c_int::try_from(size).map_err(|_| Error::unsupported(op, format!("cuDNN takes no size above 2^31: {size}")))
        };
        let told = |status| check(op, cuda, &format!("Describing a convolution to cuDNN ({convolution})"), status);
        let dtype = match convolution.arithmetic {
            Arithmetic::F32 | Arithmetic::Tf32 => cudnnDataType_t::CUDNN_DATA_FLOAT,
            Arithmetic::Bf16 => cudnnDataType_t::CUDNN_DATA_BFLOAT16,
        };
        let mut made = Descriptors { image: null_mut(), weight: null_mut(), result: null_mut(), window: null_mut() };
        let group_c = s.c / s.groups;
        // SAFETY: cuDNN writes a descriptor each, and copies the sizes into it.
        unsafe {
            told(sys::cudnnCreateTensorDescriptor(&mut made.image))?;
            let (n, h, w, c) = (size(s.n)?, size(s.h)?, size(s.w)?, size(s.c)?);
            told(sys::cudnnSetTensor4dDescriptor(made.image, NHWC, dtype, n, c, h, w))?;
            told(sys::cudnnCreateFilterDescriptor(&mut made.weight))?;
            let (k, c, h, w) = (size(s.out)?, size(group_c)?, size(s.kh)?, size(s.kw)?);
            told(sys::cudnnSetFilter4dDescriptor(made.weight, dtype, NHWC, k, c, h, w))?;
            told(sys::cudnnCreateTensorDescriptor(&mut made.result))?;
            let (h, w) = (size(s.oh)?, size(s.ow)?);
            told(sys::cudnnSetTensor4dDescriptor(made.result, NHWC, dtype, n, k, h, w))?;
            told(sys::cudnnCreateConvolutionDescriptor(&mut made.window))?;
            let (pad_h, pad_w, stride_h, stride_w) =
                (size(s.pad_h)?, size(s.pad_w)?, size(s.stride_h)?, size(s.stride_w)?);
            let (mode, compute) = (cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION, cudnnDataType_t::CUDNN_DATA_FLOAT);
            told(sys::cudnnSetConvolution2dDescriptor(
                made.window,
                pad_h,
                pad_w,
                stride_h,
                stride_w,
                1,
                1,
                mode,
                compute,
            ))?;
            told(sys::cudnnSetConvolutionGroupCount(made.window, size(s.groups)?))?;
            told(sys::cudnnSetConvolutionMathType(made.window, usual_math(convolution.arithmetic)))?;
        }
        Ok(made)
    }
}

/// What the search for algorithms is asked with.
pub fn usual_math(arithmetic: Arithmetic) -> cudnnMathType_t {
    match arithmetic {
        // Plain multiplications of f32; from sm_80 on the default would allow TF32.
        Arithmetic::F32 => cudnnMathType_t::CUDNN_FMA_MATH,
        Arithmetic::Tf32 => cudnnMathType_t::CUDNN_DEFAULT_MATH,
        Arithmetic::Bf16 => cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once. Failures leave nothing to do.
        unsafe {
            if !self.image.is_null() {
                let _ = sys::cudnnDestroyTensorDescriptor(self.image);
            }
            if !self.weight.is_null() {
                let _ = sys::cudnnDestroyFilterDescriptor(self.weight);
            }
            if !self.result.is_null() {
                let _ = sys::cudnnDestroyTensorDescriptor(self.result);
            }
            if !self.window.is_null() {
                let _ = sys::cudnnDestroyConvolutionDescriptor(self.window);
            }
        }
    }
}
