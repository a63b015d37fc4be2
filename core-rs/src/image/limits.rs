//! What is refused before any memory is asked for.

use std::fmt;

/// Pixels along one side: what the formats' 16-bit headers can say.
pub const SIDE: usize = 65_535;

/// Bytes of one image file.
pub const FILE_BYTES: u64 = 256 << 20;

/// Bytes that come out of a compressed archive for each that goes in.
pub const RATIO: u64 = 200;

/// Bytes out of an archive up to which [`RATIO`] is not looked at: an empty tar alone has 10 KiB of zeros.
pub const RATIO_FROM: u64 = 1 << 20;

/// What decoding one image may take. `docs/decoding.md` says why each is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of the image.
    pub pixels: u64,
    /// Pixels along one side.
    pub side: u64,
    /// Scans of a JPEG: encoders write about ten.
    pub scans: u64,
    /// Pixels times scans: each scan is a pass over the image, whatever its bytes.
    pub work: u64,
    /// Bytes that are asked for at once, the image's own among them.
    pub memory: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            pixels: 50_000_000,
            side: SIDE as u64,
            scans: 1_000,
            work: 1_000_000_000,
            memory: 512 << 20,
            file_bytes: FILE_BYTES,
        }
    }
}

/// One of [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Pixels,
    Side,
    Scans,
    Work,
    Memory,
    FileBytes,
}

impl Limit {
    /// Its name, and what it counts.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Limit::Pixels => ("pixels", "pixels in all"),
            Limit::Side => ("side", "pixels a side"),
            Limit::Scans => ("scans", "scans"),
            Limit::Work => ("work", "pixels times scans"),
            Limit::Memory => ("memory", "bytes of memory to decode"),
            Limit::FileBytes => ("fileBytes", "bytes of file"),
        }
    }
}

/// Why there are no pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What is wrong with the file, or that the system has no memory.
    Bad(String),
    /// What the image takes is beyond a limit.
    Beyond { limit: Limit, needs: u64, allowed: u64 },
    /// It was asked to stop.
    Stopped,
}

impl From<String> for Refusal {
    fn from(reason: String) -> Refusal {
        Refusal::Bad(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Refusal {
        Refusal::Bad(reason.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Bad(reason) => write!(f, "{reason}"),
            Refusal::Beyond { limit, needs, allowed } => {
                let (name, counts) = limit.names();
                write!(f, "Expected at most {allowed} {counts}, got {needs} (the limit `{name}`)")
            }
            Refusal::Stopped => write!(f, "Stopped"),
        }
    }
}

impl Limits {
    /// Fails where `needs` is beyond the limit.
    pub fn check(&self, limit: Limit, needs: u64) -> Result<(), Refusal> {
        let allowed = match limit {
            Limit::Pixels => self.pixels,
            Limit::Side => self.side,
            Limit::Scans => self.scans,
            Limit::Work => self.work,
            Limit::Memory => self.memory,
            Limit::FileBytes => self.file_bytes,
        };
        if needs > allowed { Err(Refusal::Beyond { limit, needs, allowed }) } else { Ok(()) }
    }

    /// Checks the size that an image's header gives.
    pub fn check_size(&self, width: usize, height: usize) -> Result<(), Refusal> {
        if width == 0 || height == 0 {
            return Err(Refusal::Bad(format!("Expected an image with pixels, got {width} x {height}")));
        }
        self.check(Limit::Side, width.max(height) as u64)?;
        self.check(Limit::Pixels, width as u64 * height as u64)
    }
}
