//! PNG files.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use libtrain_fuzz::{MOST_PIXELS, decode, read_behind};

const MAGIC: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if !bytes.starts_with(&MAGIC) || bytes.len() < 33 {
        return Corpus::Reject;
    }
    let number = |at: usize| u64::from(u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")));
    if number(16).saturating_mul(number(20)) > MOST_PIXELS {
        return Corpus::Reject;
    }
    read_behind(bytes, bytes[24] == 3);
    decode(bytes);
    Corpus::Keep
});
