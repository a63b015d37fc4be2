//! A data set in a folder. Links are followed, as torchvision and fastai follow them.

use super::layout::{self, Listing, Search};
use super::left_out::Reason;
use super::name::Name;
use super::regular::{Stamp, check_bytes};
use super::tree::{Child, Kind, Tree};
use super::{Contents, Receiver};
use crate::image::job::{Fault, Progress};
use sha2::{Digest, Sha256};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

/// A file as it was listed.
pub struct FoundFile {
    path: PathBuf,
    stamp: Stamp,
}

/// The listed files.
pub struct Folder {
    pub listing: Listing<FoundFile>,
    /// SHA-256 over every image's path, size, times of change and number: the contents are not read for it.
    pub key: [u8; 32],
    /// Bytes of the images in all.
    pub bytes: u64,
}

/// A folder of the system.
struct OnDisk(PathBuf);

impl Tree for OnDisk {
    type Folder = PathBuf;
    type File = FoundFile;

    fn root(&self) -> PathBuf {
        self.0.clone()
    }

    fn children(&self, folder: &PathBuf) -> Result<Vec<Child<Self>>, String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut children = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let kind = match fs::metadata(&path) {
                Ok(about) if about.is_dir() => Kind::Folder(path),
                Ok(about) if about.is_file() => Kind::File(FoundFile { path, stamp: Stamp::of(&about) }),
                Ok(_) => Kind::Lost(Reason::Special),
                Err(_) if linked => Kind::Lost(Reason::Link),
                Err(_) => Kind::Lost(Reason::Unreadable),
            };
            children.push(Child { name: Name::of(&entry.file_name()), kind, linked });
        }
        Ok(children)
    }

    fn identity(&self, folder: &PathBuf) -> Result<[u64; 2], String> {
        let about = fs::metadata(folder).map_err(|error| error.to_string())?;
        Ok(identity_of(folder, &about))
    }
}

#[cfg(unix)]
fn identity_of(_: &Path, about: &Metadata) -> [u64; 2] {
    use std::os::unix::fs::MetadataExt;
    [about.dev(), about.ino()]
}

#[cfg(not(unix))]
fn identity_of(folder: &Path, _: &Metadata) -> [u64; 2] {
    let path = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let sum = Sha256::digest(path.as_os_str().as_encoded_bytes());
    [0, 8].map(|at| u64::from_be_bytes(sum[at..at + 8].try_into().expect("eight bytes")))
}

impl Folder {
    /// Lists `root`.
    pub fn list(root: &Path, search: &Search) -> Result<Folder, Fault> {
        let listing = layout::list(&OnDisk(root.to_path_buf()), search)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        for (place, file) in &listing.images {
            let Stamp { bytes: size, modified, changed, number } = file.stamp;
            hash.update(place.split.name());
            hash.update(place.class.join(&place.file).bytes());
            hash.update(format!("\0{size}\0{modified}\0{changed}\0{number}\n"));
            bytes += size;
        }
        Ok(Folder { listing, key: hash.finalize().into(), bytes })
    }

    /// Hands every image over; the files' contents are left to the threads that decode them.
    pub fn read(files: Listing<FoundFile>, progress: &Progress, receive: &mut Receiver) -> Result<(), Fault> {
        for (place, file) in files.images {
            progress.add_entry();
            progress.add_bytes(file.stamp.bytes);
            let contents = match check_bytes(file.stamp.bytes) {
                Ok(()) => Contents::Path(file.path, file.stamp),
                Err(reason) => Contents::Refused(reason),
            };
            receive(place, contents)?;
        }
        Ok(())
    }
}
