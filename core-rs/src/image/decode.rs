//! One image file to RGB pixels, whatever its name says it is.
//!
//! What comes out is what PIL's `Image.open(file).convert("RGB")` gives, which is also all that fastai's
//! `PILImage.create` does: the EXIF orientation is *not* applied (neither calls `ImageOps.exif_transpose`), alpha is
//! dropped, grey is repeated in three channels.

use super::limits::{Limit, Limits, Refusal};
use super::{Image, jpeg, png, webp};
use crate::cpu::isa::Isa;

/// An image, and what is wrong with its file.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub image: Image,
    /// Why the file is damaged, though there are pixels: what the reference libraries only warn about.
    pub damage: Option<String>,
}

/// Asked now and then whether to stop.
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// Decodes a JPEG, PNG or WebP.
pub fn decode(isa: Isa, bytes: &[u8], limits: &Limits, stop: Stop) -> Result<Decoded, Refusal> {
    limits.check(Limit::FileBytes, bytes.len() as u64)?;
    if stop() {
        return Err(Refusal::Stopped);
    }
    if bytes.starts_with(&jpeg::MAGIC) {
        jpeg::decode(isa, bytes, limits, stop)
    } else if bytes.starts_with(&png::MAGIC) {
        png::decode(bytes, limits, stop)
    } else if webp::is_webp(bytes) {
        webp::decode(bytes, limits, stop)
    } else if bytes.is_empty() {
        Err("The file is empty".into())
    } else {
        Err("Neither a JPEG nor a PNG nor a WebP".into())
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
