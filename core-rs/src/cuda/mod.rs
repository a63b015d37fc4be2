//! The CUDA backend: what this machine has of it, kernels compiled at run time, and a queue's device.
//!
//! cudarc loads driver, cuDNN and cuBLASLt by name when first used, and panics where they are missing; so everything here
//! goes through [`probe`] first, and one library file serves machines with and without a GPU.

pub mod axes;
mod backend;
pub mod buffer;
mod capture;
pub mod context;
pub mod cublaslt;
pub mod cudnn;
pub mod fault;
mod graph;
pub mod images;
pub mod io;
pub mod launch;
pub mod marks;
mod memory;
mod module;
pub mod nvrtc;
pub mod plan;
pub mod probe;
mod staging;
mod stopwatch;
mod stored;
mod timing;
mod transfers;

pub use context::CudaContext;
pub use io::CudaIo;
pub(crate) use launch::args;
