//! Two devices behind the same calls: a stand-in for the GPU takes the calls of the C ABI.

use libtrain::cpu::CpuContext;
use libtrain::cuda::probe;
use libtrain::error::Result;
use libtrain::runtime::backend::{Backend, Device};
use libtrain::runtime::handles::{Entry, Handle, table};
use libtrain::runtime::queue::Queue;
use libtrain::runtime::record::Record;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

unsafe extern "C" {
    fn lt_queue_create(kind: u32, threads: u32, out: *mut u32, out_bytes: u32) -> i32;
    fn lt_tensor_create(
        queue_slot: u32,
        queue_generation: u32,
        dtype: u32,
        shape: *const u32,
        shape_bytes: u32,
        data: *const u8,
        data_bytes: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    fn lt_exp(qs: u32, qg: u32, i: *const u32, ib: u32, p: *const f64, pb: u32, out: *mut u32, out_bytes: u32) -> i32;
    fn lt_blur_pool(
        qs: u32,
        qg: u32,
        i: *const u32,
        ib: u32,
        p: *const f64,
        pb: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
}
type Op = unsafe extern "C" fn(u32, u32, *const u32, u32, *const f64, u32, *mut u32, u32) -> i32;

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
    fn allocate(&self, bytes: usize) -> Option<*mut u8> {
        self.blocks.fetch_add(1, Ordering::SeqCst);
        self.cpu.allocate(bytes)
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
    unsafe fn download(&self, source: *const u8, bytes: usize, target: &mut Vec<u8>) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.cpu.download(source, bytes, target) }
    }
    unsafe fn copy(&self, source: *const u8, target: *mut u8, bytes: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.cpu.copy(source, target, bytes) }
    }
    fn run(&self, record: &Record) -> Result<()> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.cpu.run(record)
    }
    fn finish(&self) -> Result<()> {
        Ok(())
    }
    fn chunks_by_thread(&self) -> Vec<u64> {
        Vec::new()
    }
}

/// Status, and the words or the message of a call.
fn called(call: impl FnOnce(*mut u32, u32) -> i32) -> (i32, Vec<u32>, String) {
    let mut out = vec![0u32; 256];
    let status = call(out.as_mut_ptr(), 1024);
    let bytes: Vec<u8> = out[1..].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let message = String::from_utf8_lossy(&bytes[..(out[0] as usize).min(bytes.len())]).into_owned();
    (status, out, message)
}

#[test]
fn the_queue_runs_through_its_backend_and_refuses_at_the_call() {
    let count = AtomicUsize::default;
    let backend = StandIn { cpu: CpuContext::new(1).unwrap(), blocks: count(), copies: count(), runs: count() };
    let backend = Arc::new(backend);
    let queue = Arc::new(Queue::new(u32::MAX, backend.clone()).unwrap());
    let Handle { slot, generation } = table().insert(Entry::Queue(queue.clone()));
    let make = |dtype: u32, bytes: u32| {
        let (shape, data) = ([1u32, 2, 2, 1], [0u8; 32]);
        // SAFETY: buffers with their lengths.
        let (status, out, message) = called(|out, size| unsafe {
            lt_tensor_create(slot, generation, dtype, shape.as_ptr(), 16, data.as_ptr(), bytes, out, size)
        });
        assert_eq!(status, 0, "{message}");
        [out[0], out[1]]
    };
    let call = |op: Op, tensor: [u32; 2], params: &[f64]| {
        // SAFETY: as above.
        called(|out, size| unsafe {
            op(slot, generation, tensor.as_ptr(), 8, params.as_ptr(), 8 * params.len() as u32, out, size)
        })
    };
    let (single, double) = (make(0, 16), make(1, 32));

    let (status, _, message) = call(lt_exp, single, &[]);
    assert_eq!((status, message.as_str()), (9, "exp(): This op has no CUDA kernel yet: use --device cpu"));
    let (status, _, message) = call(lt_blur_pool, double, &[3.0, 2.0, 0.0]);
    assert_eq!(
        (status, message.as_str()),
        (9, "blur_pool(): Expected a dtype that CUDA computes with, got f64: use --device cpu")
    );
    let (status, out, message) = call(lt_blur_pool, single, &[3.0, 2.0, 0.0]);
    assert_eq!(status, 0, "{message}");
    queue.wait(u64::from(out[0])).unwrap();
    let seen = [&backend.blocks, &backend.copies, &backend.runs].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(seen, [3, 2, 1], "blocks, copies, runs");
}

#[test]
fn a_cuda_queue_opens_or_its_call_says_what_is_missing() {
    // SAFETY: a buffer with its length.
    let (status, _, message) = called(|out, size| unsafe { lt_queue_create(1, 0, out, size) });
    match probe::find().missing() {
        None => assert_eq!(status, 0, "{message}"),
        Some(line) => assert_eq!((status, message), (10, line)),
    }
}
