//! PNG files.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use libtrain_fuzz::{decode, read_behind};

const MAGIC: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if !bytes.starts_with(&MAGIC) {
        return Corpus::Reject;
    }
    // A depth of three bits.
    read_behind(bytes, bytes.get(24) == Some(&3));
    decode(bytes);
    Corpus::Keep
});
