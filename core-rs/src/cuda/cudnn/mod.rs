//! cuDNN: a handle on the queue's stream, made at its first use. Its older API, which has convolutions that can be timed
//! and chosen by number; [`convolution`] has the calls.

mod convolution;
mod descriptors;

pub use convolution::{Algorithms, Tensors};

use super::context::CudaContext;
use super::plan::{Convolution, CudnnAlgorithm};
use crate::error::Result;
use cudarc::cudnn::sys::{self, cudnnHandle_t, cudnnStatus_t};
use descriptors::Descriptors;
use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::sync::{Arc, Mutex, PoisonError};

/// cuDNN of one queue.
#[derive(Default)]
pub struct Cudnn(Mutex<State>);

#[derive(Default)]
struct State {
    handle: Option<cudnnHandle_t>,
    descriptors: HashMap<Convolution, Arc<Descriptors>>,
    /// Bytes.
    workspaces: HashMap<(Convolution, CudnnAlgorithm), usize>,
}

// SAFETY: a handle that one thread uses at a time, under the lock; cuDNN lets it go from thread to thread.
unsafe impl Send for State {}

impl Cudnn {
    /// Destroys the handle and the descriptors; the context is current, and nothing runs any more.
    pub(super) fn destroy(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.descriptors.clear();
        if let Some(handle) = state.handle.take() {
            // SAFETY: made by `handle`, destroyed once. A failure leaves nothing to do.
            let _ = unsafe { sys::cudnnDestroy(handle) };
        }
    }
}

/// cuDNN's version, 92600 for 9.26.0. Only where `probe` has found the library.
pub fn version() -> usize {
    // SAFETY: takes nothing and returns a number.
    unsafe { sys::cudnnGetVersion() }
}

/// The handle, made where there is none; the context is current.
fn handle(op: &'static str, cuda: &CudaContext, state: &mut State) -> Result<cudnnHandle_t> {
    if let Some(handle) = state.handle {
        return Ok(handle);
    }
    let mut handle = std::ptr::null_mut();
    // SAFETY: cuDNN writes one handle, for the context that is current.
    check(op, cuda, "Opening cuDNN", unsafe { sys::cudnnCreate(&mut handle) })?;
    // SAFETY: both are alive, and the handle is destroyed before the stream.
    let status = unsafe { sys::cudnnSetStream(handle, cuda.stream().cu_stream().cast()) };
    if let Err(error) = check(op, cuda, "Opening cuDNN", status) {
        // SAFETY: as in `destroy`.
        let _ = unsafe { sys::cudnnDestroy(handle) };
        return Err(error);
    }
    state.handle = Some(handle);
    Ok(handle)
}

fn check(op: &'static str, cuda: &CudaContext, what: &str, status: cudnnStatus_t) -> Result<()> {
    match status {
        cudnnStatus_t::CUDNN_STATUS_SUCCESS => Ok(()),
        status => Err(cuda.library_failed(op, what, &describe(status))),
    }
}

/// "CUDNN_STATUS_BAD_PARAM (the last thing that cuDNN noted)"
fn describe(status: cudnnStatus_t) -> String {
    // SAFETY: a constant text of cuDNN.
    let name = unsafe { CStr::from_ptr(sys::cudnnGetErrorString(status)) }.to_string_lossy().into_owned();
    type LastError = unsafe extern "C" fn(*mut c_char, usize);
    let mut note = [0u8; 512];
    // SAFETY: the library is loaded; cuDNN writes a text of at most that size, with a zero at its end.
    match unsafe { sys::culib().get::<LastError>(b"cudnnGetLastErrorString\0") } {
        // SAFETY: as above.
        Ok(last_error) => unsafe { last_error(note.as_mut_ptr().cast(), note.len()) },
        Err(_) => return name,
    }
    match CStr::from_bytes_until_nul(&note) {
        Ok(note) if !note.is_empty() => format!("{name} ({})", note.to_string_lossy().trim_end()),
        _ => name,
    }
}
