//! Host to device without waiting: values go through pinned buffers that the GPU reads by itself.

use super::buffer::{Pinned, PinnedPool};
use super::context::{CudaContext, failed};
use super::io::DevicePointer;
use super::marks::Event;
use crate::error::Result;
use cudarc::driver::{self, result};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// The largest copy that goes through a pinned buffer, bytes; the driver stages larger ones itself.
const LARGEST: usize = 32 << 20;

/// Pinned buffers on their way to the device.
pub struct Staging {
    pool: PinnedPool,
    under_way: Mutex<VecDeque<(Pinned, Event)>>,
}

impl Staging {
    pub fn new(device: Arc<driver::CudaContext>) -> Staging {
        Staging { pool: PinnedPool::new(device), under_way: Mutex::default() }
    }

    /// Takes back the buffers that have been read.
    fn collect(&self, under_way: &mut VecDeque<(Pinned, Event)>) {
        while under_way.front().is_some_and(|(_, event)| event.has_passed()) {
            let (buffer, _) = under_way.pop_front().expect("there is one");
            self.pool.give_back(buffer);
        }
    }
}

impl CudaContext {
    /// Copies host values to the device, after everything launched before; `bytes` may go when this returns.
    ///
    /// # Safety
    /// `target` holds as many bytes. Not while the stream is captured.
    pub(super) unsafe fn upload_bytes(&self, op: &'static str, bytes: &[u8], target: DevicePointer) -> Result<()> {
        let told = |error| failed(op, "Copying to the device", &error);
        if bytes.is_empty() {
            return Ok(());
        }
        self.bind().map_err(told)?;
        let stream = self.stream().cu_stream();
        if bytes.len() > LARGEST {
            // SAFETY: the caller's promise; pageable memory has been read when the call returns.
            return unsafe { result::memcpy_htod_async(target, bytes, stream) }.map_err(told);
        }
        let mut under_way = self.staging.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        self.staging.collect(&mut under_way);
        let mut buffer = self.staging.pool.take(bytes.len()).map_err(told)?;
        buffer.bytes_mut(bytes.len()).copy_from_slice(bytes);
        // SAFETY: the caller's promise; the pinned buffer is kept until its event has passed.
        let copied = unsafe { result::memcpy_htod_async(target, buffer.bytes(bytes.len()), stream) };
        let event = Event::record(self.device(), stream);
        match (copied, event) {
            (Ok(()), Ok(event)) => under_way.push_back((buffer, event)),
            (copied, event) => {
                // The copy may be under way all the same: the buffer goes only once the stream is through.
                let _ = self.stream().synchronize();
                copied.and(event.map(|_| ())).map_err(told)?;
            }
        }
        Ok(())
    }
}
