//! PNG to RGB, row by row: beside the image's own bytes only two rows are held.
//!
//! Pixels are PIL's: 16-bit grey is cut at 255 (PIL's mode `I;16`), of other 16-bit samples the upper byte is kept, palette
//! entries that are not there are black, alpha and gamma are ignored; of an animation it is the default image. Damage and
//! refusals are in `docs/decoding.md`.

mod chunks;
mod pixels;
mod unfilter;

use super::damage::Damage;
use super::decode::{Decoded, Stop};
use super::limits::{Limit, Limits, Refusal};
use super::{CHANNELS, Image, zeroed};
use chunks::Chunks;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use pixels::Layout;

/// How every PNG begins.
pub const MAGIC: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Bytes that are decompressed at once: a power of 2, no less than the 32 KiB that distances reach back.
const RING: usize = 64 << 10;

/// Adam7: first column and row, step across and down.
const PASSES: [[usize; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

/// The only pass of an image that is not interlaced.
const WHOLE: [[usize; 4]; 1] = [[0, 0, 1, 1]];

/// Decodes to RGB.
pub fn decode(bytes: &[u8], limits: &Limits, stop: Stop) -> Result<Decoded, Refusal> {
    let mut damage = Damage::default();
    let mut chunks = Chunks::new(&bytes[MAGIC.len()..]);
    let (mut layout, [width, height], interlaced) = header(&mut chunks)?;
    limits.check_size(width, height)?;
    let row_bytes = layout.row_bytes(width);
    let image = (width as u64 * height as u64).saturating_mul(CHANNELS as u64);
    limits.check(Limit::Memory, image.saturating_add((2 * row_bytes + RING) as u64))?;
    layout.palette = chunks.before_data(layout.is_indexed(), &mut damage)?;

    let bytes = width * height * CHANNELS;
    let mut pixels: Vec<u8> = Vec::new();
    pixels.try_reserve_exact(bytes).map_err(|_| format!("The system refused {bytes} bytes"))?;
    let mut data = Data::new(chunks)?;
    // Each with the number of its filter in front
    let (mut row, mut above) = (zeroed(1 + row_bytes)?, zeroed(1 + row_bytes)?);
    let mut seen = 0;
    'image: for [x, y, across, down] in if interlaced { &PASSES[..] } else { &WHOLE[..] } {
        let columns = width.saturating_sub(*x).div_ceil(*across);
        let length = layout.row_bytes(columns);
        above.fill(0);
        for line in (*y..if columns == 0 { 0 } else { height }).step_by(*down) {
            if seen % 16 == 0 && stop() {
                return Err(Refusal::Stopped);
            }
            if !data.row(&mut row[..=length], &mut damage)? {
                damage.note(|| format!("Data end early, at row {line} of {height}"));
                break 'image;
            }
            let (&mut filter, samples) = row[..=length].split_first_mut().expect("at least a filter");
            if !unfilter::unfilter(filter, layout.filter_step(), samples, &above[1..=length]) {
                return Err(format!("Corrupt: a row with filter {filter}").into());
            }
            let start = line * width * CHANNELS;
            // Row by row, so that a file that breaks off takes no more than it has
            layout.extend_to(&mut pixels, if interlaced { bytes } else { start + width * CHANNELS });
            let line = &mut pixels[start..start + width * CHANNELS];
            layout.write(samples, columns, line.as_chunks_mut::<CHANNELS>().0, *x, *across);
            std::mem::swap(&mut row, &mut above);
            seen += 1;
        }
    }
    if seen == 0 {
        return Err("Truncated: the file ends before its first row".into());
    }
    layout.extend_to(&mut pixels, bytes);
    data.finish(&mut damage);
    Ok(Decoded { image: Image { height, width, pixels }, damage: damage.into_reason() })
}

/// Reads the first chunk: how samples lie, width and height, and whether rows are interlaced.
fn header(chunks: &mut Chunks) -> Result<(Layout, [usize; 2], bool), Refusal> {
    let cut = "Truncated or corrupt: the file ends inside its header";
    let first = chunks.next().filter(|chunk| chunk.is_whole && &chunk.kind == b"IHDR").ok_or(cut)?;
    let [w3, w2, w1, w0, h3, h2, h1, h0, depth, color, compression, filter, interlaced] = *first.data else {
        return Err("Corrupt: a header of a wrong length".into());
    };
    if !first.sum_is_right {
        return Err("Corrupt: the header's sum is wrong".into());
    }
    let layout = Layout::new(color, depth)
        .ok_or_else(|| format!("Corrupt: {depth} bits a sample with colour type {color}, which there is not"))?;
    if compression != 0 || filter != 0 || interlaced > 1 {
        return Err("Expected compression, filter and interlacing that the format has, got others".into());
    }
    let size = [[w3, w2, w1, w0], [h3, h2, h1, h0]].map(|size| u32::from_be_bytes(size) as usize);
    Ok((layout, size, interlaced == 1))
}

/// How far the compressed stream is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Over,
    /// All is there but for the sum at the end, which is wrong.
    WrongSum,
    /// From here on it makes no sense.
    Broken,
}

/// The decompressed data of the image.
struct Data<'a> {
    chunks: Chunks<'a>,
    /// What is left of the current chunk.
    input: &'a [u8],
    inflate: Box<DecompressorOxide>,
    /// What was decompressed last; distances reach back in it, round its end.
    ring: Vec<u8>,
    /// What of it is not yet used.
    ready: std::ops::Range<usize>,
    end: End,
}

impl<'a> Data<'a> {
    fn new(chunks: Chunks<'a>) -> Result<Data<'a>, String> {
        Ok(Data { chunks, input: &[], inflate: Box::default(), ring: zeroed(RING)?, ready: 0..0, end: End::Open })
    }

    /// Fills a row; `false` where the data end before.
    fn row(&mut self, mut row: &mut [u8], damage: &mut Damage) -> Result<bool, Refusal> {
        while !row.is_empty() {
            if self.ready.is_empty() && !self.decompress(damage)? {
                return Ok(false);
            }
            let count = row.len().min(self.ready.len());
            let (filled, rest) = row.split_at_mut(count);
            filled.copy_from_slice(&self.ring[self.ready.start..self.ready.start + count]);
            self.ready.start += count;
            row = rest;
        }
        Ok(true)
    }

    /// Decompresses more, once all is used; `false` where there is none.
    fn decompress(&mut self, damage: &mut Damage) -> Result<bool, Refusal> {
        while self.ready.is_empty() {
            match self.end {
                End::Open => {}
                End::Over | End::WrongSum => return Ok(false),
                End::Broken => return Err("Corrupt: its compressed data make no sense".into()),
            }
            let mut is_last = false;
            while self.input.is_empty() && !is_last {
                match self.chunks.next_data(damage) {
                    Some(data) => self.input = data,
                    None => is_last = true,
                }
            }
            let start = self.ready.end % RING;
            let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_COMPUTE_ADLER32 | TINFL_FLAG_HAS_MORE_INPUT;
            let (status, taken, given) = decompress(&mut self.inflate, self.input, &mut self.ring, start, flags);
            self.input = &self.input[taken..];
            self.ready = start..start + given;
            match status {
                TINFLStatus::NeedsMoreInput if is_last && given == 0 => return Ok(false),
                TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput => {}
                TINFLStatus::Done => self.end = End::Over,
                TINFLStatus::Adler32Mismatch => self.end = End::WrongSum,
                _ => self.end = End::Broken,
            }
        }
        Ok(true)
    }

    /// Looks at what comes after the image.
    fn finish(mut self, damage: &mut Damage) {
        let more = self.decompress(damage);
        match (more, self.end) {
            (Ok(true), _) => damage.note(|| "More data than the image has".to_string()),
            (Ok(false), End::Open) => damage.note(|| "Its compressed data have no end".to_string()),
            (Ok(false), End::Over) => {}
            _ => damage.note(|| "The sum of its data is wrong".to_string()),
        }
        self.chunks.after_data(damage);
    }
}
