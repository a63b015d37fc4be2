//! Data sets that tests make: tar streams entry by entry, folders, and a place for them that goes away.

use crate::image::fixtures::file;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder under the system's temporary one; removed at the end of the test.
pub struct Temp(PathBuf);

impl Temp {
    pub fn create() -> Temp {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("libtrain-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Temp(path)
    }

    /// The names in a folder below, sorted; none where there is no such folder.
    pub fn names(&self, below: &str) -> Vec<String> {
        let entries = fs::read_dir(self.join(below)).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Deref for Temp {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A tar stream in the making.
#[derive(Clone, Default)]
pub struct TarBuilder(Vec<u8>);

impl TarBuilder {
    /// A header of 512 bytes with a right sum, changed by `change` before that.
    pub fn header(mut self, name: &str, kind: u8, size: u64, change: impl FnOnce(&mut [u8])) -> TarBuilder {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        change(&mut header);
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self
    }

    /// Contents, padded to whole blocks.
    pub fn body(mut self, bytes: &[u8]) -> TarBuilder {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn entry(self, name: &str, kind: u8, bytes: &[u8]) -> TarBuilder {
        self.header(name, kind, bytes.len() as u64, |_| ()).body(bytes)
    }

    pub fn file(self, name: &str, bytes: &[u8]) -> TarBuilder {
        self.entry(name, b'0', bytes)
    }

    pub fn folder(self, name: &str) -> TarBuilder {
        self.entry(name, b'5', b"")
    }

    /// A link, hard (`1`) or symbolic (`2`).
    pub fn link(self, name: &str, kind: u8, target: &str) -> TarBuilder {
        self.header(name, kind, 0, |header| header[157..157 + target.len()].copy_from_slice(target.as_bytes()))
    }

    /// The stream with the two blocks that end it.
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }

    /// The stream as it is.
    pub fn unfinished(self) -> Vec<u8> {
        self.0
    }
}

/// Compresses as gzip does.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The files of a small data set: two classes, four images of train and two of val.
pub fn small() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("train/cat/b.JPEG", file("baseline_420.jpg")),
        ("train/cat/a.jpg", file("grey.jpg")),
        ("train/dog/c.png", file("png_rgb.png")),
        ("train/dog/a.jpeg", file("progressive_444.jpg")),
        ("val/dog/z.jpg", file("cmyk.jpg")),
        ("val/cat/y.jpg", file("baseline_422.jpg")),
    ]
}

/// [`small`] as an archive, with what real ones have beside the images.
pub fn small_tar() -> TarBuilder {
    let start =
        TarBuilder::default().folder("./set/").file("./set/noisy_imagenette.csv", b"path,label\n").folder("set/train/");
    small().iter().fold(start, |tar, (name, bytes)| tar.file(&format!("set/{name}"), bytes))
}

/// Writes files below a folder.
pub fn write_files(root: &Path, files: &[(&str, Vec<u8>)]) {
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
