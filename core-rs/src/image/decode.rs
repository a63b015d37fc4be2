//! One image file to RGB pixels, whatever its name says it is.
//!
//! What comes out is what PIL's `Image.open(file).convert("RGB")` gives, which is also all that fastai's
//! `PILImage.create` does: the EXIF orientation is *not* applied (neither calls `ImageOps.exif_transpose`), alpha is
//! dropped, grey is repeated in three channels. One difference: of 16-bit grey PNG the upper byte is kept, where PIL cuts
//! everything above 255 to white.

use super::{Image, jpeg, png};
use crate::cpu::isa::Isa;

/// Decodes a JPEG or PNG; the error says what is wrong with the file.
pub fn decode(isa: Isa, bytes: &[u8]) -> Result<Image, String> {
    if bytes.starts_with(&jpeg::MAGIC) {
        jpeg::decode(isa, bytes)
    } else if bytes.starts_with(&png::MAGIC) {
        png::decode(bytes)
    } else if bytes.is_empty() {
        Err("The file is empty".to_string())
    } else {
        Err("Neither a JPEG nor a PNG".to_string())
    }
}
