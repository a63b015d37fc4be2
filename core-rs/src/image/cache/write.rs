//! Writing a cache file: under another name until it is complete, so that nobody ever sees half of one.

use super::sums::Sums;
use super::{DIGEST, NUMBERS, PAGE, Preamble, SUM, VERSION, hex, sum_of};
use crate::image::job::{Fault, Made};
use crate::image::source::Place;
use crate::image::source::left_out::LeftOut;
use crate::image::source::name::Name;
use crate::json::{Object, array, strings};
use crate::shown::shown;
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How the names of unfinished files end.
const PARTIAL: &str = ".partial";

/// What a header says beside the images.
pub struct About<'a> {
    pub key: &'a str,
    pub source_kind: &'a str,
    pub source_name: &'a str,
    pub source_bytes: u64,
    pub source_key: &'a [u8; 32],
    pub split: &'a str,
    pub size: usize,
    /// Sorted.
    pub classes: &'a [Name],
    /// What of the source is no image of the data set.
    pub left_out: &'a [LeftOut],
    /// Files and folders that links led to.
    pub linked: u64,
}

struct Row {
    place: Place,
    offset: u64,
    height: usize,
    width: usize,
    /// Height and width of the file's own image.
    source: [usize; 2],
    digest: [u8; DIGEST],
}

/// An image file with what is wrong with it.
pub struct Flawed {
    pub place: Place,
    pub reason: String,
    digest: [u8; DIGEST],
}

/// A cache file in the making; dropped before [`CacheWriter::commit`] it leaves nothing behind.
pub struct CacheWriter {
    file: BufWriter<File>,
    partial: PathBuf,
    target: PathBuf,
    pixel_bytes: u64,
    rows: Vec<Row>,
    unreadable: Vec<Flawed>,
    damaged: Vec<(Place, String)>,
    sums: Sums,
    committed: bool,
}

impl CacheWriter {
    /// Begins a file that will be `folder/name`; files of that kind that a process left when it was killed are removed.
    pub fn create(folder: &Path, name: &str) -> Result<CacheWriter, Fault> {
        fs::create_dir_all(folder).map_err(|error| Fault::file(folder, &error))?;
        sweep(folder);
        let target = folder.join(name);
        for attempt in 0.. {
            let partial = folder.join(format!("{name}.{}-{attempt}{PARTIAL}", std::process::id()));
            let file = match File::options().read(true).write(true).create_new(true).open(&partial) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && attempt < 1000 => continue,
                Err(error) => return Err(Fault::file(&partial, &error)),
            };
            // The lock tells others that somebody is at work. One that swept between the two lines took the file away.
            // Some network drives have no locks; there nobody sweeps either.
            if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || !partial.exists() {
                continue;
            }
            let mut writer = CacheWriter::over(file, partial, target);
            writer.put(&[0; PAGE])?;
            return Ok(writer);
        }
        unreachable!("the loop only ends by returning")
    }

    fn over(file: File, partial: PathBuf, target: PathBuf) -> CacheWriter {
        let file = BufWriter::with_capacity(1 << 20, file);
        let (rows, unreadable, damaged, sums) = (Vec::new(), Vec::new(), Vec::new(), Sums::default());
        CacheWriter { file, partial, target, pixel_bytes: 0, rows, unreadable, damaged, sums, committed: false }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.file.write_all(bytes).map_err(|error| Fault::file(&self.target, &error))
    }

    /// Adds an image, or the reason why there is none; `digest` is its file's.
    pub fn add(&mut self, place: Place, digest: [u8; DIGEST], image: Result<Made, String>) -> Result<(), Fault> {
        match image {
            Ok(Made { image, source, damage }) => {
                self.put(&image.pixels)?;
                self.sums.add(&image.pixels);
                if let Some(damage) = damage {
                    self.damaged.push((place.clone(), damage));
                }
                let (height, width) = (image.height, image.width);
                self.rows.push(Row { place, offset: self.pixel_bytes, height, width, source, digest });
                self.pixel_bytes += image.pixels.len() as u64;
            }
            Err(reason) => self.unreadable.push(Flawed { place, reason, digest }),
        }
        Ok(())
    }

    pub fn images(&self) -> usize {
        self.rows.len()
    }

    pub fn unreadable(&self) -> &[Flawed] {
        &self.unreadable
    }

    /// The classes of the images.
    pub fn classes(&self) -> impl Iterator<Item = &Name> {
        self.rows.iter().map(|row| &row.place.class)
    }

    /// Writes what comes after the pixels and everything to disk; the name is still the unfinished one.
    pub fn finish(&mut self, about: &About) -> Result<(), Fault> {
        self.rows.sort_by(|a, b| a.place.cmp(&b.place));
        self.unreadable.sort_by(|a, b| a.place.cmp(&b.place));
        self.damaged.sort();
        let padding = self.pixel_bytes.next_multiple_of(PAGE as u64) - self.pixel_bytes;
        let padding = vec![0; padding as usize];
        self.put(&padding)?;
        self.sums.add(&padding);
        let header = self.header(about);
        let mut tail = Vec::new();
        for row in &self.rows {
            // Both halves of the offset as the i32 with the same bits.
            let numbers = [(row.offset >> 32) as u32, row.offset as u32, row.height as u32, row.width as u32];
            numbers.iter().for_each(|number| tail.extend_from_slice(&number.to_le_bytes()));
        }
        let labels_at = tail.len();
        for row in &self.rows {
            let label = about.classes.binary_search(&row.place.class);
            let label =
                label.map_err(|_| Fault::data(format!("{}: not one of the classes", shown(&row.place.path()))))?;
            tail.extend_from_slice(&(label as u32).to_le_bytes());
        }
        let digests_at = tail.len();
        self.rows.iter().for_each(|row| tail.extend_from_slice(&row.digest));
        let sums_at = tail.len();
        self.sums.finish().iter().for_each(|sum| tail.extend_from_slice(&sum.to_le_bytes()));
        let header_at = tail.len();
        tail.extend_from_slice(header.as_bytes());
        let table_at = (PAGE as u64 + self.pixel_bytes).next_multiple_of(PAGE as u64);
        let preamble = Preamble {
            version: VERSION,
            file_bytes: table_at + tail.len() as u64,
            pixel_bytes: table_at - PAGE as u64,
            images: self.rows.len() as u64,
            classes: about.classes.len() as u64,
            unreadable: self.unreadable.len() as u64,
            damaged: self.damaged.len() as u64,
            size: about.size as u64,
            table_at,
            labels_at: table_at + labels_at as u64,
            digests_at: table_at + digests_at as u64,
            sums_at: table_at + sums_at as u64,
            header_at: table_at + header_at as u64,
            header_bytes: header.len() as u64,
        };
        let numbers = preamble.to_bytes();
        self.put(&tail)?;
        let failed = |error| Fault::file(&self.target, &error);
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let start: [u8; NUMBERS + SUM] = {
            let mut start = [0; NUMBERS + SUM];
            start[..NUMBERS].copy_from_slice(&numbers);
            start[NUMBERS..].copy_from_slice(&sum_of(&numbers, &tail));
            start
        };
        self.put(&start)?;
        let failed = |error| Fault::file(&self.target, &error);
        self.file.flush().map_err(failed)?;
        self.file.get_ref().sync_all().map_err(failed)
    }

    /// Makes the finished file one that is only read, and gives it its name.
    pub fn commit(mut self) -> Result<PathBuf, Fault> {
        let failed = |error| Fault::file(&self.target, &error);
        protect(self.file.get_ref());
        fs::rename(&self.partial, &self.target).map_err(failed)?;
        self.committed = true;
        // The rename itself must outlive a power cut; where folders cannot be synchronised, nothing is lost but the file.
        if let Some(folder) = self.target.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        Ok(self.target.clone())
    }

    fn header(&self, about: &About) -> String {
        let paths: Vec<_> = self.rows.iter().map(|row| row.place.path()).collect();
        let flaw = |place: &Place, reason: &str| Object::new().text("path", &place.path()).text("reason", reason).end();
        let unreadable = self.unreadable.iter().map(|flawed| flaw(&flawed.place, &flawed.reason));
        let damaged = self.damaged.iter().map(|(place, reason)| flaw(place, reason));
        let classes: Vec<_> = about.classes.iter().map(Name::text).collect();
        let source = Object::new()
            .text("kind", about.source_kind)
            .text("name", about.source_name)
            .value("bytes", about.source_bytes)
            .text("key", &hex(about.source_key));
        let [heights, widths] = [0, 1].map(|axis| spread(self.rows.iter().map(|row| row.source[axis]).collect()));
        Object::new()
            .text("format", "libtrain pixels")
            .value("version", VERSION)
            .text("key", about.key)
            .value("source", source.end())
            .text("split", about.split)
            .value("size", about.size)
            .value("heights", heights)
            .value("widths", widths)
            .text("contents", &self.contents())
            .value("counts", array(about.classes.iter().map(|class| self.count_of(class))))
            .value("classes", strings(classes.iter().map(|class| &**class)))
            .value("paths", strings(paths.iter().map(|path| &**path)))
            .value("unreadable", array(unreadable))
            .value("damaged", array(damaged))
            .value("leftOut", array(about.left_out.iter().map(LeftOut::json)))
            .value("linked", about.linked)
            .end()
    }

    /// Images of a class; the rows are sorted.
    fn count_of(&self, class: &Name) -> usize {
        let before =
            |end: bool| self.rows.partition_point(|row| row.place.class < *class || end && row.place.class == *class);
        before(true) - before(false)
    }

    /// A SHA-256 over paths and digests of all images: the same wherever they lie, and whenever they were written.
    fn contents(&self) -> String {
        let read = self.rows.iter().map(|row| (&row.place, &row.digest));
        let rest = self.unreadable.iter().map(|flawed| (&flawed.place, &flawed.digest));
        let mut all: Vec<_> = read.chain(rest).collect();
        all.sort();
        let mut hash = Sha256::new();
        for (place, digest) in all {
            hash.update(place.class.join(&place.file).bytes());
            hash.update([0]);
            hash.update(digest);
        }
        hex(&hash.finalize())
    }
}

/// The smallest, the median and the largest of some numbers, as a JSON array; empty for none.
fn spread(mut numbers: Vec<usize>) -> String {
    numbers.sort_unstable();
    match numbers[..] {
        [] => array([0; 0]),
        [first, ..] => array([first, numbers[numbers.len() / 2], numbers[numbers.len() - 1]]),
    }
}

impl Drop for CacheWriter {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Takes the rights to write away, so that nobody writes to it by mistake. Drives without such rights go without. Windows cuts off no file that is mapped, and replaces none that may only be read.
fn protect(file: &File) {
    if cfg!(windows) {
        return;
    }
    if let Ok(mut permissions) = file.metadata().map(|about| about.permissions()) {
        permissions.set_readonly(true);
        let _ = file.set_permissions(permissions);
    }
}

/// Removes unfinished files that nobody is writing.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.contains(".pixels.") || !name.ends_with(PARTIAL) {
            continue;
        }
        // The system gives the lock of a process back when it ends, however it ends.
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::image::source::Split;

    #[test]
    fn a_full_disk_is_told_and_leaves_nothing() {
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let partial = std::env::temp_dir().join(format!("libtrain-full-{}{PARTIAL}", std::process::id()));
        fs::write(&partial, "").unwrap();
        let mut writer = CacheWriter::over(full, partial.clone(), PathBuf::from("train.pixels"));
        let place = Place { split: Split::Train, class: "a".into(), file: "b.png".into(), folder: None };
        let image = Image { height: 1000, width: 1000, pixels: vec![7; 3_000_000] };
        let made = Made { image, source: [1000, 1000], damage: None };
        let fault = writer.add(place, [0; DIGEST], Ok(made)).unwrap_err();
        assert_eq!(fault.to_string(), "train.pixels: The disk is full");
        drop(writer);
        assert!(!partial.exists());
    }
}
