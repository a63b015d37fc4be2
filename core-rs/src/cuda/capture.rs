//! The stream while it is captured: what it is given is noted for a graph instead of done.

use super::buffer::DeviceBuffer;
use super::context::{CudaContext, failed};
use crate::error::Result;
use cudarc::driver::{DriverError, result, sys};
use std::sync::{Arc, MutexGuard};

/// A capture under way; it ends with this, whatever happens, and leaves the stream as it was.
///
/// Only this thread may not allocate or wait meanwhile: the others use the driver as ever, but give the stream nothing.
pub struct StreamCapture<'a> {
    cuda: &'a CudaContext,
    /// Of the command that captures; what is captured takes the ticket of the replay under way from the fault word.
    ticket: u64,
    open: bool,
    _issue: MutexGuard<'a, ()>,
}

impl<'a> StreamCapture<'a> {
    pub fn begin(op: &'static str, cuda: &'a CudaContext, ticket: u64) -> Result<StreamCapture<'a>> {
        let told = |error| failed(op, "Beginning to record a graph", &error);
        let issue = cuda.issue();
        cuda.bind().map_err(told)?;
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream lives as long as the context.
        unsafe { result::stream::begin_capture(cuda.stream().cu_stream(), mode) }.map_err(told)?;
        cuda.set_capturing(true);
        cuda.faults.set_ticket(0);
        cuda.begin_keeping();
        Ok(StreamCapture { cuda, ticket, open: true, _issue: issue })
    }

    /// What was captured, and the memory that it points at.
    pub fn end(mut self, op: &'static str) -> Result<(Template, Vec<Arc<DeviceBuffer>>)> {
        let (template, kept) = self.close();
        Ok((template.map_err(|error| failed(op, "Recording a graph", &error))?, kept))
    }

    fn close(&mut self) -> (std::result::Result<Template, DriverError>, Vec<Arc<DeviceBuffer>>) {
        self.open = false;
        let stream = self.cuda.stream().cu_stream();
        // SAFETY: this thread has begun the stream's capture. One that went wrong ends here with an error.
        let template = unsafe { result::stream::end_capture(stream) }.map(Template);
        if template.is_err() {
            // A call that was refused itself has ended nothing, and everything given to the stream would be lost.
            // SAFETY: as above; where nothing is captured any more, this is refused.
            drop(unsafe { result::stream::end_capture(stream) }.map(Template));
        }
        self.cuda.set_capturing(false);
        self.cuda.faults.set_ticket(self.ticket);
        (template, self.cuda.end_keeping())
    }
}

impl Drop for StreamCapture<'_> {
    fn drop(&mut self) {
        if self.open {
            let _ = self.close();
        }
    }
}

/// A graph that cannot be launched yet.
pub struct Template(sys::CUgraph);

impl Template {
    pub fn instantiate(&self) -> std::result::Result<sys::CUgraphExec, DriverError> {
        let mut made = std::ptr::null_mut();
        // SAFETY: the graph is alive; the driver copies what it needs of it.
        unsafe { sys::cuGraphInstantiateWithFlags(&mut made, self.0, 0) }.result()?;
        Ok(made)
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        // SAFETY: came from the end of a capture, destroyed once; the capturing thread has the device current.
        let _ = unsafe { sys::cuGraphDestroy(self.0) };
    }
}
