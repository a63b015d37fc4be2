//! Names of files and folders as the system has them: bytes, of which not all are text.

use std::cmp::Ordering;
use std::ffi::OsStr;

/// A name, or a path of names with `/` between them. Names go by their code points, as Python's `sorted` has them: a byte
/// that is no UTF-8 counts as the lone surrogate that Python reads it as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Name(Vec<u8>);

impl Name {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Name {
        Name(bytes.into())
    }

    pub fn of(name: &OsStr) -> Name {
        Name(name.as_encoded_bytes().to_vec())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hidden files begin with a dot.
    pub fn is_hidden(&self) -> bool {
        self.0.first() == Some(&b'.')
    }

    /// This name, and another in the folder of it.
    pub fn join(&self, name: &Name) -> Name {
        match self.is_empty() {
            true => name.clone(),
            false => Name([&self.0[..], b"/", &name.0].concat()),
        }
    }

    /// The name as text, from which its bytes follow: one that is no UTF-8 stands as `\xE9`, and so does a backslash where it
    /// would be taken for the beginning of such a thing.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        let mut at = 0;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c == '\\' && looks_escaped(&self.0[at..]) {
                    true => text.push_str("\\x5C"),
                    false => text.push(c),
                }
                at += c.len_utf8();
            }
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02X}"));
            }
            at += chunk.invalid().len();
        }
        text
    }

    fn code_points(&self) -> impl Iterator<Item = u32> {
        self.0.utf8_chunks().flat_map(|chunk| {
            let lone = chunk.invalid().iter().map(|&byte| 0xDC00 + u32::from(byte));
            chunk.valid().chars().map(|c| c as u32).chain(lone)
        })
    }
}

fn looks_escaped(bytes: &[u8]) -> bool {
    bytes.len() >= 4 && bytes[1] == b'x' && bytes[2..4].iter().all(u8::is_ascii_hexdigit)
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        self.code_points().cmp(other.code_points())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name(text.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_from_which_their_bytes_follow() {
        let cases: [(&[u8], &str); 6] = [
            ("café".as_bytes(), "café"),
            (b"caf\xe9", "caf\\xE9"),
            (b"caf\\xE9", "caf\\x5CxE9"),
            (b"a\\b\\", "a\\b\\"),
            (b"\xff\\xff", "\\xFF\\x5Cxff"),
            (b"\\\xe9", "\\\\xE9"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Name::new(bytes).text(), text);
        }
    }

    #[test]
    fn names_go_by_code_points() {
        // Python: sorted(os.fsdecode(name) for name in …)
        let sorted: [&[u8]; 7] =
            [b"B", b"a", "z\u{301}".as_bytes(), "é".as_bytes(), b"\xe9", "\u{fb01}".as_bytes(), "🐈".as_bytes()];
        let mut names: Vec<Name> = sorted.iter().rev().map(|bytes| Name::new(*bytes)).collect();
        names.sort();
        assert_eq!(names, sorted.map(Name::new));
    }
}
