//! WebP files.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use libtrain_fuzz::{decode, read_behind};

/// Side of the largest image, as the lossless format's header has it; the lossy one's is as wide.
const MOST_SIDE: u32 = 1 << 11;

/// The size in a lossless image's header, which follows its signature; none where there is none.
fn lossless_side(bytes: &[u8]) -> Option<u32> {
    let at = bytes.windows(4).position(|part| part == b"VP8L")? + 9;
    let word = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
    Some((word & 0x3FFF).max(word >> 14 & 0x3FFF) + 1)
}

/// The size in a lossy image's frame header.
fn lossy_side(bytes: &[u8]) -> Option<u32> {
    let at = bytes.windows(3).position(|part| part == [0x9D, 0x01, 0x2A])? + 3;
    let side = |at: usize| Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?) & 0x3FFF));
    Some(side(at)?.max(side(at + 2)?))
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if bytes.len() < 30 || !bytes.starts_with(b"RIFF") || &bytes[8..12] != b"WEBP" {
        return Corpus::Reject;
    }
    if lossless_side(bytes).max(lossy_side(bytes)).is_some_and(|side| side > MOST_SIDE) {
        return Corpus::Reject;
    }
    read_behind(bytes, bytes[15] == b'Y');
    decode(bytes);
    Corpus::Keep
});
