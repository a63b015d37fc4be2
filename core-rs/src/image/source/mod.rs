//! Where a data set's files come from: an official-layout folder, or an archive of one that is read as a stream.
//!
//! The layout is `…/{train,val}/<class>/<file>.{jpg,jpeg,png}` in any case. Everything else in it is left alone (such as
//! `noisy_imagenette.csv`), and so are hidden files.

pub mod archive;
pub mod folder;
pub mod tar;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

use super::job::Fault;
use std::path::PathBuf;

/// Half of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    Train = 0,
    Val = 1,
}

impl Split {
    pub const ALL: [Split; 2] = [Split::Train, Split::Val];

    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Val => "val",
        }
    }
}

/// The place of a file or class folder in the layout.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub split: Split,
    pub class: String,
    /// Empty for the class folder itself.
    pub file: String,
}

impl Place {
    /// The path below the data set's root.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.split.name(), self.class, self.file)
    }

    /// Finds a file's place from the parts of its path, and how many parts lie before it; `None` for other files.
    pub fn of_file(parts: &[&str]) -> Option<(usize, Place)> {
        let [before @ .., split, class, file] = parts else { return None };
        let split = Split::ALL.into_iter().find(|known| known.name() == *split)?;
        let suffix = file.rsplit_once('.')?.1.to_ascii_lowercase();
        let hidden = file.starts_with('.') || class.starts_with('.');
        if hidden || !["jpg", "jpeg", "png"].contains(&suffix.as_str()) {
            return None;
        }
        Some((before.len(), Place { split, class: class.to_string(), file: file.to_string() }))
    }

    /// Finds the place of a class folder.
    pub fn of_folder(parts: &[&str]) -> Option<(usize, Place)> {
        let [before @ .., split, class] = parts else { return None };
        let split = Split::ALL.into_iter().find(|known| known.name() == *split)?;
        (!class.starts_with('.'))
            .then(|| (before.len(), Place { split, class: class.to_string(), file: String::new() }))
    }
}

/// The bytes of a file, here or still to be read.
pub enum Contents {
    Bytes(Vec<u8>),
    /// A path, and the size that it was listed with.
    Path(PathBuf, u64),
}

impl Contents {
    /// The file's bytes; a reason when it is not what was listed.
    pub fn read(self) -> Result<Vec<u8>, String> {
        match self {
            Contents::Bytes(bytes) => Ok(bytes),
            Contents::Path(path, size) => {
                let bytes = std::fs::read(&path).map_err(|error| format!("Cannot be read: {error}"))?;
                match bytes.len() as u64 == size {
                    true => Ok(bytes),
                    false => Err(format!("Changed while it was read: {size} bytes became {}", bytes.len())),
                }
            }
        }
    }
}

/// What a source hands over, one after the other.
pub enum Found {
    Class(Place),
    Image(Place, Contents),
}

/// What receives it; an error ends the reading.
pub type Receiver<'a> = dyn FnMut(Found) -> Result<(), Fault> + 'a;
