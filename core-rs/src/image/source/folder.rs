//! A data set in a folder.

use super::{Contents, Found, Place, Receiver, Split};
use crate::image::job::{Fault, Progress};
use crate::image::limits;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A file of the data set, as it was listed.
struct File {
    place: Place,
    path: PathBuf,
    bytes: u64,
}

/// The listed files, sorted, and the class folders.
pub struct Folder {
    files: Vec<File>,
    classes: Vec<Place>,
    /// SHA-256 over every file's path, size and time of change: the contents are not read for it.
    pub key: [u8; 32],
    /// Bytes of the files in all.
    pub bytes: u64,
}

impl Folder {
    /// Lists `root`.
    pub fn list(root: &Path, progress: &Progress) -> Result<Folder, Fault> {
        let mut folder = Folder { files: Vec::new(), classes: Vec::new(), key: [0; 32], bytes: 0 };
        let mut listed = Vec::new();
        for split in Split::ALL {
            let path = root.join(split.name());
            if !path.is_dir() {
                continue;
            }
            for (class, path) in entries(&path)? {
                let Some((_, place)) = Place::of_folder(&[split.name(), &class]) else { continue };
                if !path.is_dir() {
                    continue;
                }
                folder.classes.push(place);
                for (name, path) in entries(&path)? {
                    progress.check()?;
                    let Some((_, place)) = Place::of_file(&[split.name(), &class, &name]) else { continue };
                    let about = fs::metadata(&path).map_err(|error| Fault::file(&path, &error))?;
                    if !about.is_file() {
                        continue;
                    }
                    let changed = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                    listed.push((changed.map_or(0, |time| time.as_nanos()), File { place, path, bytes: about.len() }));
                }
            }
        }
        listed.sort_by(|a, b| a.1.place.cmp(&b.1.place));
        let mut hash = Sha256::new();
        for (changed, file) in listed {
            hash.update(format!("{}\0{}\0{changed}\n", file.place.path(), file.bytes));
            folder.bytes += file.bytes;
            folder.files.push(file);
        }
        folder.key = hash.finalize().into();
        Ok(folder)
    }

    /// Hands everything over; the files' contents are left to the threads that decode them.
    pub fn read(self, progress: &Progress, receive: &mut Receiver) -> Result<(), Fault> {
        for class in self.classes {
            receive(Found::Class(class))?;
        }
        for file in self.files {
            progress.add_entry();
            progress.add_bytes(file.bytes);
            if file.bytes > limits::FILE_BYTES {
                return Err(Fault::data(format!(
                    "{}: Expected a file of at most {} bytes, got {}",
                    file.place.path(),
                    limits::FILE_BYTES,
                    file.bytes
                )));
            }
            receive(Found::Image(file.place, Contents::Path(file.path, file.bytes)))?;
        }
        Ok(())
    }
}

/// The entries of a folder by name; names that are not Unicode are left out.
fn entries(path: &Path) -> Result<Vec<(String, PathBuf)>, Fault> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| Fault::file(path, &error))? {
        let entry = entry.map_err(|error| Fault::file(path, &error))?;
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}
