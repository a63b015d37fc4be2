//! Points in the stream that the host can wait for, each with the fault word as it was there.

use super::buffer::{Pinned, PinnedPool, bound};
use super::fault::{FaultWord, WORD};
use super::io::DevicePointer;
use cudarc::driver::sys::{CUevent, CUevent_flags, CUstream};
use cudarc::driver::{self, DriverError, result};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// An event, destroyed at the end.
pub struct Event {
    device: Arc<driver::CudaContext>,
    event: CUevent,
}

// SAFETY: a handle that the driver lets any thread use.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    /// Recorded on the stream after everything given to it so far; it keeps no time, and waiting for it sleeps.
    pub fn record(device: &Arc<driver::CudaContext>, stream: CUstream) -> Result<Event, DriverError> {
        Event::with(
            device,
            stream,
            CUevent_flags::CU_EVENT_DISABLE_TIMING as u32 | CUevent_flags::CU_EVENT_BLOCKING_SYNC as u32,
        )
    }

    /// One that keeps the time.
    pub fn timed(device: &Arc<driver::CudaContext>, stream: CUstream) -> Result<Event, DriverError> {
        Event::with(device, stream, CUevent_flags::CU_EVENT_DEFAULT as u32)
    }

    fn with(device: &Arc<driver::CudaContext>, stream: CUstream, flags: u32) -> Result<Event, DriverError> {
        device.bind_to_thread()?;
        let mut event = std::ptr::null_mut();
        // SAFETY: the context is current; the event is destroyed when it is dropped.
        unsafe { driver::sys::cuEventCreate(&mut event, flags) }.result()?;
        let made = Event { device: device.clone(), event };
        // SAFETY: both are alive and of this device.
        unsafe { result::event::record(made.event, stream) }?;
        Ok(made)
    }

    /// For the driver's calls, while this one lives.
    pub fn handle(&self) -> CUevent {
        self.event
    }

    pub fn wait(&self) -> Result<(), DriverError> {
        self.device.bind_to_thread()?;
        // SAFETY: the event is alive.
        unsafe { result::event::synchronize(self.event) }
    }

    pub fn has_passed(&self) -> bool {
        // SAFETY: the event is alive.
        self.device.bind_to_thread().is_ok() && unsafe { result::event::query(self.event) }.is_ok()
    }

    /// Milliseconds from this one to a later one; both timed, and passed.
    pub fn milliseconds_to(&self, later: &Event) -> Result<f32, DriverError> {
        self.device.bind_to_thread()?;
        type Elapsed = unsafe extern "C" fn(*mut f32, CUevent, CUevent) -> driver::sys::CUresult;
        let mut milliseconds = 0.0;
        // SAFETY: the driver is loaded; both events are alive, and it writes one number. CUDA 12.8 has the second name of it,
        // and older drivers only the first, where cudarc would panic.
        unsafe {
            let library = driver::sys::culib();
            let newer = library.get::<Elapsed>(b"cuEventElapsedTime_v2\0");
            let elapsed = newer.or_else(|_| library.get::<Elapsed>(b"cuEventElapsedTime\0"));
            let elapsed = elapsed.map_err(|_| DriverError(driver::sys::CUresult::CUDA_ERROR_NOT_FOUND))?;
            elapsed(&mut milliseconds, self.event, later.event).result()?;
        }
        Ok(milliseconds)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if bound(&self.device) {
            // SAFETY: made by `with`, destroyed once.
            let _ = unsafe { result::event::destroy(self.event) };
        }
    }
}

/// One point: everything up to a ticket's command has been launched before it.
struct Mark {
    ticket: u64,
    event: Event,
    word: Option<Pinned>,
    pool: Arc<PinnedPool>,
}

impl Drop for Mark {
    fn drop(&mut self) {
        if let Some(word) = self.word.take() {
            self.pool.give_back(word);
        }
    }
}

/// The marks not waited for yet, in the order of their tickets.
pub struct Marks {
    device: Arc<driver::CudaContext>,
    words: Arc<PinnedPool>,
    waiting: Mutex<VecDeque<Arc<Mark>>>,
}

/// Marks kept when nobody waits; older ones are covered by newer ones.
const MOST: usize = 64;

impl Marks {
    pub fn new(device: Arc<driver::CudaContext>, words: Arc<PinnedPool>) -> Marks {
        Marks { device, words, waiting: Mutex::default() }
    }

    /// Puts a mark behind everything launched so far. Not while the stream is being captured.
    pub(super) fn put(&self, ticket: u64, fault: DevicePointer, stream: CUstream) -> Result<(), DriverError> {
        let mut word = self.words.take(WORD)?;
        self.device.bind_to_thread()?;
        // SAFETY: the pinned buffer holds the word's bytes, and lives until the mark has passed.
        unsafe { result::memcpy_dtoh_async(word.bytes_mut(WORD), fault, stream) }?;
        let event = Event::record(&self.device, stream)?;
        let mark = Arc::new(Mark { ticket, event, word: Some(word), pool: self.words.clone() });
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == MOST {
            waiting.pop_front();
        }
        waiting.push_back(mark);
        Ok(())
    }

    /// Waits for the first mark at or behind a ticket, and gives its ticket and the fault word there; `None` where there is no
    /// such mark.
    pub fn wait(&self, ticket: u64) -> Result<Option<(u64, FaultWord)>, DriverError> {
        let found = {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.iter().find(|mark| mark.ticket >= ticket).cloned()
        };
        let Some(mark) = found else { return Ok(None) };
        mark.event.wait()?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.front().is_some_and(|first| first.ticket < mark.ticket) {
            waiting.pop_front();
        }
        let word = mark.word.as_ref().expect("a mark has its word until it is dropped");
        // SAFETY: the copy is done, and the buffer is aligned to a page.
        Ok(Some((mark.ticket, unsafe { word.as_ptr().cast::<FaultWord>().read() })))
    }

    /// Forgets all marks: none of them tells of what comes.
    pub fn clear(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
