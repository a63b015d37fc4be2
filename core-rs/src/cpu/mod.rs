//! The CPU compute core: instruction-set dispatch, a thread pool, vectorisable maths, products and convolutions.

#[macro_use]
pub mod isa;
mod backend;
pub mod context;
pub mod conv;
pub(crate) mod convert;
pub mod epilogue;
pub mod fastest;
pub mod gemm;
pub mod math;
pub mod pool;
pub(crate) mod scratch;
pub(crate) mod separable;

pub(crate) use backend::runs;
pub use context::CpuContext;
