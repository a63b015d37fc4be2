//! Reads a tar stream (POSIX ustar and pax, GNU long names) and refuses what has no place in a data set: links, devices,
//! sparse files, absolute paths and `..`. Nothing is ever written under a name from an archive; such entries are refused
//! because an archive that has them is not what it says it is.

use std::io::{self, ErrorKind, Read};

const BLOCK: usize = 512;

/// Bytes of a pax header or a long name.
const EXTENSION_BYTES: u64 = 64 * 1024;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
}

/// A file or folder, with its path in parts.
#[derive(Debug)]
pub struct Entry {
    pub kind: Kind,
    pub parts: Vec<String>,
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

/// What an extension header says of the next entry.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    size: Option<u64>,
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
            if let b'x' | b'g' | b'L' | b'K' = kind {
                let body = self.extension_body(size)?;
                match kind {
                    b'x' => extension.read_pax(&body)?,
                    b'L' => extension.path = Some(without_zeros(&body).to_vec()),
                    // Names of links; the link itself is refused next. And notes about the whole archive.
                    _ => {}
                }
                continue;
            }
            let path = extension.path.take().unwrap_or_else(|| path_of(&header));
            self.name = String::from_utf8_lossy(&path).into_owned();
            self.set_size(extension.size.take().unwrap_or(size))?;
            return self.entry(kind, &path).map(Some);
        }
    }

    fn entry(&self, kind: u8, path: &[u8]) -> Result<Entry, String> {
        let name = &self.name;
        let kind = match kind {
            // Old archives mark a folder by its slash alone.
            0 | b'0' | b'7' if path.ends_with(b"/") => Kind::Folder,
            0 | b'0' | b'7' => Kind::File,
            b'5' => Kind::Folder,
            b'1' | b'2' => return Err(format!("Expected files and folders only, got a link: \"{name}\"")),
            b'3' | b'4' | b'6' => return Err(format!("Expected files and folders only, got a device: \"{name}\"")),
            b'S' => return Err(format!("Expected files and folders only, got a sparse file: \"{name}\"")),
            other => return Err(format!("Expected files and folders only, got kind {other}: \"{name}\"")),
        };
        if kind == Kind::Folder && self.left > 0 {
            return Err(format!("Corrupt: a folder with contents: \"{name}\""));
        }
        let text = std::str::from_utf8(path).map_err(|_| format!("Expected a path in UTF-8, got \"{name}\""))?;
        let drive = text.as_bytes().get(1) == Some(&b':');
        if text.starts_with(['/', '\\']) || drive {
            return Err(format!("Expected paths inside the archive, got the absolute \"{name}\""));
        }
        if text.contains('\\') || text.contains(char::is_control) {
            return Err(format!("Expected a path without backslashes and control characters, got {text:?}"));
        }
        let parts: Vec<String> =
            text.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_string).collect();
        if parts.iter().any(|part| part == "..") {
            return Err(format!("Expected paths inside the archive, got \"{name}\""));
        }
        Ok(Entry { kind, parts })
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
            _ => format!("Truncated: the archive ends {how}"),
        }
    }

    fn reason(&self, error: io::Error) -> String {
        let near = match self.name.as_str() {
            "" => String::new(),
            name => format!(" (after \"{name}\")"),
        };
        match error.kind() {
            ErrorKind::UnexpectedEof => format!("Truncated: the compressed data ends early{near}"),
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
                b"path" => self.path = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok());
                    self.size = Some(size.ok_or_else(wrong)?);
                }
                _ if key.starts_with(b"GNU.sparse") => return Err("Expected no sparse files".to_string()),
                _ => {}
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
        let small = head[0] & 0x7F == 0 && head[1..].iter().all(|&byte| byte == 0);
        return small.then(|| u64::from_be_bytes(tail.try_into().expect("eight bytes")));
    }
    let text = std::str::from_utf8(without_zeros(field)).ok()?.trim_matches(' ');
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

/// The sum of the header's bytes, its own field counted as spaces.
fn checksum_fits(header: &[u8; BLOCK]) -> bool {
    let sum = |field: &[u8]| field.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    let wanted = sum(&header[..148]) + 8 * u64::from(b' ') + sum(&header[156..]);
    number(&header[148..156]) == Some(wanted)
}
