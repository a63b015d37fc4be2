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

/// Bytes of decoded images that may wait for their turn, besides the one that each thread has in hand.
const WAITING: usize = 256 << 20;

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
    /// Pixels of those.
    waiting_bytes: usize,
    writers: Writers,
    fault: Option<Fault>,
}

/// Takes images in any order, writes them in the order of their numbers.
pub struct Order<'a> {
    state: Mutex<State>,
    moved: Condvar,
    ahead: u64,
    most_bytes: usize,
    strict: bool,
    progress: &'a Progress,
}

impl<'a> Order<'a> {
    pub fn new(writers: Writers, threads: usize, strict: bool, progress: &'a Progress) -> Order<'a> {
        let state = State { next: 0, waiting: BTreeMap::new(), waiting_bytes: 0, writers, fault: None };
        let ahead = AHEAD * threads as u64;
        Order { state: Mutex::new(state), moved: Condvar::new(), ahead, most_bytes: WAITING, strict, progress }
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
            state = self.until_moved(state);
        }
    }

    /// Waits for a change; the time-out only looks whether the job was cancelled meanwhile.
    fn until_moved<'b>(&self, state: MutexGuard<'b, State>) -> MutexGuard<'b, State> {
        let wait = self.moved.wait_timeout(state, Duration::from_millis(20));
        wait.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Whether the images still on their way are wanted.
    pub fn is_over(&self) -> bool {
        self.progress.is_cancelled() || self.locked().fault.is_some()
    }

    /// Whether the job is cancelled: asked within a decode, so without the lock.
    pub fn is_cancelled(&self) -> bool {
        self.progress.is_cancelled()
    }

    /// Takes image `number`, and writes all whose turn has come. Waits while too many bytes wait before it.
    pub fn put(&self, number: u64, decoded: Decoded) {
        let bytes = pixel_bytes(&decoded);
        let mut state = self.locked();
        // The next one never waits here, and some thread has it: images are begun in their order.
        while number != state.next && state.waiting_bytes + bytes > self.most_bytes {
            if state.fault.is_some() || self.progress.is_cancelled() {
                return;
            }
            state = self.until_moved(state);
        }
        state.waiting_bytes += bytes;
        state.waiting.insert(number, decoded);
        while state.fault.is_none() {
            let next = state.next;
            let Some(decoded) = state.waiting.remove(&next) else { break };
            state.next += 1;
            state.waiting_bytes -= pixel_bytes(&decoded);
            let (place, image) = decoded;
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

fn pixel_bytes((_, image): &Decoded) -> usize {
    image.as_ref().map_or(0, |(image, _)| image.pixels.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::source::Split;
    use crate::image::source::testing::Temp;
    use std::thread;

    /// 300 bytes of pixels.
    fn image(number: u64) -> Decoded {
        let place = Place { split: Split::Val, class: "a".into(), file: format!("{number}.png") };
        (place, Ok((Image { height: 10, width: 10, pixels: vec![0; 300] }, [10, 10])))
    }

    fn order<'a>(temp: &Temp, progress: &'a Progress) -> Order<'a> {
        let writer = CacheWriter::create(temp, "val.pixels").unwrap();
        Order { most_bytes: 500, ..Order::new([None, Some(writer)], 4, false, progress) }
    }

    #[test]
    fn decoded_images_wait_up_to_so_many_bytes() {
        let (temp, progress) = (Temp::create(), Progress::default());
        let order = order(&temp, &progress);
        order.put(1, image(1));
        thread::scope(|scope| {
            let second = scope.spawn(|| order.put(2, image(2)));
            thread::sleep(Duration::from_millis(50));
            assert!(!second.is_finished() && order.locked().waiting.len() == 1);
            order.put(0, image(0));
        });
        assert_eq!(order.locked().waiting_bytes, 0);
        let [_, writer] = order.finish().unwrap();
        assert_eq!(writer.unwrap().images(), 3);
    }

    #[test]
    fn who_waits_for_bytes_is_let_go_when_the_job_is_cancelled() {
        let (temp, progress) = (Temp::create(), Progress::default());
        let order = order(&temp, &progress);
        order.put(1, image(1));
        thread::scope(|scope| {
            scope.spawn(|| order.put(2, image(2)));
            progress.cancel();
        });
        assert!(matches!(order.finish(), Err(Fault::Cancelled)));
    }
}
