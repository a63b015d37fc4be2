//! The CUDA backend's seam: what is missing on this machine, and kernels compiled at run time.

pub mod probe;
