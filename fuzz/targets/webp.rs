//! WebP files.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use libtrain_fuzz::{decode, read_behind};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if bytes.len() < 16 || !bytes.starts_with(b"RIFF") || &bytes[8..12] != b"WEBP" {
        return Corpus::Reject;
    }
    // More bytes to come than any file of the corpus has.
    read_behind(bytes, bytes[7] != 0);
    decode(bytes);
    Corpus::Keep
});
