//! What folders and archives have in common: a tree of files, in which links were followed.

use super::left_out::Reason;
use super::name::Name;

/// What a name in a folder stands for, once links were followed.
pub enum Kind<T: Tree + ?Sized> {
    Folder(T::Folder),
    File(T::File),
    /// Nothing that can be used.
    Lost(Reason),
}

/// A name in a folder.
pub struct Child<T: Tree + ?Sized> {
    pub name: Name,
    pub kind: Kind<T>,
    /// Whether a link led there.
    pub linked: bool,
}

/// A tree of files.
pub trait Tree {
    type Folder: Clone;
    type File;

    fn root(&self) -> Self::Folder;

    /// What is in a folder, in any order; nothing tells the reason where the system does not let it be looked at.
    fn children(&self, folder: &Self::Folder) -> Result<Vec<Child<Self>>, String>;

    /// What tells a folder from all others, whatever the way there.
    fn identity(&self, folder: &Self::Folder) -> Result<[u64; 2], String>;
}
