//! Archives, as a stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use libtrain::image::source::tar::Tar;
use libtrain_fuzz::read_behind;

/// Bytes of an entry that are read.
const MOST: u64 = 1 << 20;

/// Sums are what a fuzzer guesses last: of each header's block they are put right.
fn with_sums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
            block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        }
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = with_sums(bytes);
    read_behind(&bytes, bytes.len() > 512 && bytes[156] == b'K');
    let mut tar = Tar::new(bytes.as_slice());
    while let Ok(Some(entry)) = tar.next_entry() {
        let parts = format!("{:?}", entry.parts);
        assert!(!parts.contains("\"..\"") && !parts.contains('/'), "{parts}");
        let _ = tar.contents(MOST);
    }
});
