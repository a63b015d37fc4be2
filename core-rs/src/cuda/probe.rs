//! What of CUDA this machine has, found without loading anything that panics when it is missing.

use crate::error::Error;

/// The reason why a CUDA device cannot be opened.
pub fn open_error() -> Error {
    Error::DeviceUnavailable { message: "CUDA was asked for".to_string() }
}
