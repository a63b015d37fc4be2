//! JPEG files.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use libtrain_fuzz::{decode, read_behind};

/// The width in the first frame header; none where there is none.
fn width(bytes: &[u8]) -> Option<u32> {
    let frame = bytes.windows(9).find(|part| part[0] == 0xFF && (0xC0..=0xC2).contains(&part[1]))?;
    Some(u32::from(frame[7]) << 8 | u32::from(frame[8]))
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return Corpus::Reject;
    }
    read_behind(bytes, width(bytes) == Some(0));
    decode(bytes);
    Corpus::Keep
});
