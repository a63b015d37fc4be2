//! `libtrain`: tensors, kernels and command queues behind a C ABI; models, autograd and data sets live in TypeScript.

#[macro_use]
pub mod cpu;
pub mod abi;
pub mod budget;
pub mod cuda;
pub mod device_info;
pub mod dtype;
pub mod error;
pub mod geometry;
pub mod image;
mod json;
pub mod ops;
pub mod optimizer;
mod pages;
pub mod random;
pub mod runtime;
pub mod shape;
mod shown;
