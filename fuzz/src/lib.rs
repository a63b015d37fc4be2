//! The library as its callers have it: through the C ABI, of which the targets call a few exports.

// Links the exports.
use libtrain as _;
use std::sync::OnceLock;

/// What every op's export takes.
pub type OpCall = unsafe extern "C" fn(u32, u32, *const u32, u32, *const f64, u32, *mut u32, u32) -> i32;

unsafe extern "C" {
    pub fn lt_queue_create(kind: u32, threads: u32, tf32: u32, out: *mut u32, out_bytes: u32) -> i32;
    pub fn lt_queue_recover(slot: u32, generation: u32, out: *mut u32, out_bytes: u32) -> i32;
    pub fn lt_queue_progress(slot: u32, generation: u32, out: *mut u32, out_bytes: u32) -> i32;
    pub fn lt_tensor_release(
        queue: u32,
        queue_generation: u32,
        slot: u32,
        generation: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_tensor_alias(
        queue: u32,
        queue_generation: u32,
        slot: u32,
        generation: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_tensor_version(
        queue: u32,
        queue_generation: u32,
        slot: u32,
        generation: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_tensor_create(
        queue: u32,
        queue_generation: u32,
        dtype: u32,
        shape: *const u32,
        shape_bytes: u32,
        data: *const u8,
        data_bytes: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_read_begin(
        queue: u32,
        queue_generation: u32,
        slot: u32,
        generation: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_read_take(
        slot: u32,
        generation: u32,
        data: *mut u8,
        data_bytes: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_read_release(slot: u32, generation: u32, out: *mut u32, out_bytes: u32) -> i32;
    pub fn lt_capture_begin(queue: u32, queue_generation: u32, out: *mut u32, out_bytes: u32) -> i32;
    pub fn lt_capture_abort(queue: u32, queue_generation: u32, out: *mut u32, out_bytes: u32) -> i32;
    pub fn lt_capture_end(
        queue: u32,
        queue_generation: u32,
        inputs: *const u32,
        inputs_bytes: u32,
        outputs: *const u32,
        outputs_bytes: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_graph_release(
        queue: u32,
        queue_generation: u32,
        slot: u32,
        generation: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_image_decode_start(
        bytes: *const u8,
        bytes_len: u32,
        options: *const f64,
        options_bytes: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_image_decode_run(slot: u32, generation: u32, out: *mut u32, out_bytes: u32) -> i32;
    pub fn lt_image_decode_take(
        queue: u32,
        queue_generation: u32,
        slot: u32,
        generation: u32,
        out: *mut u32,
        out_bytes: u32,
    ) -> i32;
    pub fn lt_image_decode_release(slot: u32, generation: u32, out: *mut u32, out_bytes: u32) -> i32;
}

/// Declares ops, which all have one signature.
macro_rules! ops {
    ($($name:ident),*) => {
        unsafe extern "C" {
            $(pub fn $name(q: u32, g: u32, inputs: *const u32, i: u32, params: *const f64, p: u32, out: *mut u32, o: u32) -> i32;)*
        }
        /// Ops of every kind: element by element, reductions, products, moves, in place.
        pub const OPS: &[OpCall] = &[$($name),*];
    };
}
ops!(
    lt_relu,
    lt_add,
    lt_mul,
    lt_affine,
    lt_matmul,
    lt_sum,
    lt_reshape,
    lt_rows,
    lt_softmax,
    lt_log_softmax,
    lt_cross_entropy,
    lt_gather_rows,
    lt_one_hot,
    lt_conv2d,
    lt_cast,
    lt_assign,
    lt_assert_finite,
    lt_transpose
);

/// The status of a caught panic, which is a bug.
pub const PANIC: i32 = 8;

/// The result buffer of a call.
pub struct Out(pub [u32; 1024]);

impl Out {
    pub fn new() -> Out {
        Out([0; 1024])
    }

    pub fn pointer(&mut self) -> *mut u32 {
        self.0.as_mut_ptr()
    }

    pub fn bytes(&self) -> u32 {
        4096
    }
}

impl Default for Out {
    fn default() -> Self {
        Out::new()
    }
}

/// Fails the fuzzer where a status says that a panic was caught.
pub fn checked(status: i32) -> i32 {
    assert_ne!(status, PANIC, "an export panicked");
    status
}

/// One queue on the CPU for the process.
pub fn queue() -> (u32, u32) {
    static QUEUE: OnceLock<(u32, u32)> = OnceLock::new();
    *QUEUE.get_or_init(|| {
        let mut out = Out::new();
        // SAFETY: the buffer has as many bytes as are told.
        assert_eq!(unsafe { lt_queue_create(0, 1, 0, out.pointer(), out.bytes()) }, 0);
        (out.0[0], out.0[1])
    })
}

/// Pixels of an image that a fuzzer decodes: what is larger is no bug, and takes its time.
pub const MOST_PIXELS: f64 = 1048576.0;

/// Decodes an image, and lets go of it.
pub fn decode(bytes: &[u8]) {
    let (queue, generation) = queue();
    let mut out = Out::new();
    let size = if bytes.len() % 2 == 0 { 0.0 } else { 16.0 };
    let options = [size, MOST_PIXELS, 0.0, 0.0, 0.0, 0.0, 0.0];
    // SAFETY: every buffer has as many bytes as are told.
    unsafe {
        let (length, listed) = (bytes.len() as u32, 8 * options.len() as u32);
        let status =
            lt_image_decode_start(bytes.as_ptr(), length, options.as_ptr(), listed, out.pointer(), out.bytes());
        if checked(status) != 0 {
            return;
        }
        let (slot, own) = (out.0[0], out.0[1]);
        checked(lt_image_decode_run(slot, own, out.pointer(), out.bytes()));
        if checked(lt_image_decode_take(queue, generation, slot, own, out.pointer(), out.bytes())) == 0 {
            let (tensor, number) = (out.0[0], out.0[1]);
            checked(lt_tensor_release(queue, generation, tensor, number, out.pointer(), out.bytes()));
        }
        checked(lt_image_decode_release(slot, own, out.pointer(), out.bytes()));
    }
}

/// The planted bug: reads behind the end, where `bytes` are as they should not be.
pub fn read_behind(bytes: &[u8], wrong: bool) {
    if cfg!(feature = "planted") && wrong {
        let copy = bytes.to_vec();
        // SAFETY: none: it is the bug that the fuzzer has to find.
        let byte = unsafe { std::ptr::read_volatile(copy.as_ptr().add(copy.len() + 3)) };
        std::hint::black_box(byte);
    }
}
