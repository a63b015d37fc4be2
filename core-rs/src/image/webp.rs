//! WebP to RGB, through the crate `image-webp`: lossy, lossless, with or without alpha (dropped); of an animation its first
//! frame. `docs/decoding.md` says how near it comes to libwebp's pixels.

use super::decode::{Decoded, Stop};
use super::limits::{Limit, Limits, Refusal};
use super::{CHANNELS, Image, zeroed};
use image_webp::{DecodingError, WebPDecoder};
use std::io::{BufRead, Cursor, Error, ErrorKind, Read, Result as IoResult, Seek, SeekFrom};

/// Bytes that the crate takes for a pixel, the image's own among them.
const PIXEL_BYTES: u64 = 9;

/// What a file that ends early is refused with.
const CUT: &str = "Truncated: the file ends early";

/// Whether a file begins as a WebP does.
pub fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

/// Decodes to RGB.
pub fn decode(bytes: &[u8], limits: &Limits, stop: Stop) -> Result<Decoded, Refusal> {
    // What follows is not part of it; where it is longer than the file, libwebp gives no pixels either.
    let length = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    let bytes = bytes.get(..length.saturating_add(8)).ok_or(CUT)?;
    let Some(body) = bytes.get(12..) else { return Err("Corrupt: a file without contents".into()) };
    let image = match chunks(body).find(|chunk| chunk.kind == b"ANMF") {
        None => still(bytes, limits, stop)?,
        Some(frame) => first_frame(bytes, frame.data, limits, stop)?,
    };
    Ok(Decoded { image, damage: None })
}

fn still(bytes: &[u8], limits: &Limits, stop: Stop) -> Result<Image, Refusal> {
    check_pictures(bytes, limits)?;
    let refusal = |error| if stop() { Refusal::Stopped } else { Refusal::Bad(reason(error)) };
    let mut decoder = WebPDecoder::new(Source { bytes: Cursor::new(bytes), stop }).map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    limits.check_size(width, height)?;
    limits.check(Limit::Memory, (width as u64 * height as u64).saturating_mul(PIXEL_BYTES))?;
    let samples = if decoder.has_alpha() { 4 } else { CHANNELS };
    let mut pixels = zeroed(width * height * samples)?;
    decoder.read_image(&mut pixels).map_err(refusal)?;
    if samples == 4 {
        for i in 0..width * height {
            pixels.copy_within(4 * i..4 * i + CHANNELS, CHANNELS * i);
        }
        pixels.truncate(width * height * CHANNELS);
        pixels.shrink_to_fit();
    }
    Ok(Image { height, width, pixels })
}

/// The first frame of an animation on its canvas, which is black elsewhere: libwebp draws it without looking at its alpha.
fn first_frame(bytes: &[u8], frame: &[u8], limits: &Limits, stop: Stop) -> Result<Image, Refusal> {
    let canvas = chunks(&bytes[12..]).next().filter(|chunk| chunk.kind == b"VP8X").ok_or("Corrupt: no canvas")?;
    let (Some((_, canvas)), Some((place, picture))) = (canvas.data.split_at_checked(4), frame.split_at_checked(16))
    else {
        return Err(CUT.into());
    };
    let three = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) as usize;
    let (Some(width), Some(height)) = (canvas.get(..3).map(three), canvas.get(3..6).map(three)) else {
        return Err(CUT.into());
    };
    let (width, height) = (width + 1, height + 1);
    limits.check_size(width, height)?;
    limits.check(Limit::Memory, (width as u64 * height as u64).saturating_mul(PIXEL_BYTES + CHANNELS as u64))?;
    let [x, y] = [2 * three(place), 2 * three(&place[3..])];
    // The frame as a file of its own.
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    if chunks(picture).any(|chunk| chunk.kind == b"ALPH") {
        file.extend_from_slice(b"VP8X\x0A\0\0\0\x10\0\0\0");
        file.extend_from_slice(&place[6..12]);
    }
    file.extend_from_slice(picture);
    let size = (file.len() - 8) as u32;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    let frame = still(&file, limits, stop)?;
    if x + frame.width > width || y + frame.height > height {
        return Err("Corrupt: a frame outside its canvas".into());
    }
    if [width, height] == [frame.width, frame.height] {
        return Ok(frame);
    }
    let mut pixels = zeroed(width * height * CHANNELS)?;
    let rows = pixels.chunks_exact_mut(width * CHANNELS).skip(y);
    for (to, from) in rows.zip(frame.pixels.chunks_exact(frame.width * CHANNELS)) {
        to[x * CHANNELS..][..from.len()].copy_from_slice(from);
    }
    Ok(Image { height, width, pixels })
}

/// A chunk, as far as it is there.
struct Chunk<'a> {
    kind: &'a [u8; 4],
    data: &'a [u8],
}

fn chunks(mut rest: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let (kind, data) = rest.split_first_chunk::<4>()?;
        let (length, data) = data.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        rest = data.get(length.saturating_add(length % 2)..).unwrap_or(&[]);
        Some(Chunk { kind, data: &data[..length.min(data.len())] })
    })
}

/// Checks the size of every picture in the file, whatever the canvas says: the crate asks for their memory before it
/// compares.
fn check_pictures(bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
    for chunk in chunks(&bytes[12..]) {
        let size = match (chunk.kind, chunk.data) {
            (b"VP8 ", [_, _, _, _, _, _, w0, w1, h0, h1, ..]) => {
                [[*w0, *w1], [*h0, *h1]].map(|side| u16::from_le_bytes(side) as usize & 0x3FFF)
            }
            (b"VP8L", [_, b0, b1, b2, b3, ..]) => {
                let sides = u32::from_le_bytes([*b0, *b1, *b2, *b3]) as usize;
                [sides & 0x3FFF, sides >> 14 & 0x3FFF].map(|side| side + 1)
            }
            _ => continue,
        };
        limits.check_size(size[0], size[1])?;
    }
    Ok(())
}

/// The bytes of a file, whose reading ends once it is asked to stop.
struct Source<'a> {
    bytes: Cursor<&'a [u8]>,
    stop: Stop<'a>,
}

/// Bytes that are handed out at once, so that a stop is noticed between.
const PIECE: usize = 4096;

impl Source<'_> {
    fn check(&self) -> IoResult<()> {
        if (self.stop)() { Err(Error::from(ErrorKind::Other)) } else { Ok(()) }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, to: &mut [u8]) -> IoResult<usize> {
        self.check()?;
        self.bytes.read(to)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> IoResult<&[u8]> {
        self.check()?;
        let piece = self.bytes.fill_buf()?;
        Ok(&piece[..piece.len().min(PIECE)])
    }

    fn consume(&mut self, count: usize) {
        self.bytes.consume(count);
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        self.bytes.seek(to)
    }
}

fn reason(error: DecodingError) -> String {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => CUT.to_string(),
        error => format!("Corrupt: {error}"),
    }
}
