//! One image file to RGB pixels, whatever its name says it is.
//!
//! What comes out is what PIL's `Image.open(file).convert("RGB")` gives, which is also all that fastai's
//! `PILImage.create` does: the EXIF orientation is *not* applied (neither calls `ImageOps.exif_transpose`), alpha is
//! dropped, grey is repeated in three channels. One difference: of 16-bit grey PNG the upper byte is kept, where PIL cuts
//! everything above 255 to white.

use super::limits::{Limit, Limits, Refusal};
use super::{Image, jpeg, png};
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

/// Decodes a JPEG or PNG.
pub fn decode(isa: Isa, bytes: &[u8], limits: &Limits, stop: Stop) -> Result<Decoded, Refusal> {
    limits.check(Limit::FileBytes, bytes.len() as u64)?;
    if stop() {
        return Err(Refusal::Stopped);
    }
    if bytes.starts_with(&jpeg::MAGIC) {
        Ok(Decoded { image: jpeg::decode(isa, bytes, limits)?, damage: None })
    } else if bytes.starts_with(&png::MAGIC) {
        Ok(Decoded { image: png::decode(bytes, limits)?, damage: None })
    } else if bytes.is_empty() {
        Err("The file is empty".into())
    } else {
        Err("Neither a JPEG nor a PNG".into())
    }
}
