//! PNG to RGB, through the crate `png`.

use super::limits::{Limits, Refusal};
use super::{CHANNELS, Image, zeroed};
use ::png::{BitDepth, ColorType, Decoder, DecodingError, Transformations};
use std::io::Cursor;

/// How every PNG begins.
pub const MAGIC: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Memory for text and colour profiles, which are read past.
const ANCILLARY_BYTES: usize = 16 << 20;

/// Decodes to RGB; an error says what is wrong with the file.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, Refusal> {
    check_header(bytes, limits)?;
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), ::png::Limits { bytes: ANCILLARY_BYTES });
    decoder.set_ignore_text_chunk(true);
    // Palettes and fewer than 8 bits become 8 bits.
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(reason)?;
    let size = reader.output_buffer_size().ok_or("Expected an image that fits in memory")?;
    let mut buffer = zeroed(size)?;
    let frame = reader.next_frame(&mut buffer).map_err(reason)?;
    reader.finish().map_err(reason)?;
    let (height, width) = (frame.height as usize, frame.width as usize);
    let mut pixels = zeroed(height * width * CHANNELS)?;
    let sample = if frame.bit_depth == BitDepth::Sixteen { 2 } else { 1 };
    let channels = frame.color_type.samples();
    let grey = matches!(frame.color_type, ColorType::Grayscale | ColorType::GrayscaleAlpha);
    for (from, to) in buffer.chunks_exact(channels * sample).zip(pixels.as_chunks_mut::<CHANNELS>().0) {
        // The upper byte of 16 bits; alpha is dropped.
        *to = if grey { [from[0]; CHANNELS] } else { [from[0], from[sample], from[2 * sample]] };
    }
    Ok(Image { height, width, pixels })
}

/// Checks the size before the decoder asks for memory.
fn check_header(bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
    let Some([_, _, _, _, b'I', b'H', b'D', b'R', w3, w2, w1, w0, h3, h2, h1, h0]) = bytes.get(8..24) else {
        return Err("Truncated or corrupt: the file ends inside its header".into());
    };
    let size = [[w3, w2, w1, w0], [h3, h2, h1, h0]].map(|size| u32::from_be_bytes(size.map(|byte| *byte)) as usize);
    limits.check_size(size[0], size[1])
}

fn reason(error: DecodingError) -> String {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "Truncated: the file ends early".to_string()
        }
        DecodingError::LimitsExceeded => "Expected less than 16 MiB beside the pixels".to_string(),
        error => format!("Corrupt: {error}"),
    }
}
