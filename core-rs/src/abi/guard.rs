//! The one way in: every export is made by [`export!`] or [`op_export!`], which catch panics and write errors.

use super::buffers::Out;
use crate::error::{Error, Result, Status};
use crate::runtime::queue::panic_message;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

/// Goes up with every change of an export, its arguments or its results; TypeScript refuses another one.
pub const ABI_VERSION: u32 = 11;

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

/// Runs an export's body; an error or panic becomes a status, and its fields go to `out`.
///
/// # Safety
/// `out` is null, or a buffer of `out_bytes` bytes that nobody else uses during the call.
pub unsafe fn guard(op: &'static str, out: *mut u32, out_bytes: u32, body: impl FnOnce(&mut Out) -> Result<()>) -> i32 {
    let status = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller's promise.
        let mut buffer = match unsafe { Out::new(op, out, out_bytes) } {
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
                buffer.error(&error);
                error.status()
            }
        }
    }));
    status.unwrap_or(Status::Panic) as i32
}

/// Defines one export: `export! { /// doc \n fn lt_name(a: u32, b: &[f64], …) |out| { body } }`; the body returns
/// `Result<()>`. A buffer is a pointer and its bytes to C, and to the body a `Result` of a slice: used with `?`, it is
/// refused where it cannot be one.
macro_rules! export {
    ($(#[$doc:meta])* fn $symbol:ident($($args:tt)*) |$out:ident| $body:block) => {
        $crate::abi::guard::export_with! { ($(#[$doc])*) $symbol |$out| $body () () $($args)* }
    };
}

/// [`export!`] with the first arguments read: those of the C function, and what makes slices of them.
macro_rules! export_with {
    (($($doc:tt)*) $symbol:ident |$out:ident| $body:block ($($params:tt)*) ($($slices:tt)*)) => {
        $($doc)*
        #[allow(clippy::not_unsafe_ptr_arg_deref)] // The caller is on the other side of the C ABI.
        #[unsafe(no_mangle)]
        pub extern "C" fn $symbol($($params)* out: *mut u32, out_bytes: u32) -> i32 {
            const NAME: &str = $crate::abi::guard::without_prefix(stringify!($symbol));
            // SAFETY: every caller's duty, as `libtrain.h` says.
            unsafe {
                $crate::abi::guard::guard(NAME, out, out_bytes, |$out| -> $crate::error::Result<()> { $($slices)* $body })
            }
        }
    };
    ($doc:tt $symbol:ident |$out:ident| $body:block ($($params:tt)*) ($($slices:tt)*) $arg:ident: u32 $(, $($rest:tt)*)?) => {
        $crate::abi::guard::export_with! {
            $doc $symbol |$out| $body ($($params)* $arg: u32,) ($($slices)*) $($($rest)*)?
        }
    };
    ($doc:tt $symbol:ident |$out:ident| $body:block ($($params:tt)*) ($($slices:tt)*) $arg:ident: &[$type:ty] $(, $($rest:tt)*)?) => {
        $crate::abi::guard::export_with! {
            $doc $symbol |$out| $body
            ($($params)* $arg: *const $type, bytes: u32,)
            ($($slices)* let $arg = $crate::abi::buffers::slice(NAME, stringify!($arg), $arg, bytes);)
            $($($rest)*)?
        }
    };
    ($doc:tt $symbol:ident |$out:ident| $body:block ($($params:tt)*) ($($slices:tt)*) $arg:ident: &mut [$type:ty] $(, $($rest:tt)*)?) => {
        $crate::abi::guard::export_with! {
            $doc $symbol |$out| $body
            ($($params)* $arg: *mut $type, bytes: u32,)
            ($($slices)* let $arg = $crate::abi::buffers::slice_mut(NAME, stringify!($arg), $arg, bytes);)
            $($($rest)*)?
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
            let queue = $crate::runtime::handles::Handle { slot: queue_slot, generation: queue_generation };
            // SAFETY: every caller's duty, as `libtrain.h` says.
            unsafe {
                $crate::abi::guard::guard(ROW.name, out, out_bytes, |out| {
                    let inputs = $crate::abi::buffers::slice(ROW.name, "inputs", inputs, inputs_bytes)?;
                    let params = $crate::abi::buffers::slice(ROW.name, "params", params, params_bytes)?;
                    $crate::abi::op_call::Call { row: &ROW, queue, inputs, params }.run::<$type>(out)
                })
            }
        }
    };
}

pub(crate) use {export, export_with, op_export};

/// "lt_conv2d" to "conv2d".
pub const fn without_prefix(symbol: &'static str) -> &'static str {
    symbol.split_at(3).1
}
