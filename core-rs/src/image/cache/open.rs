//! Opening a cache file: what follows the pixels is read and checked, the pixels are mapped.

use super::sums::CHUNK;
use super::{DIGEST, NUMBERS, PAGE, Preamble, SUM, VERSION, sum_of};
use crate::image::source::regular;
use crate::image::{CHANNELS, limits};
use crate::runtime::mapped_file::MappedFile;
use crate::shown::shown;
use memmap2::MmapOptions;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes of a row of the table.
const ROW: usize = 16;

/// A checked cache file. What follows its pixels is a copy, which nobody can change; the pixels are still in the file.
pub struct Cache {
    path: PathBuf,
    file: File,
    preamble: Preamble,
    tail: Vec<u8>,
}

/// A part of what follows the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// i32 [images, 4]
    Table,
    /// i32 [images]
    Labels,
    /// u8 [images, 16]: the start of the SHA-256 of each image's file
    Digests,
    /// u64 [mebibytes of pixels]: their sums
    Sums,
    /// u8 [bytes], JSON
    Header,
}

impl Cache {
    /// Opens and checks the file: sizes, sum, and that every image lies among the pixels. Those are not read.
    pub fn open(path: &Path) -> Result<Cache, String> {
        let about = |reason: String| format!("{}: {reason}", shown(&path.to_string_lossy()));
        let (file, meta) = regular::open(path).map_err(|error| about(format!("Cannot be opened: {error}")))?;
        let preamble = Cache::preamble_of(&file, meta.len()).map_err(about)?;
        let tail = Cache::tail_of(&file, &preamble).map_err(about)?;
        let cache = Cache { path: path.to_path_buf(), file, preamble, tail };
        cache.check().map_err(about)?;
        Ok(cache)
    }

    /// The numbers of a file that has the size it says.
    fn preamble_of(mut file: &File, bytes: u64) -> Result<Preamble, String> {
        let mut numbers = [0; NUMBERS];
        let start = file.read_exact(&mut numbers).ok().and_then(|()| Preamble::from_bytes(&numbers));
        let preamble = start.ok_or("Not a pixel cache of libtrain")?;
        if preamble.version != VERSION {
            return Err(format!("A pixel cache of version {}, expected {VERSION}", preamble.version));
        }
        if preamble.file_bytes != bytes {
            return Err(format!("Damaged: {bytes} bytes, expected {}", preamble.file_bytes));
        }
        Ok(preamble)
    }

    /// What follows the pixels, under the sum.
    fn tail_of(mut file: &File, p: &Preamble) -> Result<Vec<u8>, String> {
        let fit = "Damaged: its parts do not fit together";
        let failed = |error: std::io::Error| format!("Cannot be read: {error}");
        let ends = [
            (PAGE as u64).checked_add(p.pixel_bytes),
            p.images.checked_mul(ROW as u64).and_then(|bytes| bytes.checked_add(p.table_at)),
            p.images.checked_mul(4).and_then(|bytes| bytes.checked_add(p.labels_at)),
            p.images.checked_mul(DIGEST as u64).and_then(|bytes| bytes.checked_add(p.digests_at)),
            p.pixel_bytes.div_ceil(CHUNK as u64).checked_mul(8).and_then(|bytes| bytes.checked_add(p.sums_at)),
            p.header_at.checked_add(p.header_bytes),
        ];
        let wanted = [p.table_at, p.labels_at, p.digests_at, p.sums_at, p.header_at, p.file_bytes].map(Some);
        if ends != wanted || !p.pixel_bytes.is_multiple_of(PAGE as u64) {
            return Err(fit.to_string());
        }
        let mut sum = [0; SUM];
        file.read_exact(&mut sum).map_err(failed)?;
        file.seek(SeekFrom::Start(p.table_at)).map_err(failed)?;
        let bytes = (p.file_bytes - p.table_at) as usize;
        let mut tail = Vec::new();
        tail.try_reserve_exact(bytes).map_err(|_| format!("The system refused {bytes} bytes"))?;
        file.take(bytes as u64).read_to_end(&mut tail).map_err(failed)?;
        match tail.len() == bytes && sum == sum_of(&p.to_bytes(), &tail) {
            true => Ok(tail),
            false => Err("Damaged: its sum is wrong".to_string()),
        }
    }

    fn check(&self) -> Result<(), String> {
        let p = &self.preamble;
        let inside = self.part(Part::Table).as_chunks::<ROW>().0.iter().all(|row| {
            let number = |i: usize| u64::from(u32::from_le_bytes([row[i], row[i + 1], row[i + 2], row[i + 3]]));
            let (offset, height, width) = (number(0) << 32 | number(4), number(8), number(12));
            let side = 1..=limits::SIDE as u64;
            let bytes = height * width * CHANNELS as u64;
            side.contains(&height)
                && side.contains(&width)
                && offset.checked_add(bytes).is_some_and(|end| end <= p.pixel_bytes)
        });
        let labels = self.part(Part::Labels).as_chunks::<4>().0;
        if !inside || labels.iter().any(|label| u64::from(u32::from_le_bytes(*label)) >= p.classes) {
            return Err("Damaged: its table points outside".to_string());
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn images(&self) -> usize {
        self.preamble.images as usize
    }

    pub fn unreadable(&self) -> u64 {
        self.preamble.unreadable
    }

    pub fn damaged(&self) -> u64 {
        self.preamble.damaged
    }

    pub fn bytes(&self) -> u64 {
        self.preamble.file_bytes
    }

    /// Bytes of the pixels, whole pages.
    pub fn pixel_bytes(&self) -> usize {
        self.preamble.pixel_bytes as usize
    }

    /// Where a part is, in bytes from the end of the pixels.
    pub fn range(&self, part: Part) -> Range<usize> {
        let p = &self.preamble;
        let (start, bytes) = match part {
            Part::Table => (p.table_at, p.images * ROW as u64),
            Part::Labels => (p.labels_at, p.images * 4),
            Part::Digests => (p.digests_at, p.images * DIGEST as u64),
            Part::Sums => (p.sums_at, p.header_at - p.sums_at),
            Part::Header => (p.header_at, p.header_bytes),
        };
        let start = start - p.table_at;
        start as usize..(start + bytes) as usize
    }

    /// The part's bytes.
    pub fn part(&self, part: Part) -> &[u8] {
        &self.tail[self.range(part)]
    }

    /// All parts, one after the other.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The pixels in memory, for a queue; pages come in as they are read.
    pub fn map_pixels(&self, queue: u32) -> Result<MappedFile, String> {
        // SAFETY: writes to the mapping stay private to it. A file that is changed by others gives other bytes, all of which
        // are pixels; one that is cut off is `MappedFile`'s to care for.
        let map = unsafe {
            MmapOptions::new().offset(PAGE as u64).len(self.pixel_bytes()).no_reserve_swap().map_copy(&self.file)
        };
        let name = self.path.to_string_lossy();
        match map {
            Ok(map) => Ok(MappedFile::new(map, &name, queue)),
            Err(error) => Err(format!("{}: Cannot be mapped: {error}", shown(&name))),
        }
    }
}
