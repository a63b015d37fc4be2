//! How the elements of tensors lie to one another: sizes and strides that the backends and several ops share.

pub mod conv;
pub mod image;
pub mod strided;
