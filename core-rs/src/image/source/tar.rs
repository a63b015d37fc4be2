//! Reads a tar stream: POSIX ustar and pax, GNU long names. Nothing is ever written under a name from it; one that has
//! absolute paths or `..` is refused, because an archive that has them is not what it says it is.

use super::name::Name;
use crate::shown::shown;
use std::io::{self, ErrorKind, Read};

/// Bytes of a header; contents are padded to whole ones.
pub const BLOCK: usize = 512;

/// Bytes of a pax header or a long name.
const EXTENSION_BYTES: u64 = 64 * 1024;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    /// The same file as an earlier entry, by that one's path.
    HardLink(Vec<Name>),
    /// A path as it stands in the link.
    Link(Name),
    /// A device, a pipe, a file with holes, or what no standard knows.
    Special,
}

/// A file or folder, with its path in parts.
#[derive(Debug)]
pub struct Entry {
    pub kind: Kind,
    pub parts: Vec<Name>,
    /// Bytes of a file.
    pub size: u64,
}

/// A tar stream; errors are text that says what is wrong.
pub struct Tar<R> {
    inner: R,
    /// The entry that is being read, for messages.
    name: String,
    /// Bytes of it that were not read yet, and the padding after them.
    left: u64,
    padding: u64,
    ended: bool,
}

/// What extension headers say of the next entry.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl<R: Read> Tar<R> {
    pub fn new(inner: R) -> Tar<R> {
        Tar { inner, name: String::new(), left: 0, padding: 0, ended: false }
    }

    /// The next entry; `None` after the last, once the stream is read to its end.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, String> {
        if self.ended {
            return Ok(None);
        }
        let mut extension = Extension::default();
        loop {
            self.skip_rest()?;
            let mut header = [0; BLOCK];
            let count = self.fill(&mut header)?;
            if count == 0 {
                return Err(self.cut_short("without the blocks that end an archive"));
            }
            if count < BLOCK {
                return Err(self.cut_short("inside a header"));
            }
            if header == [0; BLOCK] {
                // Read to the end, so that the sum at the end of a compressed file is checked.
                io::copy(&mut self.inner, &mut io::sink()).map_err(|error| self.reason(error))?;
                self.ended = true;
                return Ok(None);
            }
            if !checksum_fits(&header) {
                return Err(match self.name.as_str() {
                    "" => "Neither a folder, a .tgz nor a .tar of a data set".to_string(),
                    name => format!("Corrupt: after \"{name}\" comes no tar header"),
                });
            }
            let size = number(&header[124..136]).ok_or_else(|| "Corrupt: an entry's size is no number".to_string())?;
            let kind = header[156];
            if let b'x' | b'X' | b'g' | b'L' | b'K' = kind {
                let body = self.extension_body(size)?;
                match kind {
                    b'x' | b'X' => extension.read_pax(&body)?,
                    b'L' => extension.path = Some(without_zeros(&body).to_vec()),
                    b'K' => extension.link = Some(without_zeros(&body).to_vec()),
                    // Notes about the whole archive.
                    _ => {}
                }
                continue;
            }
            let path = extension.path.take().unwrap_or_else(|| path_of(&header));
            let link = extension.link.take().unwrap_or_else(|| without_zeros(&header[157..257]).to_vec());
            self.name = shown(&Name::new(path.as_slice()).text());
            let size = extension.size.take().unwrap_or(size);
            let kind = match kind {
                b'0' | 0 | b'7' if extension.sparse => Kind::Special,
                // Old archives mark a folder by its slash alone.
                b'0' | 0 | b'7' if path.ends_with(b"/") => Kind::Folder,
                b'0' | 0 | b'7' => Kind::File,
                b'5' => Kind::Folder,
                b'1' => Kind::HardLink(self.parts_of(&link)?),
                b'2' => Kind::Link(Name::new(link)),
                _ => Kind::Special,
            };
            // Some programs give a link or a folder a size, which nothing of follows.
            let follows = !matches!(header[156], b'1'..=b'6');
            self.set_size(if follows { size } else { 0 })?;
            if header[156] == b'S' {
                self.skip_sparse_map(&header)?;
            }
            // A label of the archive, or a list of a folder: no entry of the tree.
            if matches!(header[156], b'V' | b'D' | b'N') {
                extension = Extension::default();
                continue;
            }
            return Ok(Some(Entry { kind, parts: self.parts_of(&path)?, size: self.left }));
        }
    }

    /// A path in its parts; none are left of the archive's own folder.
    fn parts_of(&self, path: &[u8]) -> Result<Vec<Name>, String> {
        let name = &self.name;
        let drive = path.first().is_some_and(u8::is_ascii_alphabetic)
            && path.get(1) == Some(&b':')
            && matches!(path.get(2), Some(b'/' | b'\\'));
        if path.starts_with(b"/") || drive {
            return Err(format!("Expected paths inside the archive, got the absolute \"{name}\""));
        }
        let parts: Vec<Name> =
            path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".").map(Name::new).collect();
        if parts.iter().any(|part| part.bytes() == b"..") || path.split(|&byte| byte == b'\\').any(|part| part == b"..")
        {
            return Err(format!("Expected paths inside the archive, got \"{name}\""));
        }
        Ok(parts)
    }

    /// The contents of the entry that [`Tar::next_entry`] gave.
    pub fn contents(&mut self, most: u64) -> Result<Vec<u8>, String> {
        if self.left > most {
            return Err(format!("Expected files of at most {most} bytes, got {} for \"{}\"", self.left, self.name));
        }
        let mut bytes = Vec::new();
        // The header may lie: memory grows with what really comes.
        (&mut self.inner).take(self.left).read_to_end(&mut bytes).map_err(|error| self.reason(error))?;
        if (bytes.len() as u64) < self.left {
            return Err(self.cut_short(&format!("inside \"{}\"", self.name)));
        }
        self.left = 0;
        Ok(bytes)
    }

    fn extension_body(&mut self, size: u64) -> Result<Vec<u8>, String> {
        self.set_size(size)?;
        if size > EXTENSION_BYTES {
            return Err(format!("Expected names and notes of at most {EXTENSION_BYTES} bytes, got {size}"));
        }
        self.contents(size)
    }

    /// The blocks that go on with GNU's list of the parts of a file with holes.
    fn skip_sparse_map(&mut self, header: &[u8; BLOCK]) -> Result<(), String> {
        let mut goes_on = header[482] != 0;
        while goes_on {
            let mut block = [0; BLOCK];
            if self.fill(&mut block)? < BLOCK {
                return Err(self.cut_short(&format!("inside \"{}\"", self.name)));
            }
            goes_on = block[504] != 0;
        }
        Ok(())
    }

    fn set_size(&mut self, size: u64) -> Result<(), String> {
        if size > i64::MAX as u64 {
            return Err(format!("Corrupt: an entry of {size} bytes"));
        }
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
        Ok(())
    }

    fn skip_rest(&mut self) -> Result<(), String> {
        let rest = self.left + std::mem::take(&mut self.padding);
        self.left = 0;
        let skipped =
            io::copy(&mut (&mut self.inner).take(rest), &mut io::sink()).map_err(|error| self.reason(error))?;
        if skipped < rest {
            return Err(self.cut_short(&format!("inside \"{}\"", self.name)));
        }
        Ok(())
    }

    /// Fills a buffer as far as the stream goes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        let mut count = 0;
        while count < buffer.len() {
            match self.inner.read(&mut buffer[count..]) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.reason(error)),
            }
        }
        Ok(count)
    }

    fn cut_short(&self, how: &str) -> String {
        match self.name.as_str() {
            "" => "Truncated, or no archive of a data set: it has no entries".to_string(),
            _ => format!("Truncated: the archive ends {how}: copy or download it again"),
        }
    }

    fn reason(&self, error: io::Error) -> String {
        let near = match self.name.as_str() {
            "" => String::new(),
            name => format!(" (after \"{name}\")"),
        };
        match error.kind() {
            ErrorKind::UnexpectedEof => {
                format!("Truncated: the compressed data ends early{near}: copy or download it again")
            }
            ErrorKind::InvalidData | ErrorKind::InvalidInput => format!("Corrupt: {error}{near}"),
            _ => format!("{error}{near}"),
        }
    }
}

impl Extension {
    /// Lines of "length key=value\n", the length counting the whole line.
    fn read_pax(&mut self, mut body: &[u8]) -> Result<(), String> {
        let wrong = || "Corrupt: a pax header with a wrong line".to_string();
        while !without_zeros(body).is_empty() {
            let space = body.iter().position(|&byte| byte == b' ').ok_or_else(wrong)?;
            let length: usize =
                std::str::from_utf8(&body[..space]).ok().and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
            let line = body.get(space + 1..length).and_then(|line| line.strip_suffix(b"\n")).ok_or_else(wrong)?;
            let equals = line.iter().position(|&byte| byte == b'=').ok_or_else(wrong)?;
            let (key, value) = (&line[..equals], &line[equals + 1..]);
            match key {
                // The name of a file with holes, whose own is one that its maker made up.
                b"GNU.sparse.name" => {
                    self.path = Some(value.to_vec());
                    self.sparse = true;
                }
                b"path" if !self.sparse || self.path.is_none() => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok());
                    self.size = Some(size.ok_or_else(wrong)?);
                }
                _ => self.sparse |= key.starts_with(b"GNU.sparse"),
            }
            body = &body[length..];
        }
        Ok(())
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

/// The name in the header, after ustar's prefix where there is one.
fn path_of(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = without_zeros(&header[..100]);
    let prefix = without_zeros(&header[345..500]);
    if &header[257..263] == b"ustar\0" && !prefix.is_empty() { [prefix, b"/", name].concat() } else { name.to_vec() }
}

/// An octal number, or GNU's binary one with the first bit set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (head, tail) = field.split_at(field.len() - 8);
        // A field of eight bytes has its mark in the number itself.
        let mut low: [u8; 8] = tail.try_into().expect("eight bytes");
        match head {
            [] => low[0] &= 0x7F,
            [first, rest @ ..] if first & 0x7F == 0 && rest.iter().all(|&byte| byte == 0) => {}
            _ => return None,
        }
        return Some(u64::from_be_bytes(low));
    }
    let text = std::str::from_utf8(without_zeros(field)).ok()?.trim_matches(' ');
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

/// The sum of the header's bytes, its own field counted as spaces; some old programs took bytes as signed.
fn checksum_fits(header: &[u8; BLOCK]) -> bool {
    let both = || header[..148].iter().chain(&[b' '; 8]).chain(&header[156..]);
    let unsigned = both().map(|&byte| u64::from(byte)).sum::<u64>();
    let signed = both().map(|&byte| i64::from(byte as i8)).sum::<i64>();
    number(&header[148..156]).is_some_and(|sum| sum == unsigned || i64::try_from(sum) == Ok(signed))
}

/// Whether a file begins as a tar stream does.
pub fn is_header(start: &[u8]) -> bool {
    start.first_chunk::<BLOCK>().is_some_and(checksum_fits)
}
