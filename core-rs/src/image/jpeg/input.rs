//! The bytes of a file between its entropy-coded data: markers, segments, and what is lost or too much among them.
//!
//! What libjpeg warns about is noted as damage; past the end of the file it finds an end marker, as PIL gives it one.

use crate::image::damage::Damage;

/// End of image.
pub const EOI: u8 = 0xD9;

/// Start of scan.
pub const SOS: u8 = 0xDA;

/// The first of the eight restart markers.
const RST0: u8 = 0xD0;

pub struct Input<'a> {
    bytes: &'a [u8],
    /// The next byte to take in.
    at: usize,
    /// A marker that was read and not yet acted on; 0: none.
    marker: u8,
    /// Bytes stepped over since the last marker.
    discarded: usize,
    pub damage: Damage,
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Input<'a> {
        Input { bytes, at, marker: 0, discarded: 0, damage: Damage::default() }
    }

    /// The next byte of entropy-coded data; `None` from a marker on, which is kept.
    #[inline(always)]
    pub fn data(&mut self) -> Option<u8> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte != 0xFF && self.marker == 0 => {
                self.at += 1;
                Some(byte)
            }
            _ => self.data_or_marker(),
        }
    }

    /// Eight bytes of entropy-coded data as they stand, if none of them is 0xFF.
    #[inline(always)]
    pub fn eight(&self) -> Option<u64> {
        let bytes: &[u8; 8] = self.bytes.get(self.at..)?.first_chunk()?;
        let value = u64::from_be_bytes(*bytes);
        // A byte of ones is a byte of zeros in the complement.
        let zeros = (!value).wrapping_sub(0x0101_0101_0101_0101) & value & 0x8080_8080_8080_8080;
        (zeros == 0 && self.marker == 0).then_some(value)
    }

    #[inline(always)]
    pub fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    #[cold]
    fn data_or_marker(&mut self) -> Option<u8> {
        if self.marker != 0 {
            return None;
        }
        // 0xFF in the data is followed by 0; several of them count as one.
        let fill = self.bytes[self.at..].iter().take_while(|&&byte| byte == 0xFF).count();
        self.at += fill;
        match self.bytes.get(self.at) {
            Some(0) => {
                self.at += 1;
                Some(0xFF)
            }
            Some(&marker) => {
                self.at += 1;
                self.marker = marker;
                None
            }
            None => {
                self.end();
                None
            }
        }
    }

    /// The file is over.
    fn end(&mut self) {
        self.damage.note(|| "Ends without its end marker".to_string());
        self.at = self.bytes.len();
        self.marker = EOI;
    }

    /// Whether the data go on, no marker having ended them.
    pub fn has_data(&self) -> bool {
        self.marker == 0
    }

    /// Counts bytes that were taken in and not used.
    pub fn discard(&mut self, bytes: usize) {
        self.discarded += bytes;
    }

    /// The marker that was read, or the next; it stays until [`Input::accept`].
    pub fn marker(&mut self) -> u8 {
        if self.marker == 0 {
            self.find_marker();
        }
        self.marker
    }

    /// Goes on behind the marker.
    pub fn accept(&mut self) {
        self.marker = 0;
    }

    fn find_marker(&mut self) {
        loop {
            let rest = &self.bytes[self.at..];
            let Some(skipped) = rest.iter().position(|&byte| byte == 0xFF) else {
                self.discarded += rest.len();
                self.end();
                break;
            };
            let fill = rest[skipped..].iter().take_while(|&&byte| byte == 0xFF).count();
            self.discarded += skipped;
            self.at += skipped + fill;
            match self.bytes.get(self.at) {
                Some(0) => {
                    self.at += 1;
                    self.discarded += 2;
                }
                Some(&marker) => {
                    self.at += 1;
                    self.marker = marker;
                    break;
                }
                None => {
                    self.end();
                    break;
                }
            }
        }
        let (discarded, marker) = (std::mem::take(&mut self.discarded), self.marker);
        if discarded > 0 {
            self.damage.note(|| format!("{discarded} bytes of no use before marker {marker:02X}"));
        }
    }

    /// Steps over the marker RSTn, or does what libjpeg's `jpeg_resync_to_restart` does where another one is there.
    pub fn restart(&mut self, wanted: u8) {
        let mut marker = self.marker();
        if marker == RST0 + wanted {
            return self.accept();
        }
        self.damage.note(|| format!("Marker {marker:02X} where restart marker {wanted} should be"));
        loop {
            let ahead = marker.wrapping_sub(RST0 + wanted) & 7;
            match marker {
                // Not a marker, or a restart marker of before: look for the next.
                0x01..=0xBF => {}
                // A marker of something else, or a restart marker to come: this part of the data is empty.
                0xC0..=0xCF | 0xD8.. => return,
                _ if ahead == 1 || ahead == 2 => return,
                _ if ahead == 6 || ahead == 7 => {}
                // Too far away to be believed.
                _ => return self.accept(),
            }
            self.accept();
            marker = self.marker();
        }
    }

    /// How many scans there are from here on, by their headers alone.
    pub fn scans_ahead(&self) -> u64 {
        let mut ahead = Input::new(self.bytes, self.at);
        let mut scans = 0;
        loop {
            let marker = ahead.marker();
            ahead.accept();
            match marker {
                EOI => return scans,
                0x01 | 0xD0..=0xD8 => {}
                _ => {
                    scans += u64::from(marker == SOS);
                    if ahead.body().is_err() {
                        return scans;
                    }
                }
            }
        }
    }

    /// The body of the segment here; steps over it. A length of less than its own two bytes counts as none.
    pub fn body(&mut self) -> Result<&'a [u8], String> {
        let cut = || "Truncated: the file ends inside a segment".to_string();
        let [high, low, rest @ ..] = &self.bytes[self.at..] else { return Err(cut()) };
        let length = u16::from_be_bytes([*high, *low]).saturating_sub(2) as usize;
        let body = rest.get(..length).ok_or_else(cut)?;
        self.at += 2 + length;
        Ok(body)
    }
}
