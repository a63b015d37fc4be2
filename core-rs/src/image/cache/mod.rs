//! The pixel cache: one file with all decoded images of one split, mapped into memory while it trains.
//!
//! All numbers are little-endian. The file is
//! - 4,096 bytes that begin with [`Preamble`]: the magic, fourteen u64, a SHA-256 over them and everything after the pixels;
//! - the pixels: each image's RGB rows, one image after the other in the order of the source, zeros up to a whole number of
//!   [`PAGE`]s;
//! - the table, i32 [images, 4]: byte offset among the pixels (upper half, lower half), height, width;
//! - the labels, i32 [images]: the class's number;
//! - the digests, u8 [images, 16]: how the SHA-256 of each image's file begins;
//! - the sums, u64 [mebibytes of pixels]: XXH64 of each mebibyte of them, which the check in the background compares;
//! - a JSON text: `{format, version, key, source: {kind, name, bytes, key}, split, size, heights, widths: [smallest, median,
//!   largest] of the files' own, contents, counts, classes: [name…], paths: [path…], unreadable: [{path, reason}…], damaged: [{path,
//!   reason}…], leftOut: [{path, reason}…], linked}`. `contents` is a SHA-256 over the paths and digests of all images, those
//!   that cannot be read among them.
//!
//! Rows of table, labels and paths go by class, then file name, by code points, whatever the order of the source and the
//! threads. `key` in hex is what the file's name has: a SHA-256 of the source's key, layout, split, size and version of this
//! format and of the decoder. The source's key is the SHA-256 of an archive's bytes; for a folder it is that of the list of
//! its images with their sizes, times of change and numbers on the drive, as reading all of them would take long.

mod open;
pub mod sums;
#[cfg(test)]
mod tests;
mod verify;
mod write;

pub use open::{Cache, Part};
pub use verify::Watched;
pub use write::{About, CacheWriter};

use super::source::Split;
use super::source::layout::Layout;
use sha2::{Digest, Sha256};

/// What the file begins with.
pub const MAGIC: [u8; 8] = *b"LTPIXELS";

/// Goes up with every change of the layout, or of what decoding and resizing make of a file.
pub const VERSION: u64 = 3;

/// Bytes; the pixels start and end at multiples of it.
pub const PAGE: usize = 4096;

/// Bytes of the preamble's numbers, and of its sum after them.
const NUMBERS: usize = 120;
const SUM: usize = 32;

/// Bytes of the SHA-256 of an image's file that are kept.
pub const DIGEST: usize = 16;

/// The numbers at the start of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preamble {
    pub version: u64,
    pub file_bytes: u64,
    pub pixel_bytes: u64,
    pub images: u64,
    pub classes: u64,
    pub unreadable: u64,
    pub damaged: u64,
    pub size: u64,
    pub table_at: u64,
    pub labels_at: u64,
    pub digests_at: u64,
    pub sums_at: u64,
    pub header_at: u64,
    pub header_bytes: u64,
}

impl Preamble {
    fn numbers(&self) -> [u64; 14] {
        [
            self.version,
            self.file_bytes,
            self.pixel_bytes,
            self.images,
            self.classes,
            self.unreadable,
            self.damaged,
            self.size,
            self.table_at,
            self.labels_at,
            self.digests_at,
            self.sums_at,
            self.header_at,
            self.header_bytes,
        ]
    }

    /// The magic and the numbers.
    fn to_bytes(self) -> [u8; NUMBERS] {
        let mut bytes = [0; NUMBERS];
        bytes[..8].copy_from_slice(&MAGIC);
        for (place, number) in bytes[8..].chunks_exact_mut(8).zip(self.numbers()) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; NUMBERS]) -> Option<Preamble> {
        let numbers = bytes[8..].as_chunks::<8>().0;
        let [
            version,
            file_bytes,
            pixel_bytes,
            images,
            classes,
            unreadable,
            damaged,
            size,
            table_at,
            labels_at,
            digests_at,
            sums_at,
            header_at,
            header_bytes,
        ] = std::array::from_fn(|i| u64::from_le_bytes(numbers[i]));
        bytes.starts_with(&MAGIC).then_some(Preamble {
            version,
            file_bytes,
            pixel_bytes,
            images,
            classes,
            unreadable,
            damaged,
            size,
            table_at,
            labels_at,
            digests_at,
            sums_at,
            header_at,
            header_bytes,
        })
    }
}

/// The sum that the preamble carries.
fn sum_of(numbers: &[u8; NUMBERS], after_pixels: &[u8]) -> [u8; SUM] {
    Sha256::new().chain_update(numbers).chain_update(after_pixels).finalize().into()
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key of a cache file, and the file's name, for a source's key and the settings.
pub fn name_of(source: &[u8; 32], layout: Layout, split: Split, size: usize) -> (String, String) {
    let (source, layout, split) = (hex(source), layout.key(), split.name());
    let text = format!("libtrain pixels {VERSION}\n{source}\n{layout}\n{split}\n{size}\n");
    let key = hex(&Sha256::digest(text));
    let short = &key[..20];
    let name = match size {
        0 => format!("{split}-source-{short}.pixels"),
        _ => format!("{split}-{size}-{short}.pixels"),
    };
    (key, name)
}
