//! JPEG (ITU-T T.81): sequential and progressive Huffman coding with 8 bits a sample, 1, 3 or 4 components.
//!
//! The pixels are those of libjpeg-turbo with its defaults, bit for bit: the accurate integer inverse DCT (`islow`),
//! triangle-filter chroma upsampling ("fancy"), and 16-bit fixed-point colour conversion. That is what PIL and fastai
//! decode with; other decoders (zune-jpeg among them) differ in a few levels.

mod bits;
mod color;
mod frame;
mod huffman;
mod idct;
mod planes;
mod progressive;
mod reader;
mod scan;
#[cfg(test)]
mod tests;
mod upsample;

use super::Image;
use super::limits::{Limits, Refusal};
use crate::cpu::isa::Isa;

/// How every JPEG begins: start of image, and the marker that follows it.
pub const MAGIC: [u8; 3] = [0xFF, 0xD8, 0xFF];

/// Decodes to RGB; an error says what is wrong with the file.
pub fn decode(isa: Isa, bytes: &[u8], limits: &Limits) -> Result<Image, Refusal> {
    let frame = reader::read(bytes, limits)?;
    let (height, width, color) = (frame.height, frame.width, frame.color()?);
    let planes = planes::reconstruct(isa, frame)?;
    let mut pixels = super::zeroed(height * width * super::CHANNELS)?;
    color::assemble(isa, color, &planes, width, &mut pixels);
    Ok(Image { height, width, pixels })
}
