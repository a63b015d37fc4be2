//! Values that the host makes while the GPU works: a stream of its own copies them to one of two buffers, and the queue's
//! stream only takes them from there. So the copy of a batch runs beside the step before it.

use super::buffer::DeviceBuffer;
use super::context::{CudaContext, failed};
use super::io::DevicePointer;
use super::marks::Event;
use crate::error::Result;
use crate::runtime::backend::HostMemory;
use cudarc::driver::sys::CUevent_wait_flags;
use cudarc::driver::{CudaStream, DriverError, result};
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that take turns.
const SLOTS: usize = 2;

/// Made at the first transfer.
#[derive(Default)]
pub struct Transfers(Mutex<State>);

#[derive(Default)]
struct State {
    stream: Option<Arc<CudaStream>>,
    slots: [Option<Slot>; SLOTS],
    turn: usize,
}

/// A buffer and what it was last used for.
struct Slot {
    buffer: Arc<DeviceBuffer>,
    /// Held until `copied` has passed.
    _source: Box<dyn HostMemory>,
    copied: Event,
    /// The queue's stream has taken the values.
    taken: Event,
}

impl CudaContext {
    /// Copies host values to the device: to a buffer at once, to `target` after everything launched before.
    ///
    /// # Safety
    /// `target` holds as many bytes. Not while the stream is captured.
    pub(super) unsafe fn upload_beside(&self, source: Box<dyn HostMemory>, target: DevicePointer) -> Result<()> {
        if source.bytes().is_empty() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        unsafe { self.through_slot(source, target) }
            .map_err(|error| failed("transfer", "Copying to the device", &error))
    }

    /// # Safety
    /// As for [`CudaContext::upload_beside`].
    unsafe fn through_slot(
        &self,
        source: Box<dyn HostMemory>,
        target: DevicePointer,
    ) -> std::result::Result<(), DriverError> {
        let mut state = self.transfers.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.bind()?;
        let stream = match &state.stream {
            Some(stream) => stream.clone(),
            None => state.stream.insert(self.device().new_stream()?).clone(),
        };
        let (own, queue, bytes) = (stream.cu_stream(), self.stream().cu_stream(), source.bytes().len());
        let turn = state.turn;
        state.turn = (turn + 1) % SLOTS;
        let before = state.slots[turn].take();
        if let Some(slot) = &before {
            slot.copied.wait()?;
            // SAFETY: stream and event are alive.
            unsafe { result::stream::wait_event(own, slot.taken.handle(), CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT) }?;
        }
        let buffer = match before.map(|slot| slot.buffer).filter(|buffer| buffer.bytes() >= bytes) {
            Some(buffer) => buffer,
            None => DeviceBuffer::new(self.device(), bytes)?,
        };
        let copied = || {
            // SAFETY: the buffer holds as many bytes; the source is kept with the event of this copy, or until the stream is
            // through.
            unsafe { result::memcpy_htod_async(buffer.pointer(), source.bytes(), own) }?;
            let copied = Event::record(self.device(), own)?;
            // SAFETY: both are alive; the caller answers for the target.
            unsafe {
                result::stream::wait_event(queue, copied.handle(), CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT)?;
                result::memcpy_dtod_async(target, buffer.pointer(), bytes, queue)?;
            }
            Ok((copied, Event::record(self.device(), queue)?))
        };
        match copied() {
            Ok((copied, taken)) => state.slots[turn] = Some(Slot { buffer, _source: source, copied, taken }),
            Err(error) => {
                let _ = stream.synchronize();
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = &state.stream {
            let _ = stream.synchronize();
        }
    }
}
