//! What of a data set is no image of it, and why: nothing is passed over without a word.

use crate::json::Object;

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A file that is not called as an image is.
    Ending,
    /// An image that lies not directly in a class folder.
    Depth,
    /// Something beside the parts of the data set.
    Outside,
    /// A name that begins with a dot.
    Hidden,
    /// A link that leads nowhere, in a circle, or out of an archive.
    Link,
    /// A pipe, a socket, a device, or a file with holes in an archive.
    Special,
    /// Something that the system does not let be looked at.
    Unreadable,
    /// An entry of an archive whose name comes again later, which counts.
    Replaced,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Reason::Ending => "ending",
            Reason::Depth => "depth",
            Reason::Outside => "outside",
            Reason::Hidden => "hidden",
            Reason::Link => "link",
            Reason::Special => "special",
            Reason::Unreadable => "unreadable",
            Reason::Replaced => "replaced",
        }
    }
}

/// A file or folder that was left out, with its path below what was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    pub path: String,
    pub reason: Reason,
}

impl LeftOut {
    pub fn json(&self) -> String {
        Object::new().text("path", &self.path).text("reason", self.reason.name()).end()
    }
}
