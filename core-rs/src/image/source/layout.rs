//! Finds the images of a data set in a tree: `…/{train,val,test}/<class>/<image>`, or `…/<class>/<image>` to be split.
//!
//! One walk for folders and archives, so that the same tree gives the same set.

use super::left_out::{LeftOut, Reason};
use super::name::Name;
use super::tree::{Child, Kind, Tree};
use super::{Place, Split, is_image};
use crate::image::job::{Fault, Progress};
use crate::shown::shown;
use sha2::{Digest, Sha256};

/// Folders that are looked through for `train/` and `val/`.
const SEARCHED: usize = 10_000;

/// Folders below a class, one in the other.
const DEEPEST: usize = 64;

/// How files become a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Layout {
    /// Share of the images that is set aside for validation, where there is no folder for it.
    pub split: Option<f64>,
    /// Whether images of a class may lie in folders of its folder.
    pub nested: bool,
}

impl Layout {
    /// As it goes into the keys of caches.
    pub fn key(&self) -> String {
        format!("split {:?} nested {}", self.split, self.nested)
    }
}

/// The images of a data set, sorted, and what is not one of them.
pub struct Listing<File> {
    pub images: Vec<(Place, File)>,
    pub classes: Vec<(Split, Name)>,
    pub left_out: Vec<LeftOut>,
    /// Files and folders that links led to.
    pub linked: u64,
}

/// What to look for, and how much.
pub struct Search<'a> {
    pub layout: Layout,
    /// Which parts are asked for.
    pub wanted: [bool; 3],
    /// Names in all.
    pub most: u64,
    pub progress: &'a Progress,
    /// The folder or archive, for messages.
    pub source: String,
}

/// A folder to look into, and its path.
struct At<T: Tree> {
    folder: T::Folder,
    path: Name,
}

impl<T: Tree> Clone for At<T> {
    fn clone(&self) -> Self {
        At { folder: self.folder.clone(), path: self.path.clone() }
    }
}

/// A part, what its folder is called, and where that is.
type PartAt<T> = (Split, &'static str, At<T>);

/// The part that a folder of this name is of.
fn part_of(name: &[u8]) -> Option<(Split, &'static str)> {
    let names = [("train", Split::Train), ("val", Split::Val), ("valid", Split::Val), ("validation", Split::Val)];
    let named = names.into_iter().chain([("test", Split::Test)]).find(|(known, _)| known.as_bytes() == name);
    named.map(|(name, split)| (split, name))
}

struct Walk<'a, 'b, T: Tree> {
    tree: &'a T,
    search: &'a Search<'b>,
    found: Listing<T::File>,
    seen: u64,
}

/// Lists a data set.
pub fn list<T: Tree>(tree: &T, search: &Search) -> Result<Listing<T::File>, Fault> {
    let found = Listing { images: Vec::new(), classes: Vec::new(), left_out: Vec::new(), linked: 0 };
    let mut walk = Walk { tree, search, found, seen: 0 };
    walk.all()?;
    let Walk { mut found, .. } = walk;
    found.images.sort_by(|a, b| a.0.cmp(&b.0));
    found.classes.sort();
    found.left_out.sort();
    Ok(found)
}

impl<T: Tree> Walk<'_, '_, T> {
    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::data(format!("{}: {}", shown(&self.search.source), message.into()))
    }

    /// What is in a folder, sorted; nothing, and that it cannot be looked at.
    fn children(&mut self, at: &At<T>) -> Result<Vec<Child<T>>, Fault> {
        self.search.progress.check()?;
        let mut children = match self.tree.children(&at.folder) {
            Ok(children) => children,
            // Who gave a folder that cannot be looked at wants to know why.
            Err(reason) if at.path.is_empty() => return Err(self.fault(reason)),
            Err(_) => {
                self.leave_out(Name::new([at.path.bytes(), b"/"].concat()), Reason::Unreadable);
                return Ok(Vec::new());
            }
        };
        self.seen += children.len() as u64;
        if self.seen > self.search.most {
            return Err(self.fault(format!("Expected at most {} files and folders", self.search.most)));
        }
        children.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(children)
    }

    fn leave_out(&mut self, path: Name, reason: Reason) {
        self.found.left_out.push(LeftOut { path: path.text(), reason });
    }

    fn leave_child_out(&mut self, path: &Name, child: &Child<T>, reason: Reason) {
        let path = path.join(&child.name);
        match child.kind {
            Kind::Folder(_) => self.leave_out(Name::new([path.bytes(), b"/"].concat()), reason),
            _ => self.leave_out(path, reason),
        }
    }

    fn all(&mut self) -> Result<(), Fault> {
        let layout = self.search.layout;
        let top = At { folder: self.tree.root(), path: Name::default() };
        let root = self.find_parts(&top)?;
        match (root, layout.split) {
            (Some(root), split) => {
                let parts = self.parts(&root)?;
                let has = |wanted: Split| parts.iter().any(|(split, ..)| *split == wanted);
                if split.is_some() && has(Split::Val) {
                    let name = parts.iter().find(|(split, ..)| *split == Split::Val).map_or("val", |(_, name, _)| name);
                    return Err(self.fault(format!("Expected no `split` with a folder {name}/: leave it out")));
                }
                self.require_parts(split, has)?;
                for (part, name, at) in parts {
                    match part {
                        Split::Test if !self.search.wanted[Split::Test as usize] => {}
                        Split::Train if split.is_some() => self.classes(&at, None, None)?,
                        _ => self.classes(&at, Some(part), Some(name))?,
                    }
                }
            }
            (None, Some(_)) => {
                let base = self.find_classes(&top)?;
                self.classes(&base, None, None)?;
            }
            (None, None) => self.require_parts(None, |_| false)?,
        }
        Ok(())
    }

    /// Refuses a set without a part that is asked for.
    fn require_parts(&self, split: Option<f64>, has: impl Fn(Split) -> bool) -> Result<(), Fault> {
        let there = |part: Split| has(part) || (part == Split::Val && split.is_some());
        let missing = Split::ALL.into_iter().find(|part| self.search.wanted[*part as usize] && !there(*part));
        let Some(part) = missing else { return Ok(()) };
        let name = part.name();
        let cure = match part {
            Split::Val => {
                "; valid/ and validation/ do too: add one, or set a share of the images aside by `split`, say 0.2"
            }
            Split::Train if !has(Split::Val) => {
                "; where classes lie side by side, set a share of the images aside for validation by `split`, say 0.2"
            }
            _ => "",
        };
        Err(self
            .fault(format!("Expected {name}/<class>/<image>.jpg (or .jpeg, .png, .webp), found no such folder{cure}")))
    }

    /// The folder with the parts: the nearest one, where there is one alone.
    fn find_parts(&mut self, top: &At<T>) -> Result<Option<At<T>>, Fault> {
        let (mut level, mut searched, mut tests) = (vec![top.clone()], 0, None);
        while !level.is_empty() && searched < SEARCHED {
            let (mut roots, mut next) = (Vec::new(), Vec::new());
            for at in level {
                searched += 1;
                if searched > SEARCHED {
                    break;
                }
                let children = match self.tree.children(&at.folder) {
                    Ok(children) => children,
                    Err(reason) if at.path.is_empty() => return Err(self.fault(reason)),
                    // Told where it lies beside the way.
                    Err(_) => continue,
                };
                self.search.progress.check()?;
                let folders = || children.iter().filter(|child| matches!(child.kind, Kind::Folder(_)));
                let parts: Vec<Split> =
                    folders().filter_map(|child| part_of(child.name.bytes())).map(|(split, _)| split).collect();
                if parts.iter().any(|part| *part != Split::Test) {
                    roots.push(at);
                    continue;
                }
                if !parts.is_empty() {
                    tests.get_or_insert_with(|| at.clone());
                }
                for child in children {
                    // What a link leads to is found where it lies, or given by its own path.
                    if let (Kind::Folder(folder), false, false) = (child.kind, child.linked, child.name.is_hidden()) {
                        next.push(At { folder, path: at.path.join(&child.name) });
                    }
                }
            }
            next.sort_by(|a, b| a.path.cmp(&b.path));
            match &mut roots[..] {
                [] => level = next,
                [_] => {
                    let root = roots.remove(0);
                    self.pass_by(top, &root, true)?;
                    return Ok(Some(root));
                }
                [first, second, ..] => {
                    let [first, second] = [first, second].map(|at| shown(&at.path.text()));
                    return Err(self.fault(format!(
                        "Expected one data set, got two: in \"{first}\" and in \"{second}\": give the path of one"
                    )));
                }
            }
        }
        // A test set alone is one where nothing else is asked for.
        let root = tests.filter(|_| self.search.wanted == [false, false, true]);
        if let Some(root) = &root {
            self.pass_by(top, root, true)?;
        }
        Ok(root)
    }

    /// The folder with the classes of a set without parts: below folders that hold nothing but another one.
    fn find_classes(&mut self, top: &At<T>) -> Result<At<T>, Fault> {
        let mut at = top.clone();
        for _ in 0..DEEPEST {
            let folders = |tree: &T, at: &At<T>| -> Result<(Vec<At<T>>, bool), String> {
                let mut images = false;
                let mut folders = Vec::new();
                for child in tree.children(&at.folder)? {
                    images |= matches!(child.kind, Kind::File(_)) && is_image(&child.name) && !child.name.is_hidden();
                    if let (Kind::Folder(folder), false) = (child.kind, child.name.is_hidden()) {
                        folders.push(At { folder, path: at.path.join(&child.name) });
                    }
                }
                Ok((folders, images))
            };
            let (mut here, _) = folders(self.tree, &at).map_err(|reason| self.fault(reason))?;
            let [only] = &mut here[..] else { break };
            match folders(self.tree, only) {
                Ok((below, false)) if !below.is_empty() => at = only.clone(),
                _ => break,
            }
        }
        self.pass_by(top, &at, false)?;
        Ok(at)
    }

    /// Counts what lies beside the way to a folder, and beside its parts.
    fn pass_by(&mut self, top: &At<T>, root: &At<T>, parts: bool) -> Result<(), Fault> {
        let mut at = top.clone();
        loop {
            let last = at.path == root.path;
            if last && !parts {
                return Ok(());
            }
            let mut next = None;
            for child in self.children(&at)? {
                let path = at.path.join(&child.name);
                match &child.kind {
                    Kind::Folder(_) if last && part_of(child.name.bytes()).is_some() => {}
                    Kind::Folder(folder) if !last && is_way(&path, &root.path) => {
                        next = Some(At { folder: folder.clone(), path });
                    }
                    _ if child.name.is_hidden() => self.leave_child_out(&at.path, &child, Reason::Hidden),
                    Kind::Lost(reason) => self.leave_out(path, *reason),
                    _ => self.leave_child_out(&at.path, &child, Reason::Outside),
                }
            }
            match next {
                Some(next) => at = next,
                None => return Ok(()),
            }
        }
    }

    /// The parts in a folder.
    fn parts(&mut self, root: &At<T>) -> Result<Vec<PartAt<T>>, Fault> {
        let mut parts: Vec<PartAt<T>> = Vec::new();
        for child in self.children(root)? {
            let Some((split, name)) = part_of(child.name.bytes()) else { continue };
            let Kind::Folder(folder) = child.kind else { continue };
            self.found.linked += u64::from(child.linked);
            if let Some((_, other, _)) = parts.iter().find(|(known, ..)| *known == split) {
                return Err(
                    self.fault(format!("Expected one of {other}/ and {name}/, got both: take one of them away"))
                );
            }
            parts.push((split, name, At { folder, path: root.path.join(&child.name) }));
        }
        Ok(parts)
    }

    /// The classes in a folder: of a part, or of all images, which are then split.
    fn classes(&mut self, at: &At<T>, part: Option<Split>, name: Option<&'static str>) -> Result<(), Fault> {
        for child in self.children(at)? {
            let path = at.path.join(&child.name);
            match child.kind {
                _ if child.name.is_hidden() => self.leave_child_out(&at.path, &child, Reason::Hidden),
                Kind::Lost(reason) => self.leave_out(path, reason),
                Kind::File(_) => {
                    let reason = if is_image(&child.name) { Reason::Depth } else { Reason::Ending };
                    self.leave_out(path, reason);
                }
                Kind::Folder(folder) => {
                    if let (None, Some((_, folder))) = (part, part_of(child.name.bytes())) {
                        return Err(self.fault(format!(
                            "Expected classes side by side to split, got a folder {folder}/ among them: put the others \
                             into train/, or rename it"
                        )));
                    }
                    self.found.linked += u64::from(child.linked);
                    match part {
                        Some(part) => self.found.classes.push((part, child.name.clone())),
                        None => {
                            let both = [Split::Train, Split::Val];
                            self.found.classes.extend(both.map(|part| (part, child.name.clone())));
                        }
                    }
                    self.class(&child.name, At { folder, path }, part, name)?;
                }
            }
        }
        Ok(())
    }

    fn class(
        &mut self,
        class: &Name,
        at: At<T>,
        part: Option<Split>,
        folder_name: Option<&'static str>,
    ) -> Result<(), Fault> {
        let nested = self.search.layout.nested;
        let identity = self.tree.identity(&at.folder).map_err(|reason| self.fault(reason))?;
        // Folders with their path below the class, and those that they are in.
        let mut waiting = vec![(at, Name::default(), vec![identity])];
        while let Some((at, below, within)) = waiting.pop() {
            for child in self.children(&at)? {
                let path = at.path.join(&child.name);
                match child.kind {
                    _ if child.name.is_hidden() => self.leave_child_out(&at.path, &child, Reason::Hidden),
                    Kind::Lost(reason) => self.leave_out(path, reason),
                    Kind::Folder(folder) => {
                        let identity = self.tree.identity(&folder);
                        let inner = Name::new([path.bytes(), b"/"].concat());
                        match identity {
                            Err(_) => self.leave_out(inner, Reason::Unreadable),
                            Ok(identity) if within.contains(&identity) => self.leave_out(inner, Reason::Link),
                            Ok(_) if within.len() > DEEPEST => self.leave_out(inner, Reason::Depth),
                            Ok(identity) => {
                                self.found.linked += u64::from(child.linked && nested);
                                let within = [&within[..], &[identity]].concat();
                                waiting.push((At { folder, path }, below.join(&child.name), within));
                            }
                        }
                    }
                    Kind::File(_) if !is_image(&child.name) => self.leave_out(path, Reason::Ending),
                    Kind::File(_) if !below.is_empty() && !nested => self.leave_out(path, Reason::Depth),
                    Kind::File(file) => {
                        self.found.linked += u64::from(child.linked);
                        let name = below.join(&child.name);
                        let split = part.unwrap_or_else(|| self.split_of(class, &name));
                        let place = Place { split, class: class.clone(), file: name, folder: folder_name };
                        self.found.images.push((place, file));
                    }
                }
            }
        }
        Ok(())
    }

    /// The part of an image of a set that is split: by its path alone, so that it stays there whatever else comes.
    fn split_of(&self, class: &Name, file: &Name) -> Split {
        let share = self.search.layout.split.unwrap_or(0.0);
        let sum = Sha256::new().chain_update(class.bytes()).chain_update(b"/").chain_update(file.bytes()).finalize();
        let drawn = u64::from_be_bytes(*sum.first_chunk::<8>().expect("32 bytes"));
        match drawn as f64 / u64::MAX as f64 {
            drawn if drawn < share => Split::Val,
            _ => Split::Train,
        }
    }
}

/// Whether a folder is on the way to another.
fn is_way(path: &Name, to: &Name) -> bool {
    to.bytes().strip_prefix(path.bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}
