//! Bits of the entropy-coded data, most significant first.

/// Reads bits up to the next marker; past it come zeros, and [`Bits::ran_out`] tells.
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte to take in.
    at: usize,
    /// Bits taken in and not yet used, at the upper end.
    window: u64,
    count: u32,
    /// How many of `count` are made up, as the data ended.
    invented: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Bits<'a> {
        Bits { bytes, at, window: 0, count: 0, invented: 0 }
    }

    /// Makes at least 32 bits available.
    #[inline(always)]
    pub fn refill(&mut self) {
        if self.count < 32 {
            self.take_in();
        }
    }

    fn take_in(&mut self) {
        while self.count <= 56 {
            let byte = match self.bytes.get(self.at..) {
                // 0xFF in the data is followed by 0.
                Some([0xFF, 0, ..]) => {
                    self.at += 2;
                    0xFF
                }
                Some([byte, ..]) if *byte != 0xFF => {
                    self.at += 1;
                    *byte
                }
                _ => {
                    self.invented += 8;
                    0
                }
            };
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `n` bits (1 to 32) without using them up; after [`Bits::refill`].
    #[inline(always)]
    pub fn peek(&self, n: u32) -> u32 {
        (self.window >> (64 - n)) as u32
    }

    #[inline(always)]
    pub fn skip(&mut self, n: u32) {
        self.window <<= n;
        self.count -= n;
    }

    /// The next `n` bits, 0 to 16.
    #[inline(always)]
    pub fn take(&mut self, n: u32) -> i32 {
        if n == 0 {
            return 0;
        }
        self.refill();
        let value = self.peek(n);
        self.skip(n);
        value as i32
    }

    /// A number of `n` bits (0 to 16) in JPEG's coding: those with a leading 0 are negative (T.81 figure F.12).
    #[inline(always)]
    pub fn signed(&mut self, n: u32) -> i32 {
        let value = self.take(n);
        if n > 0 && value < 1 << (n - 1) { value - (1 << n) + 1 } else { value }
    }

    /// Whether bits were used that the file does not have.
    #[inline(always)]
    pub fn ran_out(&self) -> bool {
        self.count < self.invented
    }

    /// Drops the rest of a byte and what was made up, and steps over the marker RSTn.
    pub fn restart(&mut self, n: u8) -> Result<(), String> {
        (self.window, self.count, self.invented) = (0, 0, 0);
        // Fill bytes may stand before a marker.
        while self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(&[0xFF, 0xFF])) {
            self.at += 1;
        }
        match self.bytes.get(self.at..) {
            Some([0xFF, marker, ..]) if *marker == 0xD0 + n => {
                self.at += 2;
                Ok(())
            }
            Some([_, _, ..]) => Err(format!("Corrupt: expected restart marker {n} at byte {}", self.at)),
            _ => Err("Truncated: the data ends before a restart marker".to_string()),
        }
    }

    /// Where to look for the next marker: none was stepped over.
    pub fn position(&self) -> usize {
        self.at
    }
}
