//! Regular files: neither pipes, on which reading would wait for ever, nor devices, which have no end.

use crate::image::limits;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// What a file was when it was looked at; another where it was written since. Times are nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub bytes: u64,
    /// When its contents changed last, as far as it says.
    pub modified: i128,
    /// When the system saw it change last, which nobody can set. Where there is none, when it was made.
    pub changed: i128,
    /// Its number on its drive.
    pub number: u64,
}

impl Stamp {
    #[cfg(unix)]
    pub fn of(about: &Metadata) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        let nanos = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Stamp {
            bytes: about.len(),
            modified: nanos(about.mtime(), about.mtime_nsec()),
            changed: nanos(about.ctime(), about.ctime_nsec()),
            number: about.ino(),
        }
    }

    #[cfg(not(unix))]
    pub fn of(about: &Metadata) -> Stamp {
        let nanos = |time: io::Result<std::time::SystemTime>| {
            let since = time.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            since.map_or(0, |time| time.as_nanos() as i128)
        };
        Stamp { bytes: about.len(), modified: nanos(about.modified()), changed: nanos(about.created()), number: 0 }
    }
}

/// Opens a regular file, and nothing else.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Opening a pipe would wait for somebody who writes to it.
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    let about = file.metadata()?;
    match about.is_file() {
        true => Ok((file, about)),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "Expected a regular file")),
    }
}

/// Fills a buffer from a place in a file, as far as that goes; the file's own position is of no matter.
pub fn read_at(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, &mut buffer[count..], from + count as u64);
        #[cfg(not(unix))]
        let read = std::os::windows::fs::FileExt::seek_read(file, &mut buffer[count..], from + count as u64);
        match read {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// The bytes of a file that is still what it was; else a reason.
pub fn read(path: &Path, stamp: &Stamp) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("Cannot be read: {error}");
    let (file, about) = open(path).map_err(failed)?;
    check_bytes(about.len())?;
    let changed = |bytes: u64| format!("Changed while it was read: {} bytes became {bytes}", stamp.bytes);
    if about.len() != stamp.bytes {
        return Err(changed(about.len()));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(about.len() as usize).map_err(|_| format!("The system refused {} bytes", about.len()))?;
    (&file).take(about.len() + 1).read_to_end(&mut bytes).map_err(failed)?;
    match (bytes.len() as u64 == stamp.bytes, Stamp::of(&file.metadata().map_err(failed)?) == *stamp) {
        (true, true) => Ok(bytes),
        (true, false) => Err("Changed while it was read: its times are others".to_string()),
        (false, _) => Err(changed(bytes.len() as u64)),
    }
}

/// Refuses a file that no image needs.
pub fn check_bytes(bytes: u64) -> Result<(), String> {
    match bytes > limits::FILE_BYTES {
        true => Err(format!("Expected a file of at most {} bytes, got {bytes}", limits::FILE_BYTES)),
        false => Ok(()),
    }
}
