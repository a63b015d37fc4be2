//! Host to device without waiting: values go through pinned buffers that the GPU reads by itself.

use super::buffer::{Pinned, PinnedPool};
use super::context::{CudaContext, failed};
use super::io::DevicePointer;
use super::marks::Event;
use crate::budget::Account;
use crate::error::Result;
use cudarc::driver::{self, DriverError, result};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that go through a pinned buffer at a time.
const CHUNK: usize = 16 << 20;

/// Pinned buffers that may be on their way before a large copy waits for the first of them.
const MOST_UNDER_WAY: usize = 4;

/// Pinned buffers on their way to the device.
pub struct Staging {
    pool: PinnedPool,
    under_way: Mutex<VecDeque<(Pinned, Event)>>,
}

impl Staging {
    pub fn new(device: Arc<driver::CudaContext>, account: Arc<Account>) -> Staging {
        Staging { pool: PinnedPool::new(device, account), under_way: Mutex::default() }
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
        let mut under_way = self.staging.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        for (chunk, bytes) in bytes.chunks(CHUNK).enumerate() {
            self.staging.collect(&mut under_way);
            if chunk > 0 && under_way.len() >= MOST_UNDER_WAY {
                under_way[0].1.wait().map_err(told)?;
                self.staging.collect(&mut under_way);
            }
            // SAFETY: the caller's promise.
            unsafe { self.upload_chunk(bytes, target + (chunk * CHUNK) as u64, &mut under_way) }.map_err(told)?;
        }
        Ok(())
    }

    /// # Safety
    /// As for [`CudaContext::upload_bytes`].
    unsafe fn upload_chunk(
        &self,
        bytes: &[u8],
        target: DevicePointer,
        under_way: &mut VecDeque<(Pinned, Event)>,
    ) -> std::result::Result<(), DriverError> {
        let stream = self.stream().cu_stream();
        let mut buffer = self.staging.pool.take(bytes.len())?;
        buffer.bytes_mut(bytes.len()).copy_from_slice(bytes);
        // SAFETY: the caller's promise; the pinned buffer is kept until its event has passed.
        let copied = unsafe { result::memcpy_htod_async(target, buffer.bytes(bytes.len()), stream) };
        let event = Event::record(self.device(), stream);
        match (copied, event) {
            (Ok(()), Ok(event)) => under_way.push_back((buffer, event)),
            (copied, event) => {
                // The copy may be under way all the same: the buffer goes only once the stream is through.
                let _ = self.stream().synchronize();
                copied.and(event.map(|_| ()))?;
            }
        }
        Ok(())
    }
}
