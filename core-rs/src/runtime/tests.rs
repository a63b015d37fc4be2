//! The queue with kernels that fail in every way.

use super::command::Command;
use super::memory::Storage;
use super::queue::Queue;
use super::read::ReadSlot;
use super::record::{Io, Record};
use super::source::Transfer;
use super::tensor::Tensor;
use crate::cpu::CpuContext;
use crate::dtype::Dtype;
use crate::error::{Error, Result, Status};
use crate::ops::{Kernel, Row};
use crate::shape::{Meta, Shape};
use std::sync::Arc;
use std::time::Duration;

static ROW: Row = Row { name: "test", inputs: &[], mutates: &[], view: false };

/// What a kernel of these tests does.
enum Act {
    Write(f32),
    Panic,
    Fail,
    Sleep(u64),
}

impl Kernel for Act {
    fn name(&self) -> &'static str {
        "test"
    }

    fn run_cpu(&self, io: &Io, _context: &CpuContext) -> Result<()> {
        match self {
            Act::Write(value) => io.output::<f32>(0).fill(*value),
            Act::Panic => std::panic::resume_unwind(Box::new("planted")),
            Act::Fail => return Err(Error::argument("test", "planted")),
            Act::Sleep(milliseconds) => std::thread::sleep(Duration::from_millis(*milliseconds)),
        }
        Ok(())
    }

    fn run_cuda(&self, _io: &crate::cuda::io::CudaIo, _cuda: &crate::cuda::context::CudaContext) -> Result<()> {
        unreachable!("these tests run on the CPU")
    }
}

fn queue() -> Queue {
    Queue::new(u32::MAX, Arc::new(CpuContext::new(1).unwrap())).unwrap()
}

fn tensor(queue: &Queue) -> Tensor {
    let meta = Meta::new(Shape::new("test", &[3]).unwrap(), Dtype::F32);
    Tensor { storage: Storage::allocate("test", meta.bytes(), &queue.pool).unwrap(), offset: 0, meta, queue: queue.id }
}

fn run(queue: &Queue, act: Act, output: &Tensor) -> u64 {
    let outputs = vec![output.operand()];
    queue.push(Command::Run(Record { kernel: Arc::new(act), inputs: Vec::new(), row: &ROW, outputs }))
}

/// The tensor's values, or the error of the read alone.
fn read(queue: &Queue, tensor: &Tensor) -> Result<Vec<f32>> {
    let slot = Arc::new(ReadSlot::new("test", queue, tensor.meta.bytes())?);
    let command = Command::Read { source: tensor.operand(), storage: tensor.storage.clone(), into: slot.clone() };
    let ticket = queue.push(command);
    slot.enqueued_as(ticket);
    queue.wait(ticket)?;
    let memory = slot.values().expect("the read has run")?;
    Ok(memory.bytes().chunks_exact(4).map(|word| f32::from_ne_bytes(word.try_into().unwrap())).collect())
}

#[test]
fn what_a_failed_kernel_should_have_written_cannot_be_read_after_recovery() {
    for act in [Act::Panic, Act::Fail] {
        let queue = queue();
        let (before, failed, skipped) = (tensor(&queue), tensor(&queue), tensor(&queue));
        run(&queue, Act::Write(1.0), &before);
        // The block has had a value once, as a reused one has.
        run(&queue, Act::Write(2.0), &failed);
        run(&queue, act, &failed);
        run(&queue, Act::Write(3.0), &skipped);
        assert_eq!(queue.wait(queue.enqueued()).unwrap_err().status(), Status::Late);
        queue.recover().unwrap();
        assert_eq!(read(&queue, &before).unwrap(), [1.0; 3]);
        assert_eq!(read(&queue, &failed).unwrap_err().status(), Status::State);
        assert_eq!(read(&queue, &skipped).unwrap_err().status(), Status::State);
        // Those reads were refused alone: the queue goes on.
        run(&queue, Act::Write(4.0), &failed);
        assert_eq!(read(&queue, &failed).unwrap(), [4.0; 3]);
    }
}

#[test]
fn closing_does_not_wait_and_fails_those_who_do() {
    let queue = Arc::new(queue());
    let output = tensor(&queue);
    run(&queue, Act::Sleep(200), &output);
    let last = run(&queue, Act::Write(1.0), &output);
    let waiter = {
        let queue = queue.clone();
        std::thread::spawn(move || queue.wait(last))
    };
    std::thread::sleep(Duration::from_millis(20));
    let start = std::time::Instant::now();
    queue.close();
    assert!(start.elapsed() < Duration::from_millis(100), "close() took {:?}", start.elapsed());
    assert_eq!(waiter.join().unwrap().unwrap_err().status(), Status::StaleHandle);
}

#[test]
fn a_thousand_waits_are_all_woken() {
    let queue = Arc::new(queue());
    let output = tensor(&queue);
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let (queue, output) = (queue.clone(), output.clone());
            std::thread::spawn(move || (0..250).all(|_| queue.wait(run(&queue, Act::Write(1.0), &output)).is_ok()))
        })
        .collect();
    assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
    assert_eq!(queue.completed(), 1000);
}

#[test]
fn an_error_of_the_queue_that_values_come_from_keeps_its_op_and_reason() {
    let device = Queue::new(u32::MAX - 8, Arc::new(CpuContext::new(1).unwrap())).unwrap();
    let host = Arc::new(queue());
    let batch = tensor(&host);
    run(&host, Act::Fail, &batch);
    let transfer = Arc::new(Transfer::begin("transfer_begin", host.clone(), batch, &device).unwrap());
    let there = transfer.end("transfer_end", &device).unwrap();
    let error = read(&device, &there).unwrap_err();
    // The record is that of the queue that was waited for: the write, its first command.
    assert_eq!(
        (error.op(), error.reason().as_ref(), error.to_string().as_str()),
        (Some("test"), "planted", "test(): planted (record 1)")
    );
}

#[test]
fn a_closed_queue_drops_what_waits_and_what_comes() {
    let queue = queue();
    let output = tensor(&queue);
    let block = Arc::downgrade(output.storage.block());
    run(&queue, Act::Sleep(100), &output);
    for _ in 0..1000 {
        run(&queue, Act::Sleep(100), &output);
    }
    queue.close();
    let ticket = run(&queue, Act::Write(1.0), &output);
    assert_eq!(queue.wait(ticket).unwrap_err().status(), Status::StaleHandle);
    queue.join();
    drop(output);
    queue.pool.close();
    assert_eq!(block.strong_count(), 0, "no command keeps it");
}
