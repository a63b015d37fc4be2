//! What CUDA work runs with: a device, one stream, and what was loaded and allocated for them.

use super::buffer::{DeviceBuffer, PinnedPool, bound};
use super::cublaslt::Cublaslt;
use super::cudnn::Cudnn;
use super::fault::{Faults, WORD};
use super::marks::Marks;
use super::memory::OwnMemory;
use super::module::Modules;
use super::plan::Plan;
use super::probe;
use super::staging::Staging;
use super::transfers::Transfers;
use crate::budget::Account;
use crate::error::{Error, Result};
use crate::runtime::queue::panic_message;
use cudarc::driver::sys::{CUdevice_attribute, CUresult};
use cudarc::driver::{self, CudaStream, DriverError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The device and stream of one queue.
pub struct CudaContext {
    device: Arc<driver::CudaContext>,
    stream: Arc<CudaStream>,
    /// "sm_90"
    architecture: String,
    processors: usize,
    tf32: bool,
    pub(super) modules: Modules,
    pub(super) cudnn: Cudnn,
    pub(super) cublaslt: Cublaslt,
    pub(crate) plan: Plan,
    pub(super) own: OwnMemory,
    pub(super) marks: Marks,
    pub(super) staging: Staging,
    pub(super) reads: Arc<PinnedPool>,
    pub(super) transfers: Transfers,
    pub faults: Faults,
    /// Held while the stream is captured, and by whoever else gives it work from another thread.
    issuing: Mutex<()>,
    capturing: AtomicBool,
    launches: AtomicU64,
    /// What its queue holds.
    pub(super) account: Arc<Account>,
}

impl CudaContext {
    /// The first GPU that CUDA shows, or the first thing that is missing for it.
    ///
    /// With `tf32`, f32 products and convolutions may round their factors to TF32 (10 bits of fraction instead of 23).
    pub fn open(tf32: bool) -> Result<CudaContext> {
        if let Some(message) = probe::find().missing() {
            return Err(Error::DeviceUnavailable { message });
        }
        // cudarc panics where a library lacks a function it knows.
        let opened =
            catch_unwind(AssertUnwindSafe(|| CudaContext::first_device(tf32).map_err(|error| describe(&error))));
        let mut context = opened
            .unwrap_or_else(|panic| Err(panic_message(&*panic)))
            .map_err(|reason| Error::DeviceUnavailable { message: format!("the GPU cannot be opened ({reason})") })?;
        context.clear_fault()?;
        context.plan = Plan::sharing(context.fingerprint());
        Ok(context)
    }

    fn first_device(tf32: bool) -> std::result::Result<CudaContext, DriverError> {
        let device = driver::CudaContext::new(0)?;
        let stream = device.new_stream()?;
        let (major, minor) = device.compute_capability()?;
        let processors = device.attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        let account = Arc::<Account>::default();
        let pool = || Arc::new(PinnedPool::new(device.clone(), account.clone()));
        Ok(CudaContext {
            architecture: format!("sm_{major}{minor}"),
            processors: processors.max(1) as usize,
            tf32,
            modules: Modules::default(),
            cudnn: Cudnn::default(),
            cublaslt: Cublaslt::default(),
            // Its choices hold for this device and these libraries; `open` knows them.
            plan: Plan::default(),
            own: OwnMemory::default(),
            marks: Marks::new(device.clone(), pool()),
            staging: Staging::new(device.clone(), account.clone()),
            reads: pool(),
            account: account.clone(),
            transfers: Transfers::default(),
            faults: Faults::new(DeviceBuffer::new(&device, WORD)?),
            issuing: Mutex::new(()),
            capturing: AtomicBool::new(false),
            launches: AtomicU64::new(0),
            device,
            stream,
        })
    }

    /// The one stream that all work of the queue goes to.
    pub fn stream(&self) -> &CudaStream {
        &self.stream
    }

    pub(super) fn shared_stream(&self) -> Arc<CudaStream> {
        self.stream.clone()
    }

    pub fn device(&self) -> &Arc<driver::CudaContext> {
        &self.device
    }

    /// "sm_90"
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Whether f32 products may round their factors to TF32.
    pub fn tf32(&self) -> bool {
        self.tf32
    }

    /// Streaming multiprocessors.
    pub fn processors(&self) -> usize {
        self.processors
    }

    /// Makes the device current on the calling thread, as the driver's calls ask for.
    pub fn bind(&self) -> std::result::Result<(), DriverError> {
        self.device.bind_to_thread()
    }

    /// Launches so far: of kernels, of libraries' work, and of whole graphs.
    pub fn launches(&self) -> u64 {
        self.launches.load(Ordering::Relaxed)
    }

    /// Counts a launch by this crate or by a library on its behalf; one that is recorded for a graph is none.
    pub fn count_launch(&self) {
        if !self.is_capturing() {
            self.launches.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether launches are being recorded for a graph: nothing may be allocated, and nothing waited for.
    pub fn is_capturing(&self) -> bool {
        self.capturing.load(Ordering::Relaxed)
    }

    pub(super) fn set_capturing(&self, capturing: bool) {
        self.capturing.store(capturing, Ordering::Relaxed);
    }

    /// Keeps other threads from giving the stream work, or capture from beginning.
    pub(super) fn issue(&self) -> MutexGuard<'_, ()> {
        self.issuing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error of a library's call. A library cannot say that the device is lost; the driver can.
    pub(super) fn library_failed(&self, op: &'static str, what: &str, status: &str) -> Error {
        match self.refuse_lost(op, what) {
            Err(lost) => lost,
            Ok(()) => Error::state(op, format!("{what} failed: {status}")),
        }
    }

    /// Waits for the device, and fails where it is lost.
    pub(super) fn refuse_lost(&self, op: &'static str, what: &str) -> Result<()> {
        match self.stream.synchronize() {
            Err(error) if is_final(error.0) => Err(failed(op, what, &error)),
            _ => Ok(()),
        }
    }

    /// The error of an allocation: where memory is out, how much was asked and is free.
    pub(super) fn refused(&self, op: &'static str, asked: usize, error: &DriverError) -> Error {
        if error.0 != CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            return failed(op, "Allocating device memory", error);
        }
        let free = driver::result::mem_get_info().ok().map(|(free, _)| free);
        Error::no_memory(op, asked, free)
    }
}

impl Drop for CudaContext {
    fn drop(&mut self) {
        if bound(&self.device) {
            let _ = self.stream.synchronize();
            self.cudnn.destroy();
            self.cublaslt.destroy();
        }
        self.modules.unload(&self.device);
    }
}

/// An error of the driver, with its own name and text.
pub fn failed(op: &'static str, what: &str, error: &DriverError) -> Error {
    let text = describe(error);
    if is_final(error.0) {
        return Error::DeviceLost { op, message: format!("{what} failed on the GPU: {text}") };
    }
    Error::state(op, format!("{what} failed on the GPU: {text}"))
}

/// Whether the context is of no use after this error, as CUDA documents: each later call gives it again.
fn is_final(code: CUresult) -> bool {
    use CUresult as E;
    matches!(
        code,
        E::CUDA_ERROR_ILLEGAL_ADDRESS
            | E::CUDA_ERROR_LAUNCH_FAILED
            | E::CUDA_ERROR_LAUNCH_TIMEOUT
            | E::CUDA_ERROR_ILLEGAL_INSTRUCTION
            | E::CUDA_ERROR_MISALIGNED_ADDRESS
            | E::CUDA_ERROR_INVALID_ADDRESS_SPACE
            | E::CUDA_ERROR_INVALID_PC
            | E::CUDA_ERROR_HARDWARE_STACK_ERROR
            | E::CUDA_ERROR_ASSERT
            | E::CUDA_ERROR_ECC_UNCORRECTABLE
            | E::CUDA_ERROR_NVLINK_UNCORRECTABLE
            | E::CUDA_ERROR_CONTEXT_IS_DESTROYED
            | E::CUDA_ERROR_DEINITIALIZED
    )
}

/// "CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected"
pub(super) fn describe(error: &DriverError) -> String {
    let text = |text: std::result::Result<&std::ffi::CStr, DriverError>| {
        text.map_or_else(|_| format!("{:?}", error.0), |text| text.to_string_lossy().into_owned())
    };
    format!("{}: {}", text(error.error_name()), text(error.error_string()))
}
