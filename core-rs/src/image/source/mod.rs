//! Where a data set's files come from: a folder, or an archive of one that is read as a stream.
//!
//! Both are a [`tree::Tree`], in which [`layout`] finds the images: `.jpg`, `.jpeg`, `.png` and `.webp`, in any case. What is
//! no image of the set is left out, and counted by the reason why ([`left_out`]).

pub mod archive;
pub mod folder;
pub mod gzip;
pub mod layout;
pub mod left_out;
pub mod name;
pub mod packed;
pub mod regular;
pub mod tar;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod tree;

use super::job::Fault;
use name::Name;
use regular::Stamp;
use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::Arc;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    Train = 0,
    Val = 1,
    Test = 2,
}

impl Split {
    pub const ALL: [Split; 3] = [Split::Train, Split::Val, Split::Test];

    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Test => "test",
        }
    }
}

/// The place of an image in a data set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub split: Split,
    pub class: Name,
    /// The path below the class's folder.
    pub file: Name,
    /// What the part's folder is called; `None` where the set has no folders for its parts.
    pub folder: Option<&'static str>,
}

impl Place {
    /// The path below the data set's root.
    pub fn path(&self) -> String {
        let below = self.class.join(&self.file).text();
        match self.folder {
            Some(folder) => format!("{folder}/{below}"),
            None => below,
        }
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Place) -> Ordering {
        let key = |place: &Place| place.split;
        key(self).cmp(&key(other)).then_with(|| self.class.cmp(&other.class)).then_with(|| self.file.cmp(&other.file))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Place) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether a file is called as an image is.
pub fn is_image(name: &Name) -> bool {
    let name = name.bytes();
    let Some(dot) = name.iter().rposition(|&byte| byte == b'.') else { return false };
    let ending = name[dot + 1..].to_ascii_lowercase();
    [&b"jpg"[..], b"jpeg", b"png", b"webp"].contains(&&ending[..])
}

/// The bytes of a file, here or still to be read.
pub enum Contents {
    Bytes(Arc<Vec<u8>>),
    /// Where they are, and what the file was when it was listed.
    Path(PathBuf, Stamp),
    /// Why they cannot be had.
    Refused(String),
}

impl Contents {
    /// The file's bytes; a reason when it is not what was listed.
    pub fn read(self) -> Result<Arc<Vec<u8>>, String> {
        match self {
            Contents::Bytes(bytes) => Ok(bytes),
            Contents::Path(path, stamp) => Ok(Arc::new(regular::read(&path, &stamp)?)),
            Contents::Refused(reason) => Err(reason),
        }
    }
}

/// What receives images; an error ends the reading.
pub type Receiver<'a> = dyn FnMut(Place, Contents) -> Result<(), Fault> + 'a;
