//! Running a recorded step again.

use super::capture::Graph;
use super::command_context::CommandContext;
use super::tensor::Operand;
use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A value and where it is copied to; both are of the queue's device and hold the same number of bytes.
pub type Copied = (Operand, Operand);

/// One run of a graph's records.
#[derive(Clone, Default)]
pub struct Step {
    /// (argument, slot)
    pub arguments: Vec<Copied>,
    /// (learning rate, the scalar that the records read)
    pub rate: Option<Copied>,
    /// (result inside the graph, fresh tensor)
    pub results: Vec<Copied>,
}

/// A graph's steps, one after another: one command.
pub struct Replay {
    pub graph: Arc<Graph>,
    pub steps: Vec<Step>,
}

impl Replay {
    /// Runs every record in order.
    pub fn run(&self, context: &CommandContext) -> Result<()> {
        // Before, as a kernel that panics does not come back here.
        self.poison();
        self.steps.iter().try_for_each(|step| {
            step.begin(context)?;
            self.graph.records.iter().try_for_each(|record| context.go_on().and_then(|()| record.run(context)))?;
            step.end(context)
        })
    }

    /// Marks the results as never computed.
    pub fn poison(&self) {
        for (_, target) in self.steps.iter().flat_map(|step| &step.results) {
            target.block.poisoned.store(true, Ordering::Relaxed);
        }
    }
}

impl Step {
    /// Copies in what the records read.
    pub fn begin(&self, context: &CommandContext) -> Result<()> {
        self.arguments.iter().try_for_each(|copied| copy(copied, context))?;
        // The scalar is written in place: it holds a rate, whatever comes of this command.
        self.rate.iter().try_for_each(|copied| copy_over(copied, context))
    }

    /// Copies out what they have computed.
    pub fn end(&self, context: &CommandContext) -> Result<()> {
        self.results.iter().try_for_each(|copied| copy(copied, context))
    }
}

fn copy(copied: &Copied, context: &CommandContext) -> Result<()> {
    copy_over(copied, context)?;
    context.wrote(&copied.1.block);
    Ok(())
}

fn copy_over((source, target): &Copied, context: &CommandContext) -> Result<()> {
    if context.is_poisoned(&source.block) {
        return Err(Error::state("replay", "An argument was never computed, as an earlier op failed"));
    }
    // SAFETY: as `Copied` says.
    unsafe { context.backend.copy(source.pointer(), target.pointer(), source.meta.bytes()) }
}
