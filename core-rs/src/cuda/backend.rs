//! The GPU as a queue's device: work goes to one stream and is done in order, later than the call returns.

use super::context::{CudaContext, failed};
use super::io::{CudaIo, DevicePointer};
use crate::error::Result;
use crate::runtime::backend::{Backend, Device};
use crate::runtime::record::Record;
use cudarc::driver::result;

impl Backend for CudaContext {
    fn device(&self) -> Device {
        Device::Cuda
    }

    fn allocate(&self, bytes: usize) -> Option<*mut u8> {
        self.bind().ok()?;
        // SAFETY: the context is current; the memory has undefined contents.
        unsafe { result::malloc_sync(bytes) }.ok().map(|address| address as *mut u8)
    }

    unsafe fn free(&self, pointer: *mut u8, _bytes: usize) {
        // Kernels launched before may still use the block. Where waiting fails the context is lost, and its memory with it.
        if self.finish().is_ok() {
            // SAFETY: the caller says that it was allocated here and is freed once; nothing runs any more.
            let _ = unsafe { result::free_sync(pointer as DevicePointer) };
        }
    }

    unsafe fn upload(&self, source: &[u8], target: *mut u8) -> Result<()> {
        let failed = |error| failed("write", "Copying to the device", &error);
        self.bind().map_err(failed)?;
        // SAFETY: the caller says that the target holds as many bytes; the source is kept until the copy is done.
        unsafe { result::memcpy_htod_async(target as DevicePointer, source, self.stream().cu_stream()) }
            .map_err(failed)?;
        self.stream().synchronize().map_err(failed)
    }

    unsafe fn download(&self, source: *const u8, bytes: usize, target: &mut Vec<u8>) -> Result<()> {
        let failed = |error| failed("read", "Copying from the device", &error);
        target.resize(bytes, 0);
        self.bind().map_err(failed)?;
        // SAFETY: the caller says that the source holds `bytes` bytes; the target is kept until the copy is done.
        unsafe { result::memcpy_dtoh_async(target, source as DevicePointer, self.stream().cu_stream()) }
            .map_err(failed)?;
        self.stream().synchronize().map_err(failed)
    }

    unsafe fn copy(&self, source: *const u8, target: *mut u8, bytes: usize) -> Result<()> {
        let failed = |error| failed("replay", "Copying on the device", &error);
        self.bind().map_err(failed)?;
        let (source, target) = (source as DevicePointer, target as DevicePointer);
        // SAFETY: the caller says that both hold `bytes` bytes.
        unsafe { result::memcpy_dtod_async(target, source, bytes, self.stream().cu_stream()) }.map_err(failed)
    }

    fn run(&self, record: &Record) -> Result<()> {
        record.kernel.run_cuda(&CudaIo::new(record), self)
    }

    fn finish(&self) -> Result<()> {
        self.stream().synchronize().map_err(|error| failed("synchronize", "Waiting", &error))
    }

    /// The host only launches.
    fn chunks_by_thread(&self) -> Vec<u64> {
        Vec::new()
    }
}
