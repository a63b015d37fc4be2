//! A data set in a `.tgz` or `.tar`, read as a stream and never unpacked to disk.

use super::tar::{Kind, Tar};
use super::{Contents, Found, Place, Receiver};
use crate::image::job::{Fault, Progress};
use crate::image::limits;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How much of the file is read at once.
const CHUNK: usize = 256 * 1024;

/// What an archive may hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Bytes once decompressed.
    pub bytes: u64,
    pub entries: u64,
}

/// An archive file, hashed.
pub struct Archive {
    path: PathBuf,
    file: File,
    before: Metadata,
    compressed: bool,
    /// SHA-256 of the file's bytes.
    pub key: [u8; 32],
    pub bytes: u64,
}

impl Archive {
    /// Opens and hashes the file.
    pub fn open(path: &Path, progress: &Progress) -> Result<Archive, Fault> {
        let failed = |error| Fault::file(path, &error);
        let mut file = File::open(path).map_err(failed)?;
        let before = file.metadata().map_err(failed)?;
        if !before.is_file() {
            return Err(Fault::data(format!("{}: Expected a folder, a .tgz or a .tar", path.display())));
        }
        progress.expect_bytes(before.len());
        let mut hash = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        let (mut bytes, mut start) = (0, [0; 2]);
        loop {
            progress.check()?;
            let count = file.read(&mut chunk).map_err(failed)?;
            if count == 0 {
                break;
            }
            if bytes == 0 {
                start[..count.min(2)].copy_from_slice(&chunk[..count.min(2)]);
            }
            hash.update(&chunk[..count]);
            bytes += count as u64;
            progress.add_bytes(count as u64);
        }
        let compressed = start == [0x1F, 0x8B];
        Ok(Archive { path: path.to_path_buf(), file, before, compressed, key: hash.finalize().into(), bytes })
    }

    /// Hands every image and class folder over; returns how many other files there were.
    pub fn read(mut self, caps: Caps, progress: &Progress, receive: &mut Receiver) -> Result<u64, Fault> {
        let name = self.path.display().to_string();
        let about = |message: String| Fault::data(format!("{name}: {message}"));
        self.file.seek(SeekFrom::Start(0)).map_err(|error| Fault::file(&self.path, &error))?;
        progress.expect_bytes(self.bytes);
        let taken = Rc::new(Cell::new(0));
        let counted = Counted { inner: &self.file, taken: taken.clone(), progress };
        let buffered = BufReader::with_capacity(CHUNK, counted);
        let inner: Box<dyn Read + '_> =
            if self.compressed { Box::new(MultiGzDecoder::new(buffered)) } else { Box::new(buffered) };
        let ratio = if self.compressed { limits::RATIO } else { 1 };
        let guarded = Guarded { inner, given: 0, taken, cap: caps.bytes, ratio };
        let ignored = read_entries(Tar::new(guarded), caps, progress, &about, receive)?;
        let after = self.file.metadata().map_err(|error| Fault::file(&self.path, &error))?;
        if after.len() != self.before.len() || after.modified().ok() != self.before.modified().ok() {
            return Err(about("The file was changed while it was read".to_string()));
        }
        Ok(ignored)
    }
}

fn read_entries(
    mut tar: Tar<Guarded>,
    caps: Caps,
    progress: &Progress,
    about: &dyn Fn(String) -> Fault,
    receive: &mut Receiver,
) -> Result<u64, Fault> {
    let (mut ignored, mut count) = (0, 0);
    let mut root: Option<Vec<String>> = None;
    while let Some(entry) = tar.next_entry().map_err(about)? {
        progress.check()?;
        progress.add_entry();
        count += 1;
        if count > caps.entries {
            return Err(about(format!("Expected at most {} entries", caps.entries)));
        }
        let parts: Vec<&str> = entry.parts.iter().map(String::as_str).collect();
        let found = match entry.kind {
            Kind::Folder => Place::of_folder(&parts),
            Kind::File => Place::of_file(&parts),
        };
        let Some((depth, place)) = found else {
            ignored += u64::from(entry.kind == Kind::File);
            continue;
        };
        let before = &entry.parts[..depth];
        if root.get_or_insert_with(|| before.to_vec()) != before {
            let first = root.unwrap_or_default().join("/");
            return Err(about(format!(
                "Expected one data set, got two: in \"{first}\" and in \"{}\"",
                before.join("/")
            )));
        }
        match entry.kind {
            Kind::Folder => receive(Found::Class(place))?,
            Kind::File => {
                let bytes = tar.contents(limits::FILE_BYTES).map_err(about)?;
                receive(Found::Image(place, Contents::Bytes(bytes)))?;
            }
        }
    }
    Ok(ignored)
}

/// Counts the bytes that come out of the file.
struct Counted<'a> {
    inner: &'a File,
    taken: Rc<Cell<u64>>,
    progress: &'a Progress,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.progress.is_cancelled() {
            return Err(io::Error::other("Cancelled"));
        }
        let count = self.inner.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        self.progress.add_bytes(count as u64);
        Ok(count)
    }
}

/// Stops a stream that grows beyond the caps.
struct Guarded<'a> {
    inner: Box<dyn Read + 'a>,
    given: u64,
    /// Bytes that went in.
    taken: Rc<Cell<u64>>,
    cap: u64,
    ratio: u64,
}

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        if self.given > self.cap {
            return Err(io::Error::other(format!("Expected at most {} bytes once decompressed", self.cap)));
        }
        if self.given > limits::RATIO_FROM && self.given / self.ratio > self.taken.get() {
            return Err(io::Error::other(format!("Expected at most {} bytes out for each byte in", self.ratio)));
        }
        Ok(count)
    }
}
