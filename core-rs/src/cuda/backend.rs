//! The GPU as a queue's device: work goes to one stream and is done in order, later than the call returns.

use super::buffer::{Pinned, PinnedPool, bound};
use super::context::{CudaContext, failed};
use super::graph;
use super::io::{CudaIo, DevicePointer};
use crate::budget::Account;
use crate::error::{Error, Result};
use crate::runtime::backend::{Backend, Device, HostMemory, LateFailure, PlainMemory, Room, Stopwatch};
use crate::runtime::command_context::CommandContext;
use crate::runtime::record::Record;
use crate::runtime::replay::Replay;
use cudarc::driver::result;
use std::sync::Arc;

/// The largest read that goes through pinned memory, bytes; larger ones wait for their copy.
const LARGEST_PINNED_READ: usize = 32 << 20;

/// Pinned memory that a read goes to; back in its pool at the end.
struct ReadMemory {
    buffer: Option<Pinned>,
    bytes: usize,
    pool: Arc<PinnedPool>,
}

impl HostMemory for ReadMemory {
    fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().expect("there until it is dropped").bytes(self.bytes)
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = self.bytes;
        self.buffer.as_mut().expect("there until it is dropped").bytes_mut(bytes)
    }
}

impl Drop for ReadMemory {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.pool.give_back(buffer);
        }
    }
}

impl Backend for CudaContext {
    fn device(&self) -> Device {
        Device::Cuda
    }

    fn account(&self) -> &Arc<Account> {
        &self.account
    }

    fn allocate(&self, op: &'static str, bytes: usize) -> Result<*mut u8> {
        // SAFETY: the context is current; the memory has undefined contents.
        let address = self.bind().and_then(|()| unsafe { result::malloc_sync(bytes) });
        address.map(|address| address as *mut u8).map_err(|error| self.refused(op, bytes, &error))
    }

    unsafe fn free(&self, pointer: *mut u8, _bytes: usize) {
        // The driver waits for what was launched before. Where it fails the context is lost, and its memory with it.
        if bound(self.device()) {
            // SAFETY: the caller says that it was allocated here and is freed once.
            let _ = unsafe { result::free_sync(pointer as DevicePointer) };
        }
    }

    fn host_memory(&self, op: &'static str, bytes: usize) -> Result<Box<dyn HostMemory>> {
        if bytes > LARGEST_PINNED_READ {
            return Ok(Box::new(PlainMemory::new(op, bytes, &self.account)?));
        }
        self.transfer_memory(op, bytes)
    }

    unsafe fn upload_early(&self, source: Box<dyn HostMemory>, target: *mut u8) -> Result<()> {
        // SAFETY: the caller's promise; the queue's thread captures nothing while it runs a command.
        unsafe { self.upload_beside(source, target as DevicePointer) }
    }

    fn room(&self) -> Result<Option<Room>> {
        let told = |error| failed("room", "Asking for free memory", &error);
        self.bind().map_err(told)?;
        let (free, total) = result::mem_get_info().map_err(told)?;
        Ok(Some(Room { free, total }))
    }

    fn transfer_memory(&self, op: &'static str, bytes: usize) -> Result<Box<dyn HostMemory>> {
        let buffer = self.reads.take(bytes).map_err(|error| self.refused(op, bytes, &error))?;
        Ok(Box::new(ReadMemory { buffer: Some(buffer), bytes, pool: self.reads.clone() }))
    }

    unsafe fn upload(&self, source: &[u8], target: *mut u8) -> Result<()> {
        // SAFETY: the caller's promise; the queue's thread captures nothing while it runs a command.
        unsafe { self.upload_bytes("write", source, target as DevicePointer) }
    }

    unsafe fn download(&self, source: *const u8, target: &mut dyn HostMemory) -> Result<()> {
        let told = |error| failed("read", "Copying from the device", &error);
        if target.bytes().is_empty() {
            return Ok(());
        }
        self.bind().map_err(told)?;
        let stream = self.stream().cu_stream();
        // SAFETY: the caller says that the source holds as many bytes; the target is kept until the copy is done.
        unsafe { result::memcpy_dtoh_async(target.bytes_mut(), source as DevicePointer, stream) }.map_err(told)
    }

    unsafe fn copy(&self, source: *const u8, target: *mut u8, bytes: usize) -> Result<()> {
        let told = |error| failed("replay", "Copying on the device", &error);
        if bytes == 0 {
            return Ok(());
        }
        self.bind().map_err(told)?;
        let (source, target) = (source as DevicePointer, target as DevicePointer);
        // SAFETY: the caller says that both hold `bytes` bytes.
        unsafe { result::memcpy_dtod_async(target, source, bytes, self.stream().cu_stream()) }.map_err(told)
    }

    fn begin(&self, ticket: u64) {
        self.faults.set_ticket(ticket);
    }

    fn run(&self, record: &Record) -> Result<()> {
        record.kernel.run_cuda(&CudaIo::new(record), self)
    }

    fn replay(&self, replay: &Replay, context: &CommandContext) -> Result<()> {
        graph::replay(self, replay, context)
    }

    fn mark(&self, ticket: u64) -> Result<()> {
        let _issue = self.issue();
        let told = |error| failed("synchronize", "Marking a point", &error);
        self.marks.put(ticket, self.faults.word(), self.stream().cu_stream()).map_err(told)
    }

    fn finish(&self, ticket: u64) -> std::result::Result<u64, LateFailure> {
        let unknown = |error: Error| LateFailure { ticket: None, error };
        let told = |error| unknown(failed("synchronize", "Waiting", &error));
        let mut found = self.marks.wait(ticket).map_err(told)?;
        if found.is_none() {
            self.mark(ticket).map_err(unknown)?;
            found = self.marks.wait(ticket).map_err(told)?;
        }
        let Some((passed, word)) = found else { return Ok(ticket) };
        match self.faults.error(&word) {
            Some((ticket, error)) => Err(LateFailure { ticket: Some(ticket), error }),
            None => Ok(passed),
        }
    }

    fn stopwatch(&self) -> Result<Box<dyn Stopwatch>> {
        self.start_stopwatch()
    }

    fn recover(&self) -> Result<()> {
        let _issue = self.issue();
        self.marks.clear();
        self.clear_fault()
    }

    fn launches(&self) -> u64 {
        CudaContext::launches(self)
    }

    fn plan(&self) -> String {
        self.plan_text()
    }

    fn use_plan(&self, plan: &str) -> Result<()> {
        self.take_plan(plan)
    }

    /// The host only launches.
    fn chunks_by_thread(&self) -> Vec<u64> {
        Vec::new()
    }
}
