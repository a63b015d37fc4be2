//! What a file that is no archive of ours is called by its first bytes, with what to do.

use super::tar::{BLOCK, is_header};

/// Bytes to look at.
pub const START: usize = BLOCK;

const UNPACK: &str = "unpack it and give the folder, or pack it as .tgz";

/// Why a file with such a beginning is of no use; `None` where it may be a `.tar` or `.tgz`.
pub fn refusal(start: &[u8]) -> Option<String> {
    let kinds: [(&[u8], &str); 10] = [
        (b"PK\x03\x04", "A .zip archive"),
        (b"PK\x05\x06", "An empty .zip archive"),
        (b"\xFD7zXZ\0", "A file compressed by xz"),
        (b"7z\xBC\xAF\x27\x1C", "A .7z archive"),
        (b"BZh", "A file compressed by bzip2"),
        (b"\x28\xB5\x2F\xFD", "A file compressed by zstd"),
        (b"Rar!\x1A\x07", "A .rar archive"),
        (b"\x04\x22\x4D\x18", "A file compressed by lz4"),
        (b"LZIP", "A file compressed by lzip"),
        (b"\x1F\x9D", "A file compressed by compress"),
    ];
    if let Some((_, what)) = kinds.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(format!("{what}, which is not read: {UNPACK}"));
    }
    let text = start.trim_ascii_start();
    if start.starts_with(b"version https://git-lfs") {
        return Some("A pointer of Git LFS in the place of the file: fetch it with `git lfs pull`".to_string());
    }
    if text.starts_with(b"<") {
        return Some("A page of HTML or XML, no archive: was it downloaded as a whole?".to_string());
    }
    let images: [&[u8]; 3] = [b"\xFF\xD8\xFF", b"\x89PNG", b"RIFF"];
    if images.iter().any(|magic| start.starts_with(magic)) {
        return Some("An image, no data set: give the folder with train/ and val/".to_string());
    }
    let packed = start.starts_with(&super::gzip::MAGIC);
    match packed || start.is_empty() || start.len() < BLOCK || start.iter().all(|&byte| byte == 0) || is_header(start) {
        true => None,
        false => Some("Neither a folder, a .tgz nor a .tar of a data set".to_string()),
    }
}
