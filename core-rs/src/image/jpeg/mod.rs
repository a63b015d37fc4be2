//! JPEG (ITU-T T.81): sequential and progressive coding, Huffman's or arithmetic, with 8 bits a sample, 1, 3 or 4
//! components.
//!
//! The pixels are those of libjpeg-turbo with its defaults, bit for bit: the accurate integer inverse DCT (`islow`),
//! triangle-filter chroma upsampling ("fancy"), and 16-bit fixed-point colour conversion. That is what PIL and fastai
//! decode with; other decoders (zune-jpeg among them) differ in a few levels.

mod arithmetic;
mod bits;
mod color;
mod frame;
mod huffman;
mod idct;
mod input;
mod planes;
mod progressive;
mod reader;
mod scan;
mod smoothing;
mod upsample;

use super::decode::{Decoded, Stop};
use super::limits::{Limits, Refusal};
use super::{CHANNELS, Image, zeroed};
use crate::cpu::isa::Isa;
use smoothing::Smoothing;

/// How every JPEG begins: start of image, and the marker that follows it.
pub const MAGIC: [u8; 3] = [0xFF, 0xD8, 0xFF];

/// Decodes to RGB.
pub fn decode(isa: Isa, bytes: &[u8], limits: &Limits, stop: Stop) -> Result<Decoded, Refusal> {
    let (frame, mut damage) = reader::read(isa, bytes, limits, stop)?;
    let (height, width, color) = (frame.height, frame.width, frame.color()?);
    match (frame.components.len(), frame.adobe) {
        (3, Some(transform @ 2..)) if !frame.jfif => damage.note(|| format!("Adobe's colour transform {transform}")),
        (4, Some(transform @ (1 | 3..))) => damage.note(|| format!("Adobe's colour transform {transform}")),
        _ => {}
    }
    let smoothing = Smoothing::of(&frame);
    if smoothing.is_some() {
        damage.note(|| "Without its last scans, smoothed".to_string());
    }
    let planes = planes::reconstruct(isa, frame, smoothing, stop)?;
    let mut pixels = zeroed(height * width * CHANNELS)?;
    color::assemble(isa, color, &planes, width, &mut pixels, stop)?;
    Ok(Decoded { image: Image { height, width, pixels }, damage: damage.into_reason() })
}
