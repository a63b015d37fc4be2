//! The C ABI: numbers and buffers only, an i32 status from every export, messages in the caller's buffer.

pub mod buffers;
mod capture;
pub(crate) mod exports;
pub mod guard;
mod image;
mod image_decode;
pub mod op_call;
mod queue;
mod replay;
mod signatures;
mod tensor;
mod transfer;
