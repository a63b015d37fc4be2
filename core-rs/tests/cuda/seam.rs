//! Two devices behind the same calls: a stand-in for the GPU takes the calls of the C ABI.

use super::abi::{Caller, lt_blur_pool, open};
use libtrain::cpu::CpuContext;
use libtrain::cuda::probe;
use libtrain::error::Result;
use libtrain::runtime::backend::{Backend, Device, HostMemory};
use libtrain::runtime::handles::{Entry, table};
use libtrain::runtime::queue::Queue;
use libtrain::runtime::record::Record;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Says that it is a GPU; counts blocks and what it is asked to do, and does it in host memory.
struct StandIn {
    cpu: CpuContext,
    blocks: AtomicUsize,
    copies: AtomicUsize,
    runs: AtomicUsize,
}

impl Backend for StandIn {
    fn device(&self) -> Device {
        Device::Cuda
    }
    fn allocate(&self, op: &'static str, bytes: usize) -> Result<*mut u8> {
        self.blocks.fetch_add(1, Ordering::SeqCst);
        self.cpu.allocate(op, bytes)
    }
    unsafe fn free(&self, pointer: *mut u8, bytes: usize) {
        self.blocks.fetch_sub(1, Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { self.cpu.free(pointer, bytes) }
    }
    unsafe fn upload(&self, source: &[u8], target: *mut u8) -> Result<()> {
        self.copies.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { self.cpu.upload(source, target) }
    }
    unsafe fn download(&self, source: *const u8, target: &mut dyn HostMemory) -> Result<()> {
        self.copies.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { self.cpu.download(source, target) }
    }
    unsafe fn copy(&self, source: *const u8, target: *mut u8, bytes: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.cpu.copy(source, target, bytes) }
    }
    fn run(&self, record: &Record) -> Result<()> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.cpu.run(record)
    }
    fn chunks_by_thread(&self) -> Vec<u64> {
        Vec::new()
    }
}

#[test]
fn the_queue_runs_through_its_backend_and_refuses_at_the_call() {
    let count = AtomicUsize::default;
    let backend = StandIn { cpu: CpuContext::new(1).unwrap(), blocks: count(), copies: count(), runs: count() };
    let backend = Arc::new(backend);
    let queue = Arc::new(Queue::new(u32::MAX, backend.clone()).unwrap());
    let caller = Caller(table().insert(Entry::Queue(queue)));
    let single = caller.tensor(0, &[1, 2, 2, 1], &[0; 16]);
    let double = caller.tensor(1, &[1, 2, 2, 1], &[0; 32]);

    let refused = |message: &str| Err((9, message.to_string()));
    let no_dtype = "blur_pool(): Expected a dtype that CUDA computes with, got f64";
    assert_eq!(caller.op(lt_blur_pool, double, &[3.0, 2.0, 0.0]), refused(no_dtype));
    let pooled = caller.op(lt_blur_pool, single, &[3.0, 2.0, 0.0]).unwrap();
    assert_eq!(caller.read(pooled, 1), [0.0]);
    let seen = [&backend.blocks, &backend.copies, &backend.runs].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(seen, [3, 3, 1], "blocks, copies, runs");
}

#[test]
fn a_cuda_queue_opens_or_its_call_says_what_is_missing() {
    match probe::find().missing() {
        None => assert!(open(1).is_ok()),
        Some(line) => assert_eq!(open(1).err(), Some((10, line))),
    }
}
