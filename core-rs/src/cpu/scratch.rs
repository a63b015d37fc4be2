//! Per-thread buffers that are reused from call to call, so kernels do not allocate.

use super::backend::physical_memory;
use std::cell::RefCell;
use std::thread::LocalKey;

/// Floats per cache line.
const LINE: usize = 16;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code, reason = "read through the slice")] [f32; LINE]);

type Store = LocalKey<RefCell<Vec<Vec<Line>>>>;

thread_local! {
    static FREE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
    /// Apart, as these are as large as tensors: among the others all would grow to that size in turn.
    static WIDE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
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
    lines: Vec<Line>,
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
        let mut lines = store.with_borrow_mut(Vec::pop).unwrap_or_default();
        let needed = len.div_ceil(LINE);
        if lines.len() < needed {
            let bytes = needed.saturating_mul(size_of::<Line>());
            let refused = bytes > physical_memory() || lines.try_reserve_exact(needed - lines.len()).is_err();
            if refused {
                // Unwinds without the panic hook's report: the queue makes a typed error of it.
                std::panic::resume_unwind(Box::new(ScratchRefused { bytes }));
            }
            lines.resize(needed, Line([0.0; LINE]));
        }
        Scratch { store, lines, len }
    }

    /// The buffer's floats.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: `Line` is LINE floats without padding, and `len` fits by construction.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }

    /// The buffer's floats.
    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: as in `as_mut_slice`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // While the thread ends its store may be gone already; then the buffer just goes too.
        let _ = self.store.try_with(|free| free.borrow_mut().push(lines));
    }
}
