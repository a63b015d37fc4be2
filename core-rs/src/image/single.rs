//! One image to decode, from any thread.

use super::Image;
use super::decode::decode;
use super::limits::{Limits, Refusal};
use super::resize::{Resizer, to_short_side};
use crate::cpu::isa::Isa;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A decoded image.
pub struct Decoded {
    /// With its short side as it was asked for.
    pub image: Image,
    /// Height and width of the file's image.
    pub source: [usize; 2],
    pub damage: Option<String>,
}

/// What a run came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Stopped,
    Failed(String),
}

enum State {
    Waiting(Vec<u8>),
    Running,
    Done(Decoded),
    /// Failed, stopped, or taken.
    Over,
}

/// What the threads share that start, decode and take an image.
pub struct Work {
    size: usize,
    limits: Limits,
    stopped: AtomicBool,
    state: Mutex<State>,
}

/// An image on its way; dropping it stops its decoding.
pub struct Single(Arc<Work>);

impl Single {
    /// Takes a copy of the bytes.
    pub fn new(bytes: &[u8], size: usize, limits: Limits) -> Result<Single, String> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(bytes.len()).map_err(|_| format!("The system refused {} bytes", bytes.len()))?;
        copy.extend_from_slice(bytes);
        let state = Mutex::new(State::Waiting(copy));
        Ok(Single(Arc::new(Work { size, limits, stopped: AtomicBool::new(false), state })))
    }

    pub fn work(&self) -> Arc<Work> {
        self.0.clone()
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

impl Work {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decodes; a second run has nothing to do and fails.
    pub fn run(&self) -> Outcome {
        let state = std::mem::replace(&mut *self.locked(), State::Running);
        let State::Waiting(bytes) = state else {
            *self.locked() = state;
            return Outcome::Failed("It was decoded before".to_string());
        };
        let result = self.decoded(&bytes);
        let (state, outcome) = match result {
            Ok(decoded) => (State::Done(decoded), Outcome::Done),
            Err(Refusal::Stopped) => (State::Over, Outcome::Stopped),
            Err(refusal) => (State::Over, Outcome::Failed(refusal.to_string())),
        };
        *self.locked() = state;
        outcome
    }

    fn decoded(&self, bytes: &[u8]) -> Result<Decoded, Refusal> {
        let isa = Isa::detect();
        let whole = decode(isa, bytes, &self.limits, &|| self.stopped.load(Ordering::Relaxed))?;
        let source = [whole.image.height, whole.image.width];
        let image = to_short_side(isa, &mut Resizer::default(), whole.image, self.size)?;
        Ok(Decoded { image, source, damage: whole.damage })
    }

    /// What a run decoded, once.
    pub fn take(&self) -> Option<Decoded> {
        let mut state = self.locked();
        match std::mem::replace(&mut *state, State::Over) {
            State::Done(decoded) => Some(decoded),
            other => {
                *state = other;
                None
            }
        }
    }
}
