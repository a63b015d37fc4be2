//! What a device does for its queue: memory, copies, and running records.

use super::record::Record;
use crate::error::Result;

/// Where a queue's tensors live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Cpu,
    Cuda,
}

/// One device behind a queue. Pointers are the device's own: nobody but its backend and its kernels looks behind them.
///
/// The queue's thread calls `upload`, `download`, `copy` and `run`, one at a time and in the order of the commands; a
/// backend may return before the work is done, as long as it is done in that order. Any thread may call the others.
pub trait Backend: Send + Sync {
    fn device(&self) -> Device;

    /// Memory with undefined contents, aligned to 64 bytes at least; `None` if the system refuses. `bytes` is not 0.
    fn allocate(&self, bytes: usize) -> Option<*mut u8>;

    /// # Safety
    /// `pointer` came from [`Backend::allocate`] with the same `bytes`, is freed once, and no later command uses it.
    unsafe fn free(&self, pointer: *mut u8, bytes: usize);

    /// Host to device.
    ///
    /// # Safety
    /// `target` holds `source.len()` bytes of this device.
    unsafe fn upload(&self, source: &[u8], target: *mut u8) -> Result<()>;

    /// Device to host; replaces what `target` held, and returns once the values are there.
    ///
    /// # Safety
    /// `source` holds `bytes` bytes of this device.
    unsafe fn download(&self, source: *const u8, bytes: usize, target: &mut Vec<u8>) -> Result<()>;

    /// Device to device.
    ///
    /// # Safety
    /// Both hold `bytes` bytes of this device.
    unsafe fn copy(&self, source: *const u8, target: *mut u8, bytes: usize) -> Result<()>;

    /// Runs the record's kernel.
    fn run(&self, record: &Record) -> Result<()>;

    /// Waits until everything given so far is done, and tells what went wrong meanwhile.
    fn finish(&self) -> Result<()>;

    /// Chunks run by each host thread, for the tests of the thread pool.
    fn chunks_by_thread(&self) -> Vec<u64>;
}
