//! Opening a cache file: checked once, then mapped.

use super::{NUMBERS, PAGE, Preamble, SUM, VERSION, sum_of};
use crate::image::{CHANNELS, limits};
use memmap2::{MmapMut, MmapOptions};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

/// Bytes of a row of the table.
const ROW: usize = 16;

/// A checked cache file in memory; pages come in as they are read.
pub struct Cache {
    map: MmapMut,
    preamble: Preamble,
}

/// A part of the file that is a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// u8 [pages, 4096]
    Pixels,
    /// i32 [images, 4]
    Table,
    /// i32 [images]
    Labels,
    /// u8 [bytes], JSON
    Header,
}

impl Cache {
    /// Maps and checks the file: sizes, sum, and that every image lies among the pixels.
    pub fn open(path: &Path) -> Result<Cache, String> {
        let about = |reason: String| format!("{}: {reason}", path.display());
        let file = File::open(path).map_err(|error| about(format!("Cannot be opened: {error}")))?;
        let preamble = Cache::preamble_of(&file).map_err(about)?;
        // SAFETY: the file was complete before it got its name, nobody writes to it after that, and a file that takes its
        // place is another one. Writes to the mapping stay private to it.
        let map = unsafe { MmapOptions::new().no_reserve_swap().map_copy(&file) };
        let map = map.map_err(|error| about(format!("Cannot be mapped: {error}")))?;
        let cache = Cache { map, preamble };
        cache.check().map_err(about)?;
        Ok(cache)
    }

    /// The numbers of a file that has the size it says.
    fn preamble_of(mut file: &File) -> Result<Preamble, String> {
        let bytes = file.metadata().map_err(|error| format!("Cannot be read: {error}"))?.len();
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

    fn check(&self) -> Result<(), String> {
        let p = &self.preamble;
        let ends = [
            (PAGE as u64).checked_add(p.pixel_bytes),
            p.images.checked_mul(ROW as u64).and_then(|bytes| bytes.checked_add(p.table_at)),
            p.images.checked_mul(4).and_then(|bytes| bytes.checked_add(p.labels_at)),
            p.header_at.checked_add(p.header_bytes),
        ];
        let wanted = [p.table_at, p.labels_at, p.header_at, p.file_bytes].map(Some);
        let aligned = p.pixel_bytes.is_multiple_of(PAGE as u64);
        if ends != wanted || !aligned || p.file_bytes != self.map.len() as u64 {
            return Err("Damaged: its parts do not fit together".to_string());
        }
        let numbers = self.map.first_chunk::<NUMBERS>().expect("longer than its preamble");
        if self.map[NUMBERS..NUMBERS + SUM] != sum_of(numbers, &self.map[p.table_at as usize..]) {
            return Err("Damaged: its sum is wrong".to_string());
        }
        let inside = self.map[self.range(Part::Table)].as_chunks::<ROW>().0.iter().all(|row| {
            let number = |i: usize| u64::from(u32::from_le_bytes([row[i], row[i + 1], row[i + 2], row[i + 3]]));
            let (offset, height, width) = (number(0) << 32 | number(4), number(8), number(12));
            let side = 1..=limits::SIDE as u64;
            let bytes = height * width * CHANNELS as u64;
            side.contains(&height)
                && side.contains(&width)
                && offset.checked_add(bytes).is_some_and(|end| end <= p.pixel_bytes)
        });
        let labels = self.map[self.range(Part::Labels)].as_chunks::<4>().0;
        if !inside || labels.iter().any(|label| u64::from(u32::from_le_bytes(*label)) >= p.classes) {
            return Err("Damaged: its table points outside".to_string());
        }
        Ok(())
    }

    pub fn images(&self) -> usize {
        self.preamble.images as usize
    }

    pub fn unreadable(&self) -> u64 {
        self.preamble.unreadable
    }

    pub fn bytes(&self) -> u64 {
        self.preamble.file_bytes
    }

    /// Where a part is, in bytes from the start of the mapping.
    pub fn range(&self, part: Part) -> Range<usize> {
        let p = &self.preamble;
        let (start, bytes) = match part {
            Part::Pixels => (PAGE as u64, p.pixel_bytes),
            Part::Table => (p.table_at, p.images * ROW as u64),
            Part::Labels => (p.labels_at, p.images * 4),
            Part::Header => (p.header_at, p.header_bytes),
        };
        start as usize..(start + bytes) as usize
    }

    /// The part's bytes.
    pub fn part(&self, part: Part) -> &[u8] {
        &self.map[self.range(part)]
    }

    /// The mapping; the ranges keep their meaning.
    pub fn into_map(self) -> MmapMut {
        self.map
    }
}
