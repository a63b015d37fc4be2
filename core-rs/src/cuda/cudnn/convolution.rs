//! Convolutions by cuDNN: the search for algorithms, timed on the device, and the calls.

use super::super::context::{CudaContext, failed};
use super::super::io::DevicePointer;
use super::super::plan::{Arithmetic, Convolution, CudnnAlgorithm, Pass};
use super::descriptors::{Descriptors, usual_math};
use super::{State, check, describe, handle};
use crate::error::Result;
use cudarc::cudnn::sys::{
    self, cudnnConvolutionBwdDataAlgo_t as Data, cudnnConvolutionBwdFilterAlgo_t as Filter,
    cudnnConvolutionFwdAlgo_t as Forward, cudnnHandle_t, cudnnMathType_t as Math, cudnnStatus_t,
};
use cudarc::driver::result;
use std::ffi::{c_int, c_void};
use std::ptr::{from_ref, null_mut};
use std::sync::{Arc, PoisonError};

/// The most workspace that an algorithm may take, bytes.
const MOST_WORKSPACE: usize = 1 << 30;
/// Algorithms that a search tells of at most: each of eight with each kind of arithmetic.
const MOST_FOUND: usize = 32;
/// Algorithms that are worth timing again: the search's own times are of one call each, on an idle device.
const MOST_KEPT: usize = 3;

/// What cuDNN has for a convolution.
pub struct Algorithms {
    /// The fastest of its own search first.
    pub found: Vec<CudnnAlgorithm>,
    /// Why there is none, where there is none.
    pub refusal: String,
}

/// Where the tensors of a convolution are, 16-byte aligned; a pass writes the one that it computes.
#[derive(Clone, Copy, Debug)]
pub struct Tensors {
    pub image: DevicePointer,
    pub weight: DevicePointer,
    pub result: DevicePointer,
}

/// `cudnnConvolutionFwdAlgoPerf_t` and its two siblings, which have one layout. Numbers instead of enums: a newer cuDNN
/// may give values that the bindings have no name for.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Found {
    algorithm: u32,
    status: u32,
    milliseconds: f32,
    workspace: usize,
    determinism: u32,
    math: u32,
    reserved: [c_int; 3],
}

const _: () = assert!(size_of::<Found>() == size_of::<sys::cudnnConvolutionFwdAlgoPerf_t>());
const _: () = assert!(size_of::<Found>() == size_of::<sys::cudnnConvolutionBwdDataAlgoPerf_t>());
const _: () = assert!(size_of::<Found>() == size_of::<sys::cudnnConvolutionBwdFilterAlgoPerf_t>());

/// The algorithms by their numbers.
const FORWARD: [Forward; 8] = [
    Forward::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
    Forward::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
    Forward::CUDNN_CONVOLUTION_FWD_ALGO_GEMM,
    Forward::CUDNN_CONVOLUTION_FWD_ALGO_DIRECT,
    Forward::CUDNN_CONVOLUTION_FWD_ALGO_FFT,
    Forward::CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING,
    Forward::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD,
    Forward::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED,
];
const DATA: [Data; 6] = [
    Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_0,
    Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
    Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT,
    Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING,
    Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD,
    Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED,
];
const FILTER: [Filter; 7] = [
    Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0,
    Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1,
    Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT,
    Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3,
    Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD,
    Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED,
    Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING,
];
const MATH: [Math; 4] = [
    Math::CUDNN_DEFAULT_MATH,
    Math::CUDNN_TENSOR_OP_MATH,
    Math::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION,
    Math::CUDNN_FMA_MATH,
];

impl CudaContext {
    /// cuDNN's fastest algorithms for a convolution among those that give the same bits each time.
    ///
    /// Writes whatever it comes to into the tensor that the pass computes. Waits for the device. A search that fails means
    /// that cuDNN has none, whatever status it gives, as long as the driver says that the device works.
    pub fn find_cudnn(&self, op: &'static str, convolution: &Convolution, tensors: Tensors) -> Result<Algorithms> {
        self.refuse_choosing_while_capturing(op, convolution)?;
        let mut state = self.cudnn.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (handle, d) = prepare(op, self, &mut state, convolution)?;
        let (pass, usual) = (convolution.pass, usual_math(convolution.arithmetic));
        let free = result::mem_get_info().map_or(MOST_WORKSPACE, |(free, _)| free);
        let most = MOST_WORKSPACE.min(free / 2);
        let algorithms = (0..FORWARD.len() as u32).flat_map(|algorithm| {
            [usual, Math::CUDNN_DEFAULT_MATH].map(|math| CudnnAlgorithm { algorithm, math: math as u32 })
        });
        let sizes = algorithms.filter_map(|algorithm| workspace_bytes(handle, &d, pass, algorithm));
        let bytes = sizes.filter(|&bytes| bytes <= most).max().unwrap_or(0);
        // Not the scratch: what is chosen needs less, as a rule.
        let workspace = self.buffer(op, bytes)?;
        set_math(op, self, &d, usual)?;
        let mut found = [Found::default(); MOST_FOUND];
        let mut count = 0;
        // SAFETY: the handle and the descriptors are alive, the tensors and the workspace as large as they say, and `found`
        // has room for as many as are asked for.
        let status = unsafe { search(handle, &d, pass, tensors, &mut found, &mut count, workspace.pointer(), bytes) };
        if status != cudnnStatus_t::CUDNN_STATUS_SUCCESS {
            let refusal = format!("the search failed: {}", describe(status));
            self.refuse_lost(op, &format!("Choosing an algorithm of cuDNN ({convolution})"))?;
            return Ok(Algorithms { found: Vec::new(), refusal });
        }
        // From the fastest on; those that failed are at the end.
        let worked = || found.iter().take(count as usize).filter(|found| found.status == 0);
        let mut algorithms: Vec<CudnnAlgorithm> = Vec::new();
        for found in worked().filter(|found| found.determinism == 1) {
            // The search may also try the default, which for f32 is TF32.
            let math = if convolution.arithmetic == Arithmetic::F32 { usual as u32 } else { found.math };
            let algorithm = CudnnAlgorithm { algorithm: found.algorithm, math };
            let fits = workspace_bytes(handle, &d, pass, algorithm).is_some_and(|bytes| bytes <= most);
            if fits && algorithms.len() < MOST_KEPT && !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        let refusal = match worked().count() {
            0 => "no algorithm of cuDNN computes it".to_string(),
            count => format!(
                "none of cuDNN's {count} algorithms for it gives the same bits each time in the memory there is"
            ),
        };
        Ok(Algorithms { found: algorithms, refusal })
    }

    /// Computes a pass of a convolution by an algorithm of cuDNN; false where cuDNN cannot.
    pub fn run_cudnn(
        &self,
        op: &'static str,
        convolution: &Convolution,
        algorithm: CudnnAlgorithm,
        tensors: Tensors,
    ) -> Result<bool> {
        let mut state = self.cudnn.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (handle, descriptors) = prepare(op, self, &mut state, convolution)?;
        let known = state.workspaces.get(&(*convolution, algorithm)).copied();
        let Some(bytes) = known.or_else(|| workspace_bytes(handle, &descriptors, convolution.pass, algorithm)) else {
            return Ok(false);
        };
        state.workspaces.insert((*convolution, algorithm), bytes);
        let workspace = if bytes == 0 { 0 } else { self.scratch(op, bytes)? };
        set_math(op, self, &descriptors, MATH[algorithm.math as usize])?;
        // SAFETY: the handle and the descriptors are alive, and the tensors and the workspace as large as they say.
        let status =
            unsafe { run(handle, &descriptors, convolution.pass, algorithm.algorithm, tensors, workspace, bytes) };
        let Some(status) = status.filter(|&status| !is_unsupported(status)) else { return Ok(false) };
        check(op, self, &format!("A convolution by cuDNN ({convolution}, algorithm {})", algorithm.algorithm), status)?;
        self.count_launch();
        Ok(true)
    }
}

/// The handle and the descriptors of a convolution, made where there are none.
fn prepare(
    op: &'static str,
    cuda: &CudaContext,
    state: &mut State,
    convolution: &Convolution,
) -> Result<(cudnnHandle_t, Arc<Descriptors>)> {
    cuda.bind().map_err(|error| failed(op, "Using cuDNN", &error))?;
    let handle = handle(op, cuda, state)?;
    if let Some(descriptors) = state.descriptors.get(convolution) {
        return Ok((handle, descriptors.clone()));
    }
    let descriptors = Arc::new(Descriptors::new(op, cuda, convolution)?);
    state.descriptors.insert(*convolution, descriptors.clone());
    Ok((handle, descriptors))
}

fn set_math(op: &'static str, cuda: &CudaContext, descriptors: &Descriptors, math: Math) -> Result<()> {
    // SAFETY: the descriptor is alive.
    let status = unsafe { sys::cudnnSetConvolutionMathType(descriptors.window, math) };
    check(op, cuda, "Describing a convolution to cuDNN", status)
}

/// Whether cuDNN says that it cannot do this, rather than that something went wrong: 3000 and up to 3999.
fn is_unsupported(status: cudnnStatus_t) -> bool {
    status as u32 / 1000 == cudnnStatus_t::CUDNN_STATUS_NOT_SUPPORTED as u32 / 1000
}

/// Bytes of workspace that an algorithm takes; `None` where there is no such algorithm for the convolution.
fn workspace_bytes(handle: cudnnHandle_t, d: &Descriptors, pass: Pass, algorithm: CudnnAlgorithm) -> Option<usize> {
    let &math = MATH.get(algorithm.math as usize)?;
    // SAFETY: the descriptor is alive.
    unsafe { sys::cudnnSetConvolutionMathType(d.window, math) }.result().ok()?;
    let (number, mut bytes) = (algorithm.algorithm as usize, 0);
    // SAFETY: the handle and the descriptors are alive; cuDNN writes one number.
    let status = unsafe {
        match pass {
            Pass::Forward => FORWARD.get(number).map(|&algorithm| {
                let (image, weight, result) = (d.image, d.weight, d.result);
                sys::cudnnGetConvolutionForwardWorkspaceSize(
                    handle, image, weight, d.window, result, algorithm, &mut bytes,
                )
            }),
            Pass::Input => DATA.get(number).map(|&algorithm| {
                let (image, weight, result) = (d.image, d.weight, d.result);
                sys::cudnnGetConvolutionBackwardDataWorkspaceSize(
                    handle, weight, result, d.window, image, algorithm, &mut bytes,
                )
            }),
            Pass::Weight => FILTER.get(number).map(|&algorithm| {
                let (image, weight, result) = (d.image, d.weight, d.result);
                sys::cudnnGetConvolutionBackwardFilterWorkspaceSize(
                    handle, image, result, d.window, weight, algorithm, &mut bytes,
                )
            }),
        }
    };
    status?.result().ok().map(|()| bytes)
}

/// Times the algorithms of a pass.
///
/// # Safety
/// As the calls of cuDNN ask: everything alive, and as large as it says.
#[allow(clippy::too_many_arguments)]
unsafe fn search(
    handle: cudnnHandle_t,
    d: &Descriptors,
    pass: Pass,
    tensors: Tensors,
    found: &mut [Found; MOST_FOUND],
    count: &mut c_int,
    workspace: DevicePointer,
    bytes: usize,
) -> cudnnStatus_t {
    let (image, weight, result) = (address(tensors.image), address(tensors.weight), address(tensors.result));
    let (asked, found, workspace) = (MOST_FOUND as c_int, found.as_mut_ptr(), address(workspace));
    // SAFETY: the caller's promise; the layouts of what is found are the same.
    unsafe {
        match pass {
            Pass::Forward => sys::cudnnFindConvolutionForwardAlgorithmEx(
                handle,
                d.image,
                image,
                d.weight,
                weight,
                d.window,
                d.result,
                result,
                asked,
                count,
                found.cast(),
                workspace,
                bytes,
            ),
            Pass::Input => sys::cudnnFindConvolutionBackwardDataAlgorithmEx(
                handle,
                d.weight,
                weight,
                d.result,
                result,
                d.window,
                d.image,
                image,
                asked,
                count,
                found.cast(),
                workspace,
                bytes,
            ),
            Pass::Weight => sys::cudnnFindConvolutionBackwardFilterAlgorithmEx(
                handle,
                d.image,
                image,
                d.result,
                result,
                d.window,
                d.weight,
                weight,
                asked,
                count,
                found.cast(),
                workspace,
                bytes,
            ),
        }
    }
}

/// Runs a pass; `None` where it has no algorithm of that number.
///
/// # Safety
/// As the calls of cuDNN ask: everything alive, and as large as it says.
unsafe fn run(
    handle: cudnnHandle_t,
    d: &Descriptors,
    pass: Pass,
    algorithm: u32,
    tensors: Tensors,
    workspace: DevicePointer,
    bytes: usize,
) -> Option<cudnnStatus_t> {
    let (image, weight, result) = (address(tensors.image), address(tensors.weight), address(tensors.result));
    let (workspace, number) = (address(workspace), algorithm as usize);
    // result = alpha * what is computed + beta * what was there; cuDNN reads both before it returns.
    let (one, zero) = (1.0f32, 0.0f32);
    let (alpha, beta): (*const c_void, *const c_void) = (from_ref(&one).cast(), from_ref(&zero).cast());
    // SAFETY: the caller's promise.
    unsafe {
        match pass {
            Pass::Forward => FORWARD.get(number).map(|&algorithm| {
                sys::cudnnConvolutionForward(
                    handle, alpha, d.image, image, d.weight, weight, d.window, algorithm, workspace, bytes, beta,
                    d.result, result,
                )
            }),
            Pass::Input => DATA.get(number).map(|&algorithm| {
                sys::cudnnConvolutionBackwardData(
                    handle, alpha, d.weight, weight, d.result, result, d.window, algorithm, workspace, bytes, beta,
                    d.image, image,
                )
            }),
            Pass::Weight => FILTER.get(number).map(|&algorithm| {
                sys::cudnnConvolutionBackwardFilter(
                    handle, alpha, d.image, image, d.result, result, d.window, algorithm, workspace, bytes, beta,
                    d.weight, weight,
                )
            }),
        }
    }
}

fn address(pointer: DevicePointer) -> *mut c_void {
    if pointer == 0 { null_mut() } else { pointer as *mut c_void }
}
