//! The CPU as a queue's device: its memory is the host's, and everything is done when the call returns.

use super::{CpuContext, wide};
use crate::error::{Error, Result};
use crate::runtime::backend::{Backend, Device, HostMemory};
use crate::runtime::record::Record;
use std::alloc::{Layout, alloc, dealloc};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes; the width of a cache line and of an AVX-512 register.
const ALIGNMENT: usize = 64;
/// Bytes of a huge page: of x86-64, and of 64-bit ARM with the usual small pages.
const HUGE_PAGE: usize = 2 << 20;

/// Blocks that hold whole huge pages begin with one.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes, if bytes < HUGE_PAGE { ALIGNMENT } else { HUGE_PAGE }).ok()
}

/// Asks for huge pages where `bytes` fill them: far fewer page faults and TLB misses, no memory wasted at the end.
fn advise_huge_pages(block: *mut u8, bytes: usize) {
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_PAGE {
        /// `MADV_HUGEPAGE` of `<sys/mman.h>`
        const ADVICE: i32 = 14;
        unsafe extern "C" {
            fn madvise(start: *mut u8, len: usize, advice: i32) -> i32;
        }
        // SAFETY: the range is inside the block; the advice changes no contents, and a refusal does no harm.
        unsafe { madvise(block, bytes / HUGE_PAGE * HUGE_PAGE, ADVICE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (block, bytes);
}

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

    fn allocate(&self, op: &'static str, bytes: usize) -> Result<*mut u8> {
        let refused = Err(Error::OutOfMemory { op, asked: bytes, held: 0, free: None });
        let Some(layout) = layout(bytes).filter(|layout| layout.size() > 0) else { return refused };
        if bytes > physical_memory() {
            return refused;
        }
        // SAFETY: the layout's size is not zero.
        let pointer = unsafe { alloc(layout) };
        if pointer.is_null() {
            return refused;
        }
        advise_huge_pages(pointer, bytes);
        Ok(pointer)
    }

    unsafe fn free(&self, pointer: *mut u8, bytes: usize) {
        let layout = layout(bytes).expect("the layout it was allocated with");
        // SAFETY: allocated in `allocate` with this layout, freed once.
        unsafe { dealloc(pointer, layout) };
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
        wide::run(record, self)
    }

    /// Memory is there once it is written to, and the arena is at the first replay, when the recording's blocks are freed.
    fn plans_memory(&self) -> bool {
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
