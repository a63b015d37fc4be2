//! The CPU as a queue's device: its memory is the host's, and everything is done when the call returns.

use super::CpuContext;
use crate::budget::Account;
use crate::error::{Error, Result};
use crate::pages;
use crate::runtime::backend::{Backend, Device, HostMemory};
use crate::runtime::record::{Io, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Records that the CPU has run in this process.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// How many records the CPU has run in this process.
pub(crate) fn runs() -> u64 {
    RUNS.load(Ordering::Relaxed)
}

impl Backend for CpuContext {
    fn device(&self) -> Device {
        Device::Cpu
    }

    fn account(&self) -> &Arc<Account> {
        self.pool.account()
    }

    fn allocate(&self, op: &'static str, bytes: usize) -> Result<*mut u8> {
        let refused = Err(Error::no_memory(op, bytes, None));
        if bytes == 0 || bytes > physical_memory() {
            return refused;
        }
        pages::allocate(bytes).map_or(refused, Ok)
    }

    unsafe fn free(&self, pointer: *mut u8, bytes: usize) {
        // SAFETY: allocated in `allocate` with as many bytes, freed once.
        unsafe { pages::free(pointer, bytes) };
    }

    unsafe fn upload(&self, source: &[u8], target: *mut u8) -> Result<()> {
        // SAFETY: the caller says that the target holds as many bytes; host values never overlap a block.
        unsafe { std::ptr::copy_nonoverlapping(source.as_ptr(), target, source.len()) };
        Ok(())
    }

    unsafe fn download(&self, source: *const u8, target: &mut dyn HostMemory) -> Result<()> {
        let target = target.bytes_mut();
        // SAFETY: the caller says that the source holds as many bytes, and no record runs meanwhile.
        target.copy_from_slice(unsafe { std::slice::from_raw_parts(source, target.len()) });
        Ok(())
    }

    unsafe fn copy(&self, source: *const u8, target: *mut u8, bytes: usize) -> Result<()> {
        // SAFETY: the caller says that both hold `bytes` bytes; they may overlap.
        unsafe { std::ptr::copy(source, target, bytes) };
        Ok(())
    }

    fn run(&self, record: &Record) -> Result<()> {
        RUNS.fetch_add(1, Ordering::Relaxed);
        record.kernel.run_cpu(&Io::new(record), self)
    }

    /// Memory is there once it is written to, and the arena is at the first replay, when the recording's blocks are freed.
    fn places_in_arena(&self) -> bool {
        true
    }

    fn chunks_by_thread(&self) -> Vec<u64> {
        self.pool.chunks_by_thread()
    }
}

/// Bytes of RAM; no single block can be larger. Where it is unknown the allocator decides alone.
pub(crate) fn physical_memory() -> usize {
    static BYTES: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *BYTES.get_or_init(|| {
        let kib = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            text.lines().find(|line| line.starts_with("MemTotal:"))?.split_whitespace().nth(1)?.parse::<usize>().ok()
        });
        kib.map_or(isize::MAX as usize, |kib| kib * 1024)
    })
}
