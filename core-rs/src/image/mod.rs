//! Images and data sets: decode, resize, read archives, and keep the pixels of a whole data set in one mapped file.
//!
//! Nothing here knows queues or tensors; `abi/image.rs` puts this room behind the C ABI. What is read comes from outside
//! and is not trusted: sizes are checked before memory is asked for ([`limits`]), and every refusal says why.

pub mod cache;
mod damage;
pub mod decode;
#[cfg(test)]
pub mod fixtures;
pub mod job;
pub mod jpeg;
pub mod limits;
pub mod png;
pub mod resize;
pub mod single;
pub mod source;
pub mod webp;

/// RGB, 8 bits a channel, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub height: usize,
    pub width: usize,
    /// height * width * 3 bytes
    pub pixels: Vec<u8>,
}

/// Bytes a pixel.
pub const CHANNELS: usize = 3;

/// Zeroed memory whose size came from a file.
pub(crate) fn zeroed<T: Copy + Default>(len: usize) -> Result<Vec<T>, String> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| format!("The system refused {} bytes", len * size_of::<T>()))?;
    buffer.resize(len, T::default());
    Ok(buffer)
}
