//! What a queue is given.

use super::command_context::CommandContext;
use super::memory::Storage;
use super::read::ReadSlot;
use super::record::Record;
use super::replay::Replay;
use super::source::Source;
use super::tensor::Operand;
use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What the queue's thread does in one go.
pub enum Command {
    Run(Record),
    Replay(Replay),
    /// Copies a tensor to the host; the storage is held until then.
    Read {
        source: Operand,
        storage: Arc<Storage>,
        into: Arc<ReadSlot>,
    },
    /// Copies host values into a tensor.
    Write {
        target: Operand,
        source: Source,
    },
    /// Stands for commands that are not to be run after all: what they would have written is marked so, in their turn.
    Forget(Vec<Command>),
}

impl Command {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Command::Run(record) => record.kernel.name(),
            Command::Replay(_) => "replay",
            Command::Read { .. } => "read",
            Command::Write { .. } => "write",
            Command::Forget(_) => "forget",
        }
    }

    /// Whether somebody is sure to wait for this one: the host reads its values, or paces itself by it.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self, Command::Replay(_) | Command::Read { .. })
    }

    pub(super) fn run(self, context: &CommandContext) -> Result<()> {
        match self {
            Command::Run(record) => record.run(context),
            Command::Replay(replay) => context.backend.replay(&replay, context),
            Command::Read { source, storage, into } => {
                if context.is_poisoned(&source.block) {
                    // The reader's error alone: the op that failed has told everybody.
                    into.refuse(Error::state("read", "This tensor was never computed, as an earlier op failed"));
                    return Ok(());
                }
                // SAFETY: the storage is held and of this queue's device, and as large as the slot was made.
                into.fill(|target| unsafe { context.backend.download(source.pointer(), target) })?;
                drop(storage);
                Ok(())
            }
            Command::Write { target, source } => {
                target.block.poisoned.store(true, Ordering::Relaxed);
                // SAFETY: the target is of this queue's device and holds as many bytes as the source (checked at the call).
                unsafe { source.upload(context.backend, target.pointer()) }?;
                context.wrote(&target.block);
                Ok(())
            }
            Command::Forget(commands) => {
                commands.into_iter().for_each(Command::skip);
                Ok(())
            }
        }
    }

    /// What happens instead while an error waits to be seen.
    pub(super) fn skip(self) {
        match self {
            Command::Run(record) => record.poison(),
            Command::Replay(replay) => replay.poison(),
            Command::Write { target, .. } => target.block.poisoned.store(true, Ordering::Relaxed),
            Command::Read { into, .. } => into.refuse(Error::state("read", "This tensor was never computed")),
            Command::Forget(commands) => commands.into_iter().for_each(Command::skip),
        }
    }
}
