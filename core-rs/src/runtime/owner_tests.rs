use super::*;
use crate::cpu::CpuContext;
use crate::dtype::Dtype;
use crate::error::Status;
use crate::runtime::memory::Storage;
use crate::runtime::queue::Queue;
use crate::runtime::tensor::Tensor;
use crate::shape::{Meta, Shape};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Opens a queue that holds two tensors, as a Worker would.
fn open(id: u32) -> (Arc<Queue>, [Handle; 3]) {
    let queue = Arc::new(Queue::new(id, Arc::new(CpuContext::new(2).unwrap())).unwrap());
    let handle = table().insert(Entry::Queue(queue.clone()));
    owns(handle);
    let meta = Meta::new(Shape::new("test", &[1 << 20]).unwrap(), Dtype::F32);
    let tensor = || {
        let storage = Storage::allocate("test", meta.bytes(), &queue.pool).unwrap();
        table().insert(Entry::Tensor(Tensor { storage, offset: 0, meta, queue: id }))
    };
    let handles = [handle, tensor(), tensor()];
    (queue, handles)
}

fn gone<T>(weak: &Weak<T>) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    while weak.strong_count() > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    weak.strong_count() == 0
}

#[test]
fn a_thread_that_ends_takes_its_queues_and_their_handles_with_it() {
    let (queue, counters, handles) = std::thread::spawn(|| {
        let (queue, handles) = open(u32::MAX - 1);
        (Arc::downgrade(&queue), queue.counters.clone(), handles)
    })
    .join()
    .unwrap();
    assert!(handles.iter().all(|&handle| !table().is_live(handle)));
    assert!(gone(&queue));
    assert_eq!(counters.reserved.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn who_waits_for_a_queue_whose_thread_ends_is_told() {
    let (queue, waiter) = std::thread::spawn(|| {
        let (queue, _) = open(u32::MAX - 2);
        let waiting = queue.clone();
        // Nothing with this ticket was ever enqueued.
        (Arc::downgrade(&queue), std::thread::spawn(move || waiting.wait(1)))
    })
    .join()
    .unwrap();
    assert_eq!(waiter.join().unwrap().unwrap_err().status(), Status::StaleHandle);
    assert!(gone(&queue));
}

#[test]
fn another_threads_queue_stays() {
    let (queue, handles) = open(u32::MAX - 3);
    std::thread::spawn(|| drop(open(u32::MAX - 4))).join().unwrap();
    assert!(handles.iter().all(|&handle| table().is_live(handle)));
    drop(queue);
    let entries = table().remove_queue(handles[0]);
    assert_eq!(entries.len(), 3);
}
