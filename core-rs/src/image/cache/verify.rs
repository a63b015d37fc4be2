//! Checking the pixels of a cache file that is in use against their sums.

use super::sums::{CHUNK, xxh64};
use super::{Cache, PAGE, Part};
use crate::image::job::{Fault, Progress};
use crate::image::source::regular::{self, Stamp};
use crate::shown::shown;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What a damaged file's error says.
fn damaged(path: &Path, how: &str) -> Fault {
    let path = shown(&path.to_string_lossy());
    Fault::data(format!("The cache \"{path}\" is damaged: {how}: remove it, and it is made again"))
}

/// A cache file that is watched while it is in use.
pub struct Watched {
    path: PathBuf,
    file: File,
    file_bytes: u64,
    pixel_bytes: usize,
    sums: Vec<u64>,
}

impl Watched {
    pub fn new(cache: &Cache) -> std::io::Result<Watched> {
        let sums = cache.part(Part::Sums).as_chunks::<8>().0.iter().map(|sum| u64::from_le_bytes(*sum)).collect();
        let file = cache.file().try_clone()?;
        let (path, pixel_bytes) = (cache.path().to_path_buf(), cache.pixel_bytes());
        Ok(Watched { path, file, file_bytes: cache.bytes(), pixel_bytes, sums })
    }

    /// What the file is now; fails where it is not as long as it was.
    pub fn look(&self) -> Result<Stamp, Fault> {
        let about = self.file.metadata().map_err(|error| Fault::file(&self.path, &error))?;
        match about.len() == self.file_bytes {
            true => Ok(Stamp::of(&about)),
            false => Err(damaged(&self.path, &format!("it had {} bytes, and now {}", self.file_bytes, about.len()))),
        }
    }

    /// Reads all pixels.
    pub fn verify(&self, progress: &Progress) -> Result<(), Fault> {
        let failed = |error| Fault::file(&self.path, &error);
        progress.expect_bytes(self.sums.len() as u64 * CHUNK as u64);
        let mut chunk = vec![0; CHUNK];
        for (at, sum) in self.sums.iter().enumerate() {
            progress.check()?;
            let bytes = (self.pixel_bytes - at * CHUNK).min(CHUNK);
            let from = (PAGE + at * CHUNK) as u64;
            let read = regular::read_at(&self.file, &mut chunk[..bytes], from).map_err(failed)?;
            if read < bytes || xxh64(&chunk[..bytes]) != *sum {
                return Err(damaged(&self.path, "its pixels are not those that were written"));
            }
            progress.add_bytes(bytes as u64);
        }
        Ok(())
    }
}
