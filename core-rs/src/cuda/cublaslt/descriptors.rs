//! What cuBLASLt wants to know of a product: its matrices are stored by columns, ours by rows, so it is told the product
//! of the transposed matrices in turned order, `y^T = B^T A^T`, which is in memory the same.

use super::super::context::CudaContext;
use super::super::plan::{Arithmetic, Product};
use super::check;
use crate::error::Result;
use crate::shape::MatmulShape;
use cudarc::cublaslt::sys::{
    self, cublasComputeType_t, cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t as Of, cublasLtMatmulPreference_t,
    cublasLtMatmulPreferenceAttributes_t as Prefer, cublasLtMatrixLayout_t, cublasLtMatrixLayoutAttribute_t as Layout,
    cublasLtReductionScheme_t, cublasStatus_t, cudaDataType_t,
};
use std::ptr::{from_ref, null_mut};

/// Descriptors of one product, destroyed at the end; a null one was not made.
pub struct Descriptors {
    pub product: cublasLtMatmulDesc_t,
    /// Of b.
    pub left: cublasLtMatrixLayout_t,
    /// Of a.
    pub right: cublasLtMatrixLayout_t,
    pub result: cublasLtMatrixLayout_t,
}

// SAFETY: descriptors are plain memory of cuBLASLt; they are used under the lock of the handle.
unsafe impl Send for Descriptors {}
// SAFETY: as above.
unsafe impl Sync for Descriptors {}

impl Descriptors {
    pub fn new(op: &'static str, cuda: &CudaContext, product: &Product) -> Result<Descriptors> {
        let told = |status| check(op, cuda, &format!("Describing a product to cuBLASLt ({product})"), status);
        let MatmulShape { batch, m, n, k, transpose_a, transpose_b } = product.shape;
        let (compute, dtype) = match product.arithmetic {
            Arithmetic::F32 => (cublasComputeType_t::CUBLAS_COMPUTE_32F, cudaDataType_t::CUDA_R_32F),
            Arithmetic::Tf32 => (cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32, cudaDataType_t::CUDA_R_32F),
            Arithmetic::Bf16 => (cublasComputeType_t::CUBLAS_COMPUTE_32F, cudaDataType_t::CUDA_R_16BF),
        };
        // CUBLAS_OP_T and CUBLAS_OP_N, whose enum the bindings lack.
        let turned = |transposed: bool| i32::from(transposed);
        let mut made = Descriptors { product: null_mut(), left: null_mut(), right: null_mut(), result: null_mut() };
        // Rows and columns as they are stored, by rows.
        let (a, b) = (if transpose_a { (k, m) } else { (m, k) }, if transpose_b { (n, k) } else { (k, n) });
        // SAFETY: cuBLASLt writes a descriptor.
        unsafe {
            told(sys::cublasLtMatmulDescCreate(&mut made.product, compute, cudaDataType_t::CUDA_R_32F))?;
            told(attribute(made.product, Of::CUBLASLT_MATMUL_DESC_TRANSA, &turned(transpose_b)))?;
            told(attribute(made.product, Of::CUBLASLT_MATMUL_DESC_TRANSB, &turned(transpose_a)))?;
            for (layout, (rows, columns)) in [(&mut made.left, b), (&mut made.right, a), (&mut made.result, (m, n))] {
                told(sys::cublasLtMatrixLayoutCreate(layout, dtype, columns as u64, rows as u64, columns as i64))?;
                if batch > 1 {
                    let (count, stride) = (batch as i32, (rows * columns) as i64);
                    told(layout_attribute(*layout, Layout::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count))?;
                    told(layout_attribute(*layout, Layout::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride))?;
                }
            }
        }
        Ok(made)
    }
}

/// # Safety
/// The descriptor is alive, and T what cuBLASLt takes for the attribute.
unsafe fn attribute<T>(of: cublasLtMatmulDesc_t, which: Of, value: &T) -> cublasStatus_t {
    // SAFETY: the caller's promise; the value is copied.
    unsafe { sys::cublasLtMatmulDescSetAttribute(of, which, from_ref(value).cast(), size_of::<T>()) }
}

/// # Safety
/// As of [`attribute`].
unsafe fn layout_attribute<T>(of: cublasLtMatrixLayout_t, which: Layout, value: &T) -> cublasStatus_t {
    // SAFETY: the caller's promise; the value is copied.
    unsafe { sys::cublasLtMatrixLayoutSetAttribute(of, which, from_ref(value).cast(), size_of::<T>()) }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once. Failures leave nothing to do.
        unsafe {
            if !self.product.is_null() {
                let _ = sys::cublasLtMatmulDescDestroy(self.product);
            }
            for layout in [self.left, self.right, self.result] {
                if !layout.is_null() {
                    let _ = sys::cublasLtMatrixLayoutDestroy(layout);
                }
            }
        }
    }
}

/// What the heuristic is asked for, destroyed at the end.
pub struct Preference(pub cublasLtMatmulPreference_t);

impl Preference {
    /// Algorithms with at most so much workspace, for addresses that are multiples of `alignment`, that add parts of a sum
    /// in one order and in f32.
    pub fn new(op: &'static str, cuda: &CudaContext, workspace: usize, alignment: u32) -> Result<Preference> {
        let told = |status| check(op, cuda, "Choosing an algorithm of cuBLASLt", status);
        let mut made = null_mut();
        // SAFETY: cuBLASLt writes one descriptor.
        told(unsafe { sys::cublasLtMatmulPreferenceCreate(&mut made) })?;
        let preference = Preference(made);
        // The scheme without parts has no bit: it is always allowed.
        let schemes = cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE as u32;
        told(preference.set(Prefer::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &(workspace as u64)))?;
        told(preference.set(Prefer::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes))?;
        for which in [
            Prefer::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
            Prefer::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
            Prefer::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
            Prefer::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
        ] {
            told(preference.set(which, &alignment))?;
        }
        Ok(preference)
    }

    fn set<T>(&self, which: Prefer, value: &T) -> cublasStatus_t {
        // SAFETY: the preference is alive, and the value copied; `new` gives each attribute the type it has.
        unsafe { sys::cublasLtMatmulPreferenceSetAttribute(self.0, which, from_ref(value).cast(), size_of::<T>()) }
    }
}

impl Drop for Preference {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once. A failure leaves nothing to do.
        let _ = unsafe { sys::cublasLtMatmulPreferenceDestroy(self.0) };
    }
}
