//! Brings what the threads decoded back into the order of the source, so that a file's bytes do not depend on them.

use super::{Fault, Progress};
use crate::image::Image;
use crate::image::cache::CacheWriter;
use crate::image::source::Place;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Images that may be on their way at once, for each thread.
const AHEAD: u64 = 16;

/// An image as the cache keeps it, and its file's own height and width.
pub type Sized = (Image, [usize; 2]);

/// What became of one image file.
pub type Decoded = (Place, Result<Sized, String>);

/// The files of the two splits, those that are being made.
pub type Writers = [Option<CacheWriter>; 2];

struct State {
    /// The number of the image to write next.
    next: u64,
    waiting: BTreeMap<u64, Decoded>,
    writers: Writers,
    fault: Option<Fault>,
}

/// Takes images in any order, writes them in the order of their numbers.
pub struct Order<'a> {
    state: Mutex<State>,
    moved: Condvar,
    ahead: u64,
    strict: bool,
    progress: &'a Progress,
}

impl<'a> Order<'a> {
    pub fn new(writers: Writers, threads: usize, strict: bool, progress: &'a Progress) -> Order<'a> {
        let state = State { next: 0, waiting: BTreeMap::new(), writers, fault: None };
        Order { state: Mutex::new(state), moved: Condvar::new(), ahead: AHEAD * threads as u64, strict, progress }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until image `number` may be begun; fails when it is no use any more.
    pub fn admit(&self, number: u64) -> Result<(), Fault> {
        let mut state = self.locked();
        loop {
            self.progress.check()?;
            if let Some(fault) = &state.fault {
                return Err(fault.clone());
            }
            if number < state.next + self.ahead {
                return Ok(());
            }
            // The time-out only looks whether the job was cancelled meanwhile.
            let wait = self.moved.wait_timeout(state, Duration::from_millis(20));
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the images still on their way are wanted.
    pub fn is_over(&self) -> bool {
        self.progress.is_cancelled() || self.locked().fault.is_some()
    }

    /// Takes image `number`, and writes all whose turn has come.
    pub fn put(&self, number: u64, decoded: Decoded) {
        let mut state = self.locked();
        state.waiting.insert(number, decoded);
        while state.fault.is_none() {
            let next = state.next;
            let Some((place, image)) = state.waiting.remove(&next) else { break };
            state.next += 1;
            if let Err(fault) = self.write(&mut state.writers, place, image) {
                state.fault = Some(fault);
            }
        }
        self.moved.notify_all();
    }

    fn write(&self, writers: &mut Writers, place: Place, image: Result<Sized, String>) -> Result<(), Fault> {
        match &image {
            Ok((image, _)) => {
                self.progress.decoded.fetch_add(1, Ordering::Relaxed);
                self.progress.written.fetch_add(image.pixels.len() as u64, Ordering::Relaxed);
            }
            Err(reason) if self.strict => return Err(Fault::data(format!("{}: {reason}", place.path()))),
            Err(_) => {
                self.progress.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        let writer = writers[place.split as usize].as_mut().expect("only images of files in the making are decoded");
        writer.add(place, image)
    }

    /// The files, once every image is written.
    pub fn finish(self) -> Result<Writers, Fault> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.progress.check()?;
        match state.fault {
            Some(fault) => Err(fault),
            None => Ok(state.writers),
        }
    }
}
