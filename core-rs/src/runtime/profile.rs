//! How long each record of a queue takes on its device, while somebody wants to know.

use super::backend::{Backend, Stopwatch};
use super::command::Command;
use super::record::Record;
use super::tensor::Operand;
use crate::error::Result;
use crate::json::{Object, array, quoted};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Operands whose shapes are told; what has more is known by its bytes.
const TOLD: usize = 6;

/// What was timed so far.
#[derive(Default)]
pub struct Profile {
    on: AtomicBool,
    timed: Mutex<Vec<Timed>>,
}

/// One record, or one replay of a captured step.
pub struct Timed {
    op: &'static str,
    /// Bytes of the operands that it reads, and of those that it writes.
    read: usize,
    written: usize,
    /// JSON lists of `["f32",[2,3]]`, null for an absent input.
    inputs: String,
    outputs: String,
    watch: Box<dyn Stopwatch>,
}

impl Profile {
    /// Forgets what was timed; from now on records are timed, or are not.
    pub fn switch(&self, on: bool) {
        self.timed().clear();
        self.on.store(on, Ordering::Release);
    }

    /// Starts the clock for a command; `None` where it is not to be timed.
    pub fn begin(&self, command: &Command, backend: &dyn Backend) -> Result<Option<Timed>> {
        if !self.on.load(Ordering::Acquire) {
            return Ok(None);
        }
        Ok(match command {
            Command::Run(record) => Some(Timed::of(record, backend.stopwatch()?)),
            Command::Replay(_) => Some(Timed::replay(backend.stopwatch()?)),
            Command::Read { .. } | Command::Write { .. } | Command::Forget(_) => None,
        })
    }

    /// Stops the clock behind the command's work.
    pub fn end(&self, timed: Option<Timed>) -> Result<()> {
        let Some(mut timed) = timed else { return Ok(()) };
        timed.watch.stop()?;
        self.timed().push(timed);
        Ok(())
    }

    /// What was timed from a place on, as JSON objects, as many as fit into `room` bytes with commas between them. Their
    /// work must be done.
    pub fn json(&self, first: usize, room: usize) -> Result<(usize, String)> {
        let (mut count, mut text) = (0, String::new());
        for timed in self.timed().iter().skip(first) {
            let next = timed.json()?;
            if text.len() + next.len() + 1 > room {
                break;
            }
            if count > 0 {
                text.push(',');
            }
            text.push_str(&next);
            count += 1;
        }
        Ok((count, text))
    }

    fn timed(&self) -> MutexGuard<'_, Vec<Timed>> {
        self.timed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timed {
    fn of(record: &Record, watch: Box<dyn Stopwatch>) -> Timed {
        let bytes = |operand: &Operand| operand.meta.bytes();
        let inputs = record.inputs.iter().map(Option::as_ref);
        let changed =
            inputs.clone().enumerate().filter(|(index, _)| record.mutates(*index)).filter_map(|(_, input)| input);
        let written = record.outputs.iter().chain(changed).map(bytes).sum();
        Timed {
            op: record.kernel.name(),
            read: inputs.clone().flatten().map(bytes).sum(),
            written,
            inputs: shapes(inputs),
            outputs: shapes(record.outputs.iter().map(Some)),
            watch,
        }
    }

    fn replay(watch: Box<dyn Stopwatch>) -> Timed {
        Timed { op: "replay", read: 0, written: 0, inputs: "[]".to_string(), outputs: "[]".to_string(), watch }
    }

    fn json(&self) -> Result<String> {
        let Timed { op, read, written, inputs, outputs, watch } = self;
        let ms = watch.milliseconds()?;
        let timed = Object::new().text("op", op).value("ms", format_args!("{ms:.6}"));
        let timed = timed.value("read", read).value("written", written);
        Ok(timed.value("inputs", inputs).value("outputs", outputs).end())
    }
}

fn shapes<'a>(operands: impl Iterator<Item = Option<&'a Operand>>) -> String {
    let told = operands.take(TOLD).map(|operand| match operand {
        Some(operand) => array([quoted(&operand.meta.dtype.to_string()), array(operand.meta.shape.dims())]),
        None => "null".to_string(),
    });
    array(told)
}
