//! The files of `tests/fixtures/images/`, for the tests of this room.

use super::Image;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/images")
}

/// The bytes of one file.
pub fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of the files that end so, sorted.
pub fn names(suffix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("the fixtures are in the repository");
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(suffix)).collect();
    names.sort();
    names
}

/// What PIL made of a file.
pub fn pixels(name: &str) -> Image {
    let bytes = file(&format!("{name}.ppm"));
    let mut parts = bytes.splitn(4, |&byte| byte == b'\n');
    let mut line = || std::str::from_utf8(parts.next().unwrap()).unwrap();
    let (_, size, _) = (line(), line(), line());
    let (width, height) = size.split_once(' ').unwrap();
    let (width, height) = (width.parse().unwrap(), height.parse().unwrap());
    Image { height, width, pixels: bytes[bytes.len() - height * width * 3..].to_vec() }
}
