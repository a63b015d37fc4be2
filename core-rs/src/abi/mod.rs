//! The C ABI: numbers and buffers only, an i32 status from every export, messages in the caller's buffer.

pub mod buffers;
mod capture;
mod exports;
pub mod guard;
pub mod op_call;
mod queue;
mod tensor;
