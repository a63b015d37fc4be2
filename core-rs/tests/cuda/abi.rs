//! The C ABI as a caller sees it, with one queue.

use libtrain::runtime::handles::Handle;

unsafe extern "C" {
    fn lt_queue_create(kind: u32, threads: u32, tf32: u32, out: *mut u32, out_bytes: u32) -> i32;
    fn lt_queue_wait(slot: u32, generation: u32, low: u32, high: u32, out: *mut u32, out_bytes: u32) -> i32;
    fn lt_read_begin(slot: u32, generation: u32, ts: u32, tg: u32, out: *mut u32, out_bytes: u32) -> i32;
    fn lt_read_take(slot: u32, generation: u32, data: *mut u8, bytes: u32, out: *mut u32, out_bytes: u32) -> i32;
    fn lt_tensor_create(
        slot: u32,
        generation: u32,
        dtype: u32,
        shape: *const u32,
        shape_bytes: u32,
        data: *const u8,
        data_bytes: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
}

/// The export of an op.
pub type Op = unsafe extern "C" fn(u32, u32, *const u32, u32, *const f64, u32, *mut u32, u32) -> i32;

macro_rules! ops {
    ($($symbol:ident)*) => {
        unsafe extern "C" {$(
            pub fn $symbol(
                slot: u32,
                generation: u32,
                inputs: *const u32,
                inputs_bytes: u32,
                params: *const f64,
                params_bytes: u32,
                out: *mut u32,
                out_bytes: u32,
            ) -> i32;
        )*}
    };
}

ops!(lt_blur_pool);

/// What a call answers: its results, or status and message.
pub type Answer = Result<Vec<u32>, (i32, String)>;

fn called(call: impl FnOnce(*mut u32, u32) -> i32) -> Answer {
    let mut out = vec![0u32; 256];
    match call(out.as_mut_ptr(), 1024) {
        0 => Ok(out),
        status => Err((status, libtrain::abi::buffers::message_of(&out))),
    }
}

/// kind 0: CPU, 1: CUDA.
pub fn open(kind: u32) -> Result<Caller, (i32, String)> {
    // SAFETY: `called` lends a buffer with its length.
    let out = called(|out, size| unsafe { lt_queue_create(kind, 1, 0, out, size) })?;
    Ok(Caller(Handle { slot: out[0], generation: out[1] }))
}

/// Calls about one queue.
pub struct Caller(pub Handle);

impl Caller {
    pub fn tensor(&self, dtype: u32, shape: &[u32], bytes: &[u8]) -> Handle {
        let Handle { slot, generation } = self.0;
        let (shape_bytes, data_bytes) = (4 * shape.len() as u32, bytes.len() as u32);
        // SAFETY: every buffer goes with its length.
        let out = called(|out, size| unsafe {
            let (shape, data) = (shape.as_ptr(), bytes.as_ptr());
            lt_tensor_create(slot, generation, dtype, shape, shape_bytes, data, data_bytes, out, size)
        });
        let out = out.expect("a tensor");
        Handle { slot: out[0], generation: out[1] }
    }

    /// An op of one input and one output.
    pub fn op(&self, op: Op, tensor: Handle, params: &[f64]) -> Result<Handle, (i32, String)> {
        let Handle { slot, generation } = self.0;
        let inputs = [tensor.slot, tensor.generation];
        let params_bytes = 8 * params.len() as u32;
        // SAFETY: every buffer goes with its length.
        let out = called(|out, size| unsafe {
            op(slot, generation, inputs.as_ptr(), 8, params.as_ptr(), params_bytes, out, size)
        })?;
        Ok(Handle { slot: out[3], generation: out[4] })
    }

    /// The f32 values of a tensor.
    pub fn read(&self, tensor: Handle, len: usize) -> Vec<f32> {
        let Handle { slot, generation } = self.0;
        let mut data = vec![0f32; len];
        // SAFETY: every buffer goes with its length.
        unsafe {
            let read = called(|o, size| lt_read_begin(slot, generation, tensor.slot, tensor.generation, o, size));
            let read = read.expect("a read");
            called(|out, size| lt_queue_wait(slot, generation, read[2], read[3], out, size)).expect("no late error");
            let (target, bytes) = (data.as_mut_ptr().cast(), 4 * len as u32);
            called(|out, size| lt_read_take(read[0], read[1], target, bytes, out, size)).expect("the values");
        }
        data
    }
}
