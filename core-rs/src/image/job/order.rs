//! Brings what the threads decoded back into the order of the source, so that a file's bytes do not depend on them.

use super::{Fault, Progress};
use crate::image::Image;
use crate::image::cache::{CacheWriter, DIGEST};
use crate::image::source::Place;
use crate::shown::shown;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Images that may be on their way at once, for each thread.
const AHEAD: u64 = 16;

/// Bytes of decoded images that may wait for their turn, besides the one that each thread has in hand.
const WAITING: usize = 256 << 20;

/// An image as the cache keeps it.
pub struct Made {
    pub image: Image,
    /// Height and width of the file's own.
    pub source: [usize; 2],
    /// What is wrong with the file, where it could be read all the same.
    pub damage: Option<String>,
}

/// What became of one image file.
pub struct Decoded {
    pub place: Place,
    /// Of the file's bytes; zeros where there are none.
    pub digest: [u8; DIGEST],
    pub image: Result<Made, String>,
}

/// The files of the parts, those that are being made.
pub type Writers = [Option<CacheWriter>; 3];

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
    /// Set with the fault: read by those who decode, again and again.
    over: AtomicBool,
    progress: &'a Progress,
}

impl<'a> Order<'a> {
    pub fn new(writers: Writers, threads: usize, strict: bool, progress: &'a Progress) -> Order<'a> {
        let state = State { next: 0, waiting: BTreeMap::new(), waiting_bytes: 0, writers, fault: None };
        let ahead = AHEAD * threads as u64;
        let over = AtomicBool::new(false);
        Order { state: Mutex::new(state), moved: Condvar::new(), ahead, most_bytes: WAITING, strict, over, progress }
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

    /// Whether the images still on their way are of no use any more: asked within a decode, so without the lock.
    pub fn is_over(&self) -> bool {
        self.progress.is_cancelled() || self.over.load(Ordering::Relaxed)
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
            if let Err(fault) = self.write(&mut state.writers, decoded) {
                self.over.store(true, Ordering::Relaxed);
                state.fault = Some(fault);
            }
        }
        self.moved.notify_all();
    }

    fn write(&self, writers: &mut Writers, Decoded { place, digest, image }: Decoded) -> Result<(), Fault> {
        let refused = |reason: &str| Err(Fault::data(format!("{}: {reason}", shown(&place.path()))));
        match &image {
            Ok(Made { damage: Some(damage), .. }) if self.strict => return refused(&format!("Damaged: {damage}")),
            Ok(Made { image, .. }) => {
                self.progress.decoded.fetch_add(1, Ordering::Relaxed);
                self.progress.written.fetch_add(image.pixels.len() as u64, Ordering::Relaxed);
            }
            Err(reason) if self.strict => return refused(reason),
            Err(_) => {
                self.progress.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        let writer = writers[place.split as usize].as_mut().expect("only images of files in the making are decoded");
        writer.add(place, digest, image)
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

fn pixel_bytes(Decoded { image, .. }: &Decoded) -> usize {
    image.as_ref().map_or(0, |made| made.image.pixels.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::source::Split;
    use crate::image::source::testing::Temp;
    use std::thread;

    /// 300 bytes of pixels.
    fn image(number: u64) -> Decoded {
        let file = format!("{number}.png").as_str().into();
        let place = Place { split: Split::Val, class: "a".into(), file, folder: Some("val") };
        let image = Image { height: 10, width: 10, pixels: vec![0; 300] };
        Decoded { place, digest: [0; DIGEST], image: Ok(Made { image, source: [10, 10], damage: None }) }
    }

    fn order<'a>(temp: &Temp, progress: &'a Progress) -> Order<'a> {
        let writer = CacheWriter::create(temp, "val.pixels").unwrap();
        Order { most_bytes: 500, ..Order::new([None, Some(writer), None], 4, false, progress) }
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
        let [_, writer, _] = order.finish().unwrap();
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
