//! Memory that the backend itself owns: on the device, and pinned on the host.

use super::io::DevicePointer;
use crate::budget::{Account, Kind, Place, Reservation};
use cudarc::driver::sys::CUresult;
use cudarc::driver::{self, DriverError, result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes the device current for giving something back. cudarc first tells, once, what went wrong while something else was
/// given back; that is no reason to keep this.
pub(super) fn bound(device: &Arc<driver::CudaContext>) -> bool {
    device.bind_to_thread().or_else(|_| device.bind_to_thread()).is_ok()
}

/// Device memory, freed at the end.
pub struct DeviceBuffer {
    device: Arc<driver::CudaContext>,
    pointer: DevicePointer,
    bytes: usize,
}

impl DeviceBuffer {
    pub fn new(device: &Arc<driver::CudaContext>, bytes: usize) -> Result<Arc<DeviceBuffer>, DriverError> {
        device.bind_to_thread()?;
        // SAFETY: the context is current; nobody reads the memory before it is written.
        let pointer = unsafe { result::malloc_sync(bytes.max(1)) }?;
        Ok(Arc::new(DeviceBuffer { device: device.clone(), pointer, bytes }))
    }

    pub fn pointer(&self) -> DevicePointer {
        self.pointer
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for DeviceBuffer {
    fn drop(&mut self) {
        if bound(&self.device) {
            // SAFETY: allocated in `new`, freed once; the driver waits for what still uses it.
            let _ = unsafe { result::free_sync(self.pointer) };
        }
    }
}

/// Page-locked host memory, which the GPU copies from and to by itself.
pub struct Pinned {
    pointer: *mut u8,
    capacity: usize,
    device: Arc<driver::CudaContext>,
    _room: Reservation,
}

// SAFETY: plain memory with one owner.
unsafe impl Send for Pinned {}
// SAFETY: as above; writing needs `&mut`.
unsafe impl Sync for Pinned {}

impl Pinned {
    pub fn as_ptr(&self) -> *mut u8 {
        self.pointer
    }

    /// The first bytes. Nothing may be copying to them meanwhile.
    pub fn bytes(&self, len: usize) -> &[u8] {
        assert!(len <= self.capacity, "a pinned buffer is as large as it was asked for");
        // SAFETY: inside the buffer, which was zeroed when it was made.
        unsafe { std::slice::from_raw_parts(self.pointer, len) }
    }

    pub fn bytes_mut(&mut self, len: usize) -> &mut [u8] {
        assert!(len <= self.capacity, "a pinned buffer is as large as it was asked for");
        // SAFETY: as in `bytes`, and nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.pointer, len) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if bound(&self.device) {
            // SAFETY: allocated by `PinnedPool::take`, freed once.
            let _ = unsafe { result::free_host(self.pointer.cast()) };
        }
    }
}

/// The least that a pinned buffer holds.
const LEAST: usize = 4096;
/// Buffers of one size that are kept for reuse.
const KEPT: usize = 8;

/// Pinned buffers kept for reuse, by size: making one takes longer than most copies.
pub struct PinnedPool {
    device: Arc<driver::CudaContext>,
    account: Arc<Account>,
    free: Mutex<HashMap<usize, Vec<Pinned>>>,
}

impl PinnedPool {
    pub fn new(device: Arc<driver::CudaContext>, account: Arc<Account>) -> PinnedPool {
        PinnedPool { device, account, free: Mutex::default() }
    }

    pub fn take(&self, bytes: usize) -> Result<Pinned, DriverError> {
        let capacity = bytes.max(LEAST).next_power_of_two();
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&capacity).and_then(Vec::pop);
        if let Some(buffer) = kept {
            return Ok(buffer);
        }
        let room = self.account.reserve(Kind::Reads, Place::Host, capacity);
        let room = room.map_err(|_| DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY))?;
        self.device.bind_to_thread()?;
        // SAFETY: the context is current; the memory is zeroed before anybody sees it.
        let pointer = unsafe {
            let pointer = result::malloc_host(capacity, 0)?.cast::<u8>();
            pointer.write_bytes(0, capacity);
            pointer
        };
        room.touch();
        Ok(Pinned { pointer, capacity, device: self.device.clone(), _room: room })
    }

    /// Takes a buffer back that no copy uses any more.
    pub fn give_back(&self, buffer: Pinned) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = free.entry(buffer.capacity).or_default();
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}
