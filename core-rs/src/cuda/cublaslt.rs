//! Products of matrices by cuBLASLt: a handle made at its first use, an algorithm chosen once a shape by its heuristic.

mod descriptors;

use super::context::{CudaContext, failed};
use super::io::DevicePointer;
use super::plan::{CublasltAlgorithm, Product};
use crate::error::{Error, Result};
use crate::shape::MatmulShape;
use cudarc::cublaslt::sys::{self, cublasLtHandle_t, cublasLtMatmulAlgo_t, cublasStatus_t};
use cudarc::driver::result;
use descriptors::{Descriptors, Preference};
use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_void};
use std::mem::zeroed;
use std::ptr::from_ref;
use std::sync::{Arc, Mutex, PoisonError};

/// Workspace that an algorithm may take, bytes: what NVIDIA recommends for Hopper.
const WORKSPACE: usize = 32 << 20;
/// Algorithms asked for; the heuristic's first that the checks let pass is taken.
const ASKED: usize = 8;

/// cuBLASLt of one queue.
#[derive(Default)]
pub struct Cublaslt(Mutex<State>);

#[derive(Default)]
struct State {
    handle: Option<cublasLtHandle_t>,
    descriptors: HashMap<Product, Arc<Descriptors>>,
}

// SAFETY: a handle that cuBLASLt lets any thread use; here one at a time does.
unsafe impl Send for State {}

impl Cublaslt {
    /// Destroys the handle and the descriptors; the context is current, and nothing runs any more.
    pub(super) fn destroy(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.descriptors.clear();
        if let Some(handle) = state.handle.take() {
            // SAFETY: made by `prepare`, destroyed once. A failure leaves nothing to do.
            let _ = unsafe { sys::cublasLtDestroy(handle) };
        }
    }
}

/// cuBLASLt's version, 130400 for 13.4.0. Only where `probe` has found the library.
pub fn version() -> usize {
    // SAFETY: takes nothing and returns a number.
    unsafe { sys::cublasLtGetVersion() }
}

/// The matrices of a product.
#[derive(Clone, Copy, Debug)]
pub struct Matrices {
    pub a: DevicePointer,
    pub b: DevicePointer,
    /// Written.
    pub y: DevicePointer,
}

impl Matrices {
    /// What all three addresses are multiples of: a power of two up to 16.
    pub fn alignment(&self) -> u32 {
        1 << (self.a | self.b | self.y | 16).trailing_zeros()
    }
}

impl CudaContext {
    /// `y[b, i, j] = sum over l of A[b, i, l] B[b, l, j]`; zeros where there is nothing to sum.
    pub fn multiply(&self, op: &'static str, product: &Product, at: Matrices) -> Result<()> {
        let MatmulShape { batch, m, n, k, .. } = product.shape;
        let bytes = batch * m * n * product.arithmetic.size();
        if bytes == 0 {
            return Ok(());
        }
        self.bind().map_err(|error| failed(op, "Multiplying matrices", &error))?;
        let stream = self.stream().cu_stream();
        if k == 0 {
            // SAFETY: the result has as many bytes.
            let set = unsafe { result::memset_d8_async(at.y, 0, bytes, stream) };
            return set.map_err(|error| failed(op, "Multiplying matrices", &error));
        }
        let mut state = self.cublaslt.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (handle, d) = prepare(op, self, &mut state, product)?;
        let algorithm = match self.plan.product(product) {
            Some(algorithm) => algorithm,
            None => {
                self.refuse_choosing_while_capturing(op, product)?;
                let algorithm = choose(op, self, handle, &d, product)?;
                self.plan.choose_product(*product, algorithm)
            }
        };
        let workspace = if algorithm.workspace == 0 { 0 } else { self.scratch(op, algorithm.workspace)? };
        let (alpha, beta) = (1.0f32, 0.0f32);
        let chosen = cublasLtMatmulAlgo_t { data: algorithm.data };
        // SAFETY: the handle and the descriptors are alive, and the matrices as large as they say. The factors and the
        // algorithm are read before the call returns. What is added, times 0, has the place and layout of the result.
        let status = unsafe {
            sys::cublasLtMatmul(
                handle,
                d.product,
                from_ref(&alpha).cast(),
                at.b as *const c_void,
                d.left,
                at.a as *const c_void,
                d.right,
                from_ref(&beta).cast(),
                at.y as *const c_void,
                d.result,
                at.y as *mut c_void,
                d.result,
                &chosen,
                workspace as *mut c_void,
                algorithm.workspace,
                stream.cast(),
            )
        };
        check(op, self, &format!("A product by cuBLASLt ({product})"), status)?;
        self.count_launch();
        Ok(())
    }
}

/// The handle and the descriptors of a product, made where there are none; the context is current.
fn prepare(
    op: &'static str,
    cuda: &CudaContext,
    state: &mut State,
    product: &Product,
) -> Result<(cublasLtHandle_t, Arc<Descriptors>)> {
    let handle = match state.handle {
        Some(handle) => handle,
        None => {
            let mut handle = std::ptr::null_mut();
            // SAFETY: cuBLASLt writes one handle, for the context that is current.
            check(op, cuda, "Opening cuBLASLt", unsafe { sys::cublasLtCreate(&mut handle) })?;
            state.handle = Some(handle);
            handle
        }
    };
    if let Some(descriptors) = state.descriptors.get(product) {
        return Ok((handle, descriptors.clone()));
    }
    let descriptors = Arc::new(Descriptors::new(op, cuda, product)?);
    state.descriptors.insert(*product, descriptors.clone());
    Ok((handle, descriptors))
}

/// The heuristic's first algorithm.
fn choose(
    op: &'static str,
    cuda: &CudaContext,
    handle: cublasLtHandle_t,
    d: &Descriptors,
    product: &Product,
) -> Result<CublasltAlgorithm> {
    let preference = Preference::new(op, cuda, WORKSPACE, product.alignment)?;
    // SAFETY: plain numbers.
    let mut found: [sys::cublasLtMatmulHeuristicResult_t; ASKED] = unsafe { zeroed() };
    let mut count: c_int = 0;
    // SAFETY: everything is alive, and `found` has room for as many as are asked for.
    let status = unsafe {
        sys::cublasLtMatmulAlgoGetHeuristic(
            handle,
            d.product,
            d.left,
            d.right,
            d.result,
            d.result,
            preference.0,
            ASKED as c_int,
            found.as_mut_ptr(),
            &mut count,
        )
    };
    let nothing = || Error::unsupported(op, format!("cuBLASLt has no algorithm for this product ({product})"));
    if status == cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED {
        return Err(nothing());
    }
    check(op, cuda, &format!("Choosing an algorithm of cuBLASLt ({product})"), status)?;
    let works = |found: &&sys::cublasLtMatmulHeuristicResult_t| {
        found.state == cublasStatus_t::CUBLAS_STATUS_SUCCESS && found.workspaceSize <= WORKSPACE
    };
    let first = found.iter().take(count as usize).find(works).ok_or_else(nothing)?;
    Ok(CublasltAlgorithm { data: first.algo.data, workspace: first.workspaceSize })
}

fn check(op: &'static str, cuda: &CudaContext, what: &str, status: cublasStatus_t) -> Result<()> {
    match status {
        cublasStatus_t::CUBLAS_STATUS_SUCCESS => Ok(()),
        status => Err(cuda.library_failed(op, what, &describe(status))),
    }
}

/// "CUBLAS_STATUS_INVALID_VALUE"
fn describe(status: cublasStatus_t) -> String {
    type Name = unsafe extern "C" fn(cublasStatus_t) -> *const std::ffi::c_char;
    // SAFETY: the library is loaded, and gives a constant text.
    unsafe {
        match sys::culib().get::<Name>(b"cublasLtGetStatusName\0") {
            Ok(name) => CStr::from_ptr(name(status)).to_string_lossy().into_owned(),
            Err(_) => format!("{status:?}"),
        }
    }
}
