//! Kernel files on the device: compiled at their first use, loaded once a context.

use super::buffer::bound;
use super::context::{CudaContext, failed};
use super::nvrtc::{self, Source};
use crate::error::Result;
use cudarc::driver::sys::{CUfunction, CUfunction_attribute, CUmodule};
use cudarc::driver::{self, DriverError, result, sys};
use std::collections::HashMap;
use std::ffi::CString;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Dynamic shared memory that every kernel may have without asking, bytes.
const USUAL_SHARED_MEMORY: u32 = 48 * 1024;

/// A kernel that can be launched.
pub struct Function {
    pub handle: CUfunction,
    /// Bytes of each parameter, where the driver can say (CUDA 12.4).
    pub parameters: Option<Vec<usize>>,
    shared_memory: AtomicU32,
}

// SAFETY: a handle that the driver lets any thread use.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

impl Function {
    /// Bytes of dynamic shared memory that a block may have.
    pub fn shared_memory(&self) -> u32 {
        self.shared_memory.load(Ordering::Relaxed)
    }

    /// Asks for more than the usual; architectures differ in the most they give (227 KiB on sm_90, 163 KiB on sm_80).
    pub fn allow_shared_memory(&self, bytes: u32) -> std::result::Result<(), DriverError> {
        let attribute = CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        // SAFETY: the function's module is loaded.
        unsafe { result::function::set_function_attribute(self.handle, attribute, bytes as i32) }?;
        self.shared_memory.store(bytes, Ordering::Relaxed);
        Ok(())
    }
}

/// A loaded kernel file and those of its kernels that were asked for.
struct Module {
    handle: CUmodule,
    functions: HashMap<String, Arc<Function>>,
}

/// The kernel files of a context, by their names.
#[derive(Default)]
pub struct Modules(Mutex<HashMap<&'static str, Module>>);

// SAFETY: handles that the driver lets any thread use.
unsafe impl Send for Modules {}
// SAFETY: as above.
unsafe impl Sync for Modules {}

impl Modules {
    /// Unloads all; nothing may be running any more.
    pub(super) fn unload(&self, device: &Arc<driver::CudaContext>) {
        let mut modules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, module) in modules.drain() {
            if bound(device) {
                // SAFETY: loaded once, unloaded once.
                let _ = unsafe { result::module::unload(module.handle) };
            }
        }
    }
}

impl CudaContext {
    /// A kernel of a file, compiled and loaded at its first use.
    pub(super) fn function(&self, op: &'static str, source: &'static Source, kernel: &str) -> Result<Arc<Function>> {
        let mut modules = self.modules.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = modules.get(source.name).and_then(|module| module.functions.get(kernel)) {
            return Ok(function.clone());
        }
        let told = |what: &str, error: DriverError| failed(op, &format!("Loading {what}"), &error);
        if !modules.contains_key(source.name) {
            let cubin = nvrtc::compile(source, self.architecture())?;
            self.bind().map_err(|error| told(source.name, error))?;
            // SAFETY: the context is current, and the image is whole: NVRTC made it, or its sum was checked.
            let handle = unsafe { result::module::load_data(cubin.as_ptr().cast()) };
            let handle = handle.map_err(|error| told(source.name, error))?;
            modules.insert(source.name, Module { handle, functions: HashMap::new() });
        }
        let module = modules.get_mut(source.name).expect("just loaded");
        self.bind().map_err(|error| told(kernel, error))?;
        let name = CString::new(kernel).expect("a kernel's name has no zero bytes");
        // SAFETY: the module is loaded.
        let handle = unsafe { result::module::get_function(module.handle, name) };
        let handle = handle.map_err(|error| told(kernel, error))?;
        let (parameters, shared_memory) = (parameters_of(handle), AtomicU32::new(USUAL_SHARED_MEMORY));
        let function = Arc::new(Function { handle, parameters, shared_memory });
        module.functions.insert(kernel.to_string(), function.clone());
        Ok(function)
    }
}

/// Bytes of each parameter; `None` where the driver is older than the question.
fn parameters_of(function: CUfunction) -> Option<Vec<usize>> {
    type ParamInfo = unsafe extern "C" fn(CUfunction, usize, *mut usize, *mut usize) -> sys::CUresult;
    // SAFETY: the driver is loaded, as the function is one of it; cudarc would panic where the symbol is missing.
    let ask = unsafe { sys::culib().get::<ParamInfo>(b"cuFuncGetParamInfo\0") }.ok()?;
    let mut sizes = Vec::new();
    let (mut offset, mut bytes) = (0, 0);
    // SAFETY: the driver writes two numbers, and an error past the last parameter.
    while unsafe { ask(function, sizes.len(), &mut offset, &mut bytes) }.result().is_ok() {
        sizes.push(bytes);
    }
    Some(sizes)
}
