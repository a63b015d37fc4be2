//! What a CUDA kernel runs with: a device, one stream, and the kernels loaded so far.

use super::nvrtc::{self, Source};
use super::probe;
use crate::error::{Error, Result};
use crate::runtime::queue::panic_message;
use cudarc::driver::{self, CudaFunction, CudaStream, DriverError};
use cudarc::nvrtc::Ptx;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// Kernel file, kernel, compile options.
type Key = (&'static str, &'static str, String);

/// The device and stream of one queue.
pub struct CudaContext {
    device: Arc<driver::CudaContext>,
    stream: Arc<CudaStream>,
    /// "sm_90"
    architecture: String,
    functions: Mutex<HashMap<Key, CudaFunction>>,
}

impl CudaContext {
    /// The first GPU that CUDA shows, or the first thing that is missing for it.
    pub fn open() -> Result<CudaContext> {
        if let Some(message) = probe::find().missing() {
            return Err(Error::DeviceUnavailable { message });
        }
        // cudarc panics where a library lacks a function it knows.
        let opened = catch_unwind(AssertUnwindSafe(|| CudaContext::first_device().map_err(|error| describe(&error))));
        opened.unwrap_or_else(|panic| Err(panic_message(&*panic))).map_err(|reason| Error::DeviceUnavailable {
            message: probe::refusal(&format!("the GPU cannot be opened ({reason})")),
        })
    }

    fn first_device() -> std::result::Result<CudaContext, DriverError> {
        let device = driver::CudaContext::new(0)?;
        let stream = device.new_stream()?;
        let (major, minor) = device.compute_capability()?;
        Ok(CudaContext { device, stream, architecture: format!("sm_{major}{minor}"), functions: Mutex::default() })
    }

    /// The one stream that all work of the queue goes to.
    pub fn stream(&self) -> &CudaStream {
        &self.stream
    }

    /// Makes the device current on the calling thread, as the driver's calls ask for.
    pub(super) fn bind(&self) -> std::result::Result<(), DriverError> {
        self.device.bind_to_thread()
    }

    /// A kernel of a file, compiled and loaded at its first use.
    pub fn function(&self, source: &Source, kernel: &'static str, options: &[&str]) -> Result<CudaFunction> {
        let key = (source.name, kernel, options.join(" "));
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = functions.get(&key) {
            return Ok(function.clone());
        }
        let cubin = nvrtc::compile(source, &self.architecture, options)?;
        let module = self.device.load_module(Ptx::from_binary(cubin.to_vec()));
        let module = module.map_err(|error| failed(source.name, "Loading a kernel", &error))?;
        let function = module.load_function(kernel).map_err(|error| failed(source.name, kernel, &error))?;
        functions.insert(key, function.clone());
        Ok(function)
    }
}

/// An error of the driver, with its own name and text.
pub fn failed(op: &'static str, what: &str, error: &DriverError) -> Error {
    Error::state(op, format!("{what} failed on the GPU: {}", describe(error)))
}

/// "CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected"
pub(super) fn describe(error: &DriverError) -> String {
    let text = |text: std::result::Result<&std::ffi::CStr, DriverError>| {
        text.map_or_else(|_| format!("{:?}", error.0), |text| text.to_string_lossy().into_owned())
    };
    format!("{}: {}", text(error.error_name()), text(error.error_string()))
}
