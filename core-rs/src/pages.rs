//! Memory in whole pages, straight from the system and straight back to it.
//!
//! The system's allocator keeps freed memory in an arena for each thread, up to 64 MiB in each, and gives back only what is at
//! an arena's end: a process that starts and ends Workers would grow with every one.

use std::alloc::{Layout, alloc, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Bytes; the width of a cache line and of an AVX-512 register.
const ALIGNMENT: usize = 64;
/// Bytes of a huge page: of x86-64, and of 64-bit ARM with the usual small pages.
const HUGE_PAGE: usize = 2 << 20;

/// Memory with undefined contents, aligned to a cache line, from [`HUGE_PAGE`] on to a huge page; `None` where it is refused.
pub fn allocate(bytes: usize) -> Option<*mut u8> {
    if cfg!(unix) && bytes >= HUGE_PAGE {
        return map(bytes);
    }
    let layout = layout(bytes).filter(|layout| layout.size() > 0)?;
    // SAFETY: the layout's size is not zero.
    let pointer = unsafe { alloc(layout) };
    (!pointer.is_null()).then_some(pointer)
}

/// # Safety
/// `pointer` came from [`allocate`] with the same `bytes`, and is freed once.
pub unsafe fn free(pointer: *mut u8, bytes: usize) {
    if cfg!(unix) && bytes >= HUGE_PAGE {
        // SAFETY: the caller's promise; nothing uses the range any more.
        return unsafe { unmap(pointer, whole_pages(bytes).unwrap_or(0)) };
    }
    let layout = layout(bytes).expect("the layout it was allocated with");
    // SAFETY: the caller's promise.
    unsafe { dealloc(pointer, layout) };
}

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes, if bytes < HUGE_PAGE { ALIGNMENT } else { HUGE_PAGE }).ok()
}

/// Rounded up to pages of the largest size that a system here has.
fn whole_pages(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(64 << 10)
}

/// A mapping that begins with a huge page. The system is asked for huge pages where `bytes` fill them: far fewer page faults and
/// TLB misses, no memory wasted at the end.
#[cfg(unix)]
fn map(bytes: usize) -> Option<*mut u8> {
    let wanted = whole_pages(bytes)?;
    let mapped = wanted.checked_add(HUGE_PAGE)?;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new private mapping touches nothing that is there.
    let start =
        unsafe { libc::mmap(std::ptr::null_mut(), mapped, protection, libc::MAP_PRIVATE | libc::MAP_ANON, -1, 0) };
    if start == libc::MAP_FAILED {
        return None;
    }
    let start = start.cast::<u8>();
    let before = start.align_offset(HUGE_PAGE);
    let block = start.wrapping_add(before);
    // SAFETY: what lies before and behind the block is of this mapping, and nobody uses it.
    unsafe {
        unmap(start, before);
        unmap(block.wrapping_add(wanted), HUGE_PAGE - before);
    }
    #[cfg(target_os = "linux")]
    // SAFETY: the range is inside the block; the advice changes no contents, and a refusal does no harm.
    unsafe {
        libc::madvise(block.cast(), bytes / HUGE_PAGE * HUGE_PAGE, libc::MADV_HUGEPAGE);
    }
    Some(block)
}

#[cfg(not(unix))]
fn map(_bytes: usize) -> Option<*mut u8> {
    None
}

/// # Safety
/// The range is whole pages of a mapping that nobody uses.
unsafe fn unmap(start: *mut u8, bytes: usize) {
    #[cfg(unix)]
    if bytes > 0 {
        // SAFETY: the caller's promise.
        let done = unsafe { libc::munmap(start.cast(), bytes) };
        debug_assert_eq!(done, 0);
    }
    #[cfg(not(unix))]
    let _ = (start, bytes);
}

/// Bytes of the host, zero at first, aligned as [`allocate`] says.
pub struct Buffer {
    /// Dangling where there are none.
    pointer: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it owns its bytes.
unsafe impl Send for Buffer {}
// SAFETY: as above; they change through `&mut` alone.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `None` where the system refuses.
    pub fn zeroed(bytes: usize) -> Option<Buffer> {
        if bytes == 0 {
            return Some(Buffer::default());
        }
        let pointer = NonNull::new(allocate(bytes)?)?;
        // A new mapping is zero as it is.
        if !(cfg!(unix) && bytes >= HUGE_PAGE) {
            // SAFETY: just allocated with as many bytes.
            unsafe { pointer.write_bytes(0, bytes) };
        }
        Some(Buffer { pointer, bytes })
    }
}

impl Default for Buffer {
    fn default() -> Buffer {
        /// So that an empty buffer is as aligned as any.
        #[repr(align(64))]
        struct Line;
        Buffer { pointer: NonNull::<Line>::dangling().cast(), bytes: 0 }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: allocated with as many bytes, which were set.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.bytes) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.bytes) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: allocated in `zeroed` with as many bytes.
            unsafe { free(self.pointer.as_ptr(), self.bytes) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_begin_with_a_cache_line_or_a_huge_page_and_hold_what_was_asked() {
        for bytes in [1, 64, HUGE_PAGE - 1, HUGE_PAGE, HUGE_PAGE + 1, 5 * HUGE_PAGE + 4097] {
            let block = allocate(bytes).expect("memory");
            let wanted = if bytes < HUGE_PAGE { ALIGNMENT } else { HUGE_PAGE };
            assert_eq!(block as usize % wanted, 0, "{bytes} bytes");
            // SAFETY: the block holds as many bytes, and goes once.
            unsafe {
                block.write(1);
                block.add(bytes - 1).write(2);
                free(block, bytes);
            }
        }
    }

    #[test]
    fn buffers_are_zero_at_first() {
        for bytes in [0, 1, 100, HUGE_PAGE, HUGE_PAGE + 3] {
            let mut buffer = Buffer::zeroed(bytes).expect("memory");
            assert_eq!(buffer.len(), bytes);
            assert!(buffer.iter().all(|&byte| byte == 0));
            buffer.fill(7);
        }
    }

    #[test]
    fn what_no_system_has_is_refused() {
        assert!(allocate(usize::MAX).is_none());
        assert!(allocate(isize::MAX as usize).is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn freed_memory_is_the_systems_at_once() {
        let resident = || {
            let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
            let line = text.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
        };
        let bytes = 256 << 20;
        let before = resident();
        let block = allocate(bytes).unwrap();
        // SAFETY: the block holds as many bytes.
        unsafe { block.write_bytes(1, bytes) };
        let held = resident();
        // SAFETY: freed once.
        unsafe { free(block, bytes) };
        let after = resident();
        // Other tests run meanwhile.
        assert!(held > before + bytes / 2 && after < held - bytes / 2, "{before} {held} {after}");
    }
}
