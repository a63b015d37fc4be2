//! A data set in a `.tgz` or `.tar`, read as a stream and never unpacked to disk.
//!
//! It is read twice where something has to be made of it: first for its tree, in which links inside it are followed, then
//! for the images.

use super::gzip::{self, Members};
use super::layout::{self, Listing, Search};
use super::left_out::{LeftOut, Reason};
use super::name::Name;
use super::regular::{self, check_bytes};
use super::tar::{self, Tar};
use super::tree::{Child, Kind, Tree};
use super::{Contents, Place, Receiver, packed};
use crate::image::job::{Fault, Progress};
use crate::image::limits;
use crate::shown::shown;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// How much of the file is read at once.
const CHUNK: usize = 256 * 1024;

/// Links that lead to one another, at most.
const LINKS: usize = 40;

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

/// The number of an entry in the stream.
pub type EntryNumber = u64;

impl Archive {
    /// Opens and hashes the file.
    pub fn open(path: &Path, progress: &Progress) -> Result<Archive, Fault> {
        let failed = |error| Fault::file(path, &error);
        let about = |message: String| Fault::data(format!("{}: {message}", shown(&path.to_string_lossy())));
        let kind = std::fs::metadata(path).map_err(failed)?;
        if !kind.is_file() {
            return Err(about("Expected a folder, a .tgz or a .tar".to_string()));
        }
        let (mut file, before) = regular::open(path).map_err(failed)?;
        progress.expect_bytes(before.len());
        let mut hash = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        let (mut bytes, mut compressed) = (0, false);
        loop {
            progress.check()?;
            let count = file.read(&mut chunk).map_err(failed)?;
            if count == 0 {
                break;
            }
            if bytes == 0 {
                // Before all of it is read: it may be long.
                if let Some(reason) = packed::refusal(&chunk[..count.min(packed::START)]) {
                    return Err(about(reason));
                }
                compressed = chunk[..count].starts_with(&gzip::MAGIC);
            }
            hash.update(&chunk[..count]);
            bytes += count as u64;
            progress.add_bytes(count as u64);
        }
        Ok(Archive { path: path.to_path_buf(), file, before, compressed, key: hash.finalize().into(), bytes })
    }

    fn about(&self, message: String) -> Fault {
        Fault::data(format!("{}: {message}", shown(&self.path.to_string_lossy())))
    }

    /// Hands over every entry with its number.
    fn each(
        &mut self,
        caps: Caps,
        progress: &Progress,
        mut take: impl FnMut(EntryNumber, tar::Entry, &mut Tar<Guarded>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.file.seek(SeekFrom::Start(0)).map_err(|error| Fault::file(&self.path, &error))?;
        progress.expect_bytes(self.bytes);
        let taken = Rc::new(Cell::new(0));
        let counted = Counted { inner: &self.file, taken: taken.clone(), progress };
        let buffered = BufReader::with_capacity(CHUNK, counted);
        let inner: Box<dyn Read + '_> =
            if self.compressed { Box::new(Members::new(buffered)) } else { Box::new(buffered) };
        let ratio = if self.compressed { limits::RATIO } else { 1 };
        let mut tar = Tar::new(Guarded { inner, given: 0, taken, cap: caps.bytes, ratio });
        let mut number = 0;
        while let Some(entry) = tar.next_entry().map_err(|reason| self.about(reason))? {
            progress.check()?;
            if number >= caps.entries {
                return Err(self.about(format!("Expected at most {} entries", caps.entries)));
            }
            take(number, entry, &mut tar)?;
            number += 1;
        }
        drop(tar);
        let after = self.file.metadata().map_err(|error| Fault::file(&self.path, &error))?;
        if after.len() != self.before.len() || after.modified().ok() != self.before.modified().ok() {
            return Err(self.about("The file was changed while it was read".to_string()));
        }
        Ok(())
    }

    /// Finds the images.
    pub fn list(&mut self, caps: Caps, search: &Search) -> Result<Listing<EntryNumber>, Fault> {
        let mut packed = Packed::default();
        self.each(caps, search.progress, |number, entry, _| {
            packed.add(number, entry);
            Ok(())
        })?;
        let mut listing = layout::list(&packed, search)?;
        listing.left_out.append(&mut packed.replaced);
        listing.left_out.sort();
        Ok(listing)
    }

    /// Hands every image over, in the order of the stream.
    pub fn read(
        mut self,
        files: Listing<EntryNumber>,
        caps: Caps,
        progress: &Progress,
        receive: &mut Receiver,
    ) -> Result<(), Fault> {
        let mut places: HashMap<EntryNumber, Vec<Place>> = HashMap::new();
        for (place, number) in files.images {
            places.entry(number).or_default().push(place);
        }
        let path = self.path.clone();
        self.each(caps, progress, |number, entry, tar| {
            progress.add_entry();
            let Some(places) = places.remove(&number) else { return Ok(()) };
            let bytes = match check_bytes(entry.size) {
                Err(reason) => Err(reason),
                Ok(()) => {
                    let about = |reason| Fault::data(format!("{}: {reason}", shown(&path.to_string_lossy())));
                    Ok(Arc::new(tar.contents(limits::FILE_BYTES).map_err(about)?))
                }
            };
            for place in places {
                let contents = match &bytes {
                    Ok(bytes) => Contents::Bytes(bytes.clone()),
                    Err(reason) => Contents::Refused(reason.clone()),
                };
                receive(place, contents)?;
            }
            Ok(())
        })
    }
}

/// The number of a folder among those of the archive.
type FolderNumber = usize;

enum Node {
    Folder(FolderNumber),
    File(EntryNumber),
    /// A path from the folder that the link is in.
    Link(Name),
    Lost(Reason),
}

/// The tree that unpacking would make.
struct Packed {
    folders: Vec<Folder>,
    replaced: Vec<LeftOut>,
}

struct Folder {
    parent: FolderNumber,
    nodes: BTreeMap<Vec<u8>, Node>,
}

impl Default for Packed {
    fn default() -> Packed {
        Packed { folders: vec![Folder { parent: 0, nodes: BTreeMap::new() }], replaced: Vec::new() }
    }
}

impl Packed {
    fn add(&mut self, number: EntryNumber, entry: tar::Entry) {
        let tar::Entry { kind, parts, .. } = entry;
        let Some((name, before)) = parts.split_last() else { return };
        let mut folder = 0;
        for part in before {
            match self.inner(folder, part) {
                Some(inner) => folder = inner,
                // Below a file, or through a link: nothing that unpacking would make here.
                None => return self.leave_out(&parts, Reason::Special),
            }
        }
        let node = match kind {
            tar::Kind::File => Node::File(number),
            tar::Kind::Link(target) => Node::Link(target),
            tar::Kind::Special => Node::Lost(Reason::Special),
            tar::Kind::HardLink(target) => match self.file_at(&target) {
                Some(number) => Node::File(number),
                None => Node::Lost(Reason::Link),
            },
            tar::Kind::Folder => {
                if self.inner(folder, name).is_none() {
                    self.leave_out(&parts, Reason::Special);
                }
                return;
            }
        };
        if matches!(self.folders[folder].nodes.get(name.bytes()), Some(Node::Folder(_))) {
            return self.leave_out(&parts, Reason::Special);
        }
        if self.folders[folder].nodes.insert(name.bytes().to_vec(), node).is_some() {
            self.leave_out(&parts, Reason::Replaced);
        }
    }

    fn leave_out(&mut self, parts: &[Name], reason: Reason) {
        let path = parts.iter().fold(Name::default(), |path, part| path.join(part));
        self.replaced.push(LeftOut { path: path.text(), reason });
    }

    /// A folder in a folder, made where there is none; `None` where something else has its name.
    fn inner(&mut self, folder: FolderNumber, name: &Name) -> Option<FolderNumber> {
        match self.folders[folder].nodes.get(name.bytes()) {
            Some(Node::Folder(inner)) => Some(*inner),
            Some(_) => None,
            None => {
                let made = self.folders.len();
                self.folders.push(Folder { parent: folder, nodes: BTreeMap::new() });
                self.folders[folder].nodes.insert(name.bytes().to_vec(), Node::Folder(made));
                Some(made)
            }
        }
    }

    /// The entry of a file by its path from the archive's own folder.
    fn file_at(&self, parts: &[Name]) -> Option<EntryNumber> {
        let path = parts.iter().fold(Name::default(), |path, part| path.join(part));
        match self.follow(0, &path, &mut 0)? {
            Node::File(number) => Some(*number),
            _ => None,
        }
    }

    /// What a path leads to from a folder, links followed; `None` for nothing, for a circle, and for the outside.
    fn follow(&self, from: FolderNumber, path: &Name, links: &mut usize) -> Option<&Node> {
        if path.bytes().starts_with(b"/") {
            return None;
        }
        let mut at = from;
        let mut node: Option<&Node> = None;
        for part in path.bytes().split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".") {
            if let Some(found) = node {
                let Node::Folder(inner) = found else { return None };
                at = *inner;
            }
            if part == b".." {
                // The archive's own folder has none above it.
                let up = self.folders[at].parent;
                if at == 0 {
                    return None;
                }
                at = up;
                node = None;
                continue;
            }
            let found = self.folders[at].nodes.get(part)?;
            node = Some(match found {
                Node::Link(target) => {
                    *links += 1;
                    if *links > LINKS {
                        return None;
                    }
                    self.follow(at, target, links)?
                }
                other => other,
            });
        }
        match node {
            Some(node) => Some(node),
            None if at == 0 => Some(&Node::Folder(0)),
            None => {
                let parent = &self.folders[self.folders[at].parent];
                parent.nodes.values().find(|node| matches!(node, Node::Folder(number) if *number == at))
            }
        }
    }
}

impl Tree for Packed {
    type Folder = FolderNumber;
    type File = EntryNumber;

    fn root(&self) -> FolderNumber {
        0
    }

    fn children(&self, folder: &FolderNumber) -> Result<Vec<Child<Self>>, String> {
        let nodes = self.folders[*folder].nodes.iter();
        let children = nodes.map(|(name, node)| {
            let linked = matches!(node, Node::Link(_));
            let led = match node {
                Node::Link(target) => self.follow(*folder, target, &mut 0),
                node => Some(node),
            };
            let kind = match led {
                Some(Node::Folder(number)) => Kind::Folder(*number),
                Some(Node::File(number)) => Kind::File(*number),
                Some(Node::Lost(reason)) => Kind::Lost(*reason),
                Some(Node::Link(_)) | None => Kind::Lost(Reason::Link),
            };
            Child { name: Name::new(name.as_slice()), kind, linked }
        });
        Ok(children.collect())
    }

    fn identity(&self, folder: &FolderNumber) -> Result<[u64; 2], String> {
        Ok([*folder as u64, 0])
    }
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
