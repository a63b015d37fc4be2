//! Per-thread buffers that are reused from call to call, so kernels do not allocate.

use super::backend::physical_memory;
use crate::pages::Buffer;
use std::cell::RefCell;
use std::thread::LocalKey;

/// Bytes of a cache line.
const LINE: usize = 64;

type Store = LocalKey<RefCell<Vec<Buffer>>>;

thread_local! {
    static FREE: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
    /// Apart, as these are as large as tensors: among the others all would grow to that size in turn.
    static WIDE: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

/// What a kernel unwinds with where the system has no memory for its buffers.
pub struct ScratchRefused {
    /// Bytes that were asked for.
    pub bytes: usize,
}

/// A cache-line aligned buffer borrowed from the current thread's store; dropping it
/// returns it.
pub struct Scratch {
    store: &'static Store,
    buffer: Buffer,
    len: usize,
}

impl Scratch {
    /// A buffer of `len` floats with unspecified (but initialised) contents.
    pub fn take(len: usize) -> Scratch {
        Self::of(&FREE, len)
    }

    /// The same for copies of whole tensors.
    pub fn wide(len: usize) -> Scratch {
        Self::of(&WIDE, len)
    }

    fn of(store: &'static Store, len: usize) -> Scratch {
        let mut buffer = store.with_borrow_mut(Vec::pop).unwrap_or_default();
        let bytes = len.saturating_mul(size_of::<f32>()).checked_next_multiple_of(LINE).unwrap_or(usize::MAX);
        if buffer.len() < bytes {
            drop(buffer);
            let larger = if bytes > physical_memory() { None } else { Buffer::zeroed(bytes) };
            // Unwinds without the panic hook's report: the queue makes a typed error of it.
            buffer = larger.unwrap_or_else(|| std::panic::resume_unwind(Box::new(ScratchRefused { bytes })));
        }
        Scratch { store, buffer, len }
    }

    /// The buffer's floats.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: the buffer is aligned to a cache line, of bytes that were set, and `len` floats fit by construction.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.as_mut_ptr().cast(), self.len) }
    }

    /// The buffer's floats.
    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: as in `as_mut_slice`.
        unsafe { std::slice::from_raw_parts(self.buffer.as_ptr().cast(), self.len) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // While the thread ends its store may be gone already; then the buffer just goes too.
        let _ = self.store.try_with(|free| free.borrow_mut().push(buffer));
    }
}
