//! Sequences of calls: tensors made, used by ops, aliased, read, recorded and let go of, in any order and after their end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use libtrain_fuzz::*;

/// Reads a sequence's bytes; zeros after the end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, &[][..]), |(&first, rest)| (first, rest));
        self.0 = rest;
        first
    }

    fn number(&mut self) -> f64 {
        const NUMBERS: [f64; 12] =
            [0., 1., 2., 3., 4., 0.5, -1., 1e30, f64::NAN, f64::INFINITY, 4294967295., 2147483648.];
        NUMBERS[usize::from(self.next()) % NUMBERS.len()]
    }
}

type Handle = (u32, u32);

/// What is live, and what was: handles stay in the list after their end.
#[derive(Default)]
struct Known {
    tensors: Vec<Handle>,
    reads: Vec<Handle>,
    graphs: Vec<Handle>,
}

fn picked(from: &[Handle], at: u8) -> Handle {
    if from.is_empty() { (u32::from(at), 1) } else { from[usize::from(at) % from.len()] }
}

/// Makes a small tensor.
fn create(queue: Handle, bytes: &mut Bytes, known: &mut Known, out: &mut Out) {
    let dtype = u32::from(bytes.next() % 6);
    let shape: Vec<u32> = (0..bytes.next() % 5).map(|_| u32::from(bytes.next() % 5)).collect();
    let width = [4, 8, 2, 4, 1, 4][dtype as usize];
    let count = shape.iter().product::<u32>() * width + u32::from(bytes.next() == 7);
    let data: Vec<u8> = (0..count).map(|at| if width == 4 && at % 4 == 3 { 0 } else { bytes.next() }).collect();
    // SAFETY: every buffer has as many bytes as are told.
    let status = unsafe {
        lt_tensor_create(
            queue.0,
            queue.1,
            dtype,
            shape.as_ptr(),
            4 * shape.len() as u32,
            data.as_ptr(),
            count,
            out.pointer(),
            out.bytes(),
        )
    };
    if checked(status) == 0 {
        known.tensors.push((out.0[0], out.0[1]));
    }
}

/// Calls an op with some of the tensors and numbers.
fn call(queue: Handle, bytes: &mut Bytes, known: &mut Known, out: &mut Out) {
    let op = OPS[usize::from(bytes.next()) % OPS.len()];
    let inputs: Vec<u32> = (0..bytes.next() % 4)
        .flat_map(|_| {
            let (slot, generation) = picked(&known.tensors, bytes.next());
            [slot, generation]
        })
        .collect();
    let params: Vec<f64> = (0..bytes.next() % 9).map(|_| bytes.number()).collect();
    // SAFETY: every buffer has as many bytes as are told.
    let status = unsafe {
        op(
            queue.0,
            queue.1,
            inputs.as_ptr(),
            4 * inputs.len() as u32,
            params.as_ptr(),
            8 * params.len() as u32,
            out.pointer(),
            out.bytes(),
        )
    };
    if checked(status) == 0 {
        let mut at = 3;
        for _ in 0..out.0[2].min(8) {
            known.tensors.push((out.0[at], out.0[at + 1]));
            at += 4 + out.0[at + 3] as usize;
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let queue = queue();
    let mut bytes = Bytes(data);
    let mut known = Known::default();
    let mut out = Out::new();
    let (mut recorded, mut recordings) = (false, 0);
    while !bytes.0.is_empty() && known.tensors.len() < 64 {
        let what = bytes.next() % 12;
        let tensor = picked(&known.tensors, bytes.next());
        // SAFETY: every buffer has as many bytes as are told.
        unsafe {
            match what {
                0..=2 => create(queue, &mut bytes, &mut known, &mut out),
                3..=5 => call(queue, &mut bytes, &mut known, &mut out),
                6 => drop(checked(lt_tensor_release(queue.0, queue.1, tensor.0, tensor.1, out.pointer(), out.bytes()))),
                7 => {
                    if checked(lt_tensor_alias(queue.0, queue.1, tensor.0, tensor.1, out.pointer(), out.bytes())) == 0 {
                        known.tensors.push((out.0[0], out.0[1]));
                    }
                }
                8 => {
                    if checked(lt_read_begin(queue.0, queue.1, tensor.0, tensor.1, out.pointer(), out.bytes())) == 0 {
                        known.reads.push((out.0[0], out.0[1]));
                    }
                }
                9 => {
                    let (slot, generation) = picked(&known.reads, bytes.next());
                    let mut target = [0; 64];
                    let size = u32::from(bytes.next() % 65);
                    checked(lt_read_take(slot, generation, target.as_mut_ptr(), size, out.pointer(), out.bytes()));
                    if bytes.next() % 2 == 0 {
                        checked(lt_read_release(slot, generation, out.pointer(), out.bytes()));
                    }
                }
                10 if !recorded => {
                    recorded = checked(lt_capture_begin(queue.0, queue.1, out.pointer(), out.bytes())) == 0;
                    recordings += u32::from(recorded);
                }
                10 => {
                    let handle = [tensor.0, tensor.1];
                    let status = lt_capture_end(
                        queue.0,
                        queue.1,
                        handle.as_ptr(),
                        8,
                        handle.as_ptr(),
                        8,
                        out.pointer(),
                        out.bytes(),
                    );
                    recorded = false;
                    if checked(status) == 0 {
                        known.graphs.push((out.0[0], out.0[1]));
                    }
                }
                _ => {
                    checked(lt_queue_recover(queue.0, queue.1, out.pointer(), out.bytes()));
                    checked(lt_tensor_version(queue.0, queue.1, tensor.0, tensor.1, out.pointer(), out.bytes()));
                }
            }
        }
    }
    read_behind(data, recordings > 0 && known.tensors.len() > 2);
    // What a sequence leaves would be the next one's.
    // SAFETY: every buffer has as many bytes as are told.
    unsafe {
        checked(lt_capture_abort(queue.0, queue.1, out.pointer(), out.bytes()));
        for (slot, generation) in known.graphs {
            checked(lt_graph_release(queue.0, queue.1, slot, generation, out.pointer(), out.bytes()));
        }
        for (slot, generation) in known.reads {
            checked(lt_read_release(slot, generation, out.pointer(), out.bytes()));
        }
        for (slot, generation) in known.tensors {
            checked(lt_tensor_release(queue.0, queue.1, slot, generation, out.pointer(), out.bytes()));
        }
        checked(lt_queue_recover(queue.0, queue.1, out.pointer(), out.bytes()));
    }
});
