//! How long work takes on the device, for choosing between algorithms.

use super::context::{CudaContext, failed};
use super::launch::{Grid, args};
use super::marks::Event;
use super::nvrtc::Source;
use crate::error::Result;

static SOURCE: Source = Source { name: "timing", text: include_str!("kernels/timing.cu") };

/// Clock ticks that the device is kept busy for while work is enqueued: about half a millisecond.
const BUSY: u64 = 1_000_000;

impl CudaContext {
    /// Milliseconds that a piece of work takes on the device, the best of `rounds` of `runs` one behind the other.
    ///
    /// The device is kept busy until all runs are enqueued: what the host needs for a call does not count.
    pub fn time(&self, op: &'static str, rounds: usize, runs: usize, work: impl Fn() -> Result<()>) -> Result<f32> {
        let told = |error| failed(op, "Timing", &error);
        let mut best = f32::INFINITY;
        for _ in 0..rounds {
            self.launch(op, &SOURCE, "keep_busy", Grid::line(1, 32), &args![BUSY])?;
            let start = Event::timed(self.device(), self.stream().cu_stream()).map_err(told)?;
            for _ in 0..runs {
                work()?;
            }
            let end = Event::timed(self.device(), self.stream().cu_stream()).map_err(told)?;
            end.wait().map_err(told)?;
            best = best.min(start.milliseconds_to(&end).map_err(told)? / runs as f32);
        }
        Ok(best)
    }
}
