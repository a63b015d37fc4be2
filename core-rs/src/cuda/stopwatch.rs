//! Time on the stream, by a pair of events around the work.

use super::context::{CudaContext, failed};
use super::marks::Event;
use crate::error::{Error, Result};
use crate::runtime::backend::Stopwatch;
use cudarc::driver::{self, CudaStream};
use std::sync::Arc;

const OP: &str = "queue_timed";

struct EventPair {
    device: Arc<driver::CudaContext>,
    stream: Arc<CudaStream>,
    start: Event,
    end: Option<Event>,
}

impl CudaContext {
    /// Between the work given to the stream so far and what comes next. Not while the stream is being captured.
    pub(super) fn start_stopwatch(&self) -> Result<Box<dyn Stopwatch>> {
        let (device, stream) = (self.device().clone(), self.shared_stream());
        let start = Event::timed(&device, stream.cu_stream()).map_err(|error| failed(OP, "Timing", &error))?;
        Ok(Box::new(EventPair { device, stream, start, end: None }))
    }
}

impl Stopwatch for EventPair {
    fn stop(&mut self) -> Result<()> {
        let end = Event::timed(&self.device, self.stream.cu_stream());
        self.end = Some(end.map_err(|error| failed(OP, "Timing", &error))?);
        Ok(())
    }

    fn milliseconds(&self) -> Result<f64> {
        let Some(end) = &self.end else { return Err(Error::state(OP, "The work was not done when it was asked for")) };
        let taken = self.start.milliseconds_to(end).map_err(|error| failed(OP, "Timing", &error))?;
        Ok(f64::from(taken))
    }
}
