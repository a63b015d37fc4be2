//! The one way in: every export is made by [`export!`] or [`op_export!`], which catch panics and write errors.

use super::buffers::Out;
use crate::error::{Error, Result, Status};
use crate::runtime::queue::panic_message;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

/// Goes up with every change of an export, its arguments or its results; TypeScript refuses another one.
pub const ABI_VERSION: u32 = 7;

/// Fault injection of the tests: the n-th guarded call from now panics (0: none).
static PANIC_COUNTDOWN: AtomicU32 = AtomicU32::new(0);

/// Makes the n-th guarded call after this one panic; 0 turns that off.
pub fn inject_panic(calls: u32) {
    PANIC_COUNTDOWN.store(calls, Ordering::SeqCst);
}

fn injected() {
    let hit = PANIC_COUNTDOWN.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
    if hit == Ok(1) {
        // Without the panic hook: a test injects hundreds, each with a page of backtrace.
        resume_unwind(Box::new("a panic injected by a test"));
    }
}

/// Runs an export's body; an error or panic becomes a status, and its message goes to `out`.
pub fn guard(op: &'static str, out: *mut u32, out_bytes: u32, body: impl FnOnce(&mut Out) -> Result<()>) -> i32 {
    let status = catch_unwind(AssertUnwindSafe(|| {
        let mut buffer = match Out::new(op, out, out_bytes) {
            Ok(buffer) => buffer,
            Err(error) => return error.status(),
        };
        let result = catch_unwind(AssertUnwindSafe(|| {
            injected();
            body(&mut buffer)
        }));
        match result.unwrap_or_else(|panic| Err(Error::Panic { op, message: panic_message(&*panic) })) {
            Ok(()) => Status::Ok,
            Err(error) => {
                buffer.message(&error.to_string());
                error.status()
            }
        }
    }));
    status.unwrap_or(Status::Panic) as i32
}

/// Defines one export: `export! { /// doc \n fn lt_name(a: u32, …) |out| { body } }`; the body returns `Result<()>`.
macro_rules! export {
    ($(#[$doc:meta])* fn $symbol:ident($($arg:ident: $type:ty),* $(,)?) |$out:ident| $body:block) => {
        $(#[$doc])*
        #[allow(clippy::not_unsafe_ptr_arg_deref)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $symbol($($arg: $type,)* out: *mut u32, out_bytes: u32) -> i32 {
            const NAME: &str = $crate::abi::guard::without_prefix(stringify!($symbol));
            $crate::abi::guard::guard(NAME, out, out_bytes, |$out| -> $crate::error::Result<()> { $body })
        }
    };
}

/// Defines the export of one row of the op table.
macro_rules! op_export {
    ($symbol:ident, $module:ident, $type:ty, $row:expr) => {
        #[doc = concat!("The op call of `", stringify!($symbol), "`; arguments and results as for every op.")]
        #[allow(clippy::not_unsafe_ptr_arg_deref)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $symbol(
            queue_slot: u32,
            queue_generation: u32,
            inputs: *const u32,
            inputs_bytes: u32,
            params: *const f64,
            params_bytes: u32,
            out: *mut u32,
            out_bytes: u32,
        ) -> i32 {
            #[allow(unused_imports)]
            use $crate::ops::$module::*;
            static ROW: $crate::ops::Row = $row;
            $crate::abi::guard::guard(ROW.name, out, out_bytes, |out| {
                let call = $crate::abi::op_call::Call {
                    row: &ROW,
                    queue: $crate::runtime::handles::Handle { slot: queue_slot, generation: queue_generation },
                    inputs: $crate::abi::buffers::slice(ROW.name, "inputs", inputs, inputs_bytes)?,
                    params: $crate::abi::buffers::slice(ROW.name, "params", params, params_bytes)?,
                };
                call.run::<$type>(out)
            })
        }
    };
}

pub(crate) use {export, op_export};

/// "lt_conv2d" to "conv2d".
pub const fn without_prefix(symbol: &'static str) -> &'static str {
    symbol.split_at(3).1
}
