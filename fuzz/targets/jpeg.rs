//! JPEG files.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use libtrain_fuzz::{MOST_PIXELS, decode, read_behind};

/// The size in the first frame header; none where there is none.
fn size(bytes: &[u8]) -> Option<u64> {
    let frame = bytes.windows(9).find(|part| part[0] == 0xFF && (0xC0..=0xC2).contains(&part[1]))?;
    let number = |at: usize| u64::from(frame[at]) << 8 | u64::from(frame[at + 1]);
    Some(number(5) * number(7))
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let pixels = size(bytes);
    if !bytes.starts_with(&[0xFF, 0xD8]) || pixels.is_some_and(|count| count > MOST_PIXELS) {
        return Corpus::Reject;
    }
    read_behind(bytes, pixels == Some(0));
    decode(bytes);
    Corpus::Keep
});
