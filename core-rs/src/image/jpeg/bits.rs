//! Bits of the entropy-coded data, most significant first.

use super::input::Input;

/// Bits that were taken in and not yet used. Small, so that a block's decoding can hold it in registers.
#[derive(Clone, Copy, Default)]
pub struct Window {
    /// At the upper end.
    bits: u64,
    count: u32,
    /// How many of `count` are made up, as the data ended.
    invented: u32,
}

impl Window {
    /// Makes at least 32 bits available: a code with the number that follows it.
    #[inline(always)]
    pub fn refill(&mut self, input: &mut Input) {
        if self.count < 32 {
            self.take_in(input);
        }
    }

    #[inline(always)]
    fn take_in(&mut self, input: &mut Input) {
        match input.eight() {
            Some(bytes) => {
                // Whole bytes that fit: 4 to 8.
                let taken = (64 - self.count) / 8;
                self.bits |= bytes >> self.count;
                self.bits &= u64::MAX << (64 - self.count - 8 * taken);
                self.count += 8 * taken;
                input.advance(taken as usize);
            }
            None => *self = self.with_bytes(input),
        }
    }

    #[cold]
    #[inline(never)]
    fn with_bytes(mut self, input: &mut Input) -> Window {
        while self.count <= 56 {
            let byte = input.data().unwrap_or_else(|| {
                self.invented += 8;
                0
            });
            self.bits |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// The next `n` bits (1 to 32) without using them up; after [`Window::refill`].
    #[inline(always)]
    pub fn peek(&self, n: u32) -> u32 {
        (self.bits >> (64 - n)) as u32
    }

    #[inline(always)]
    pub fn skip(&mut self, n: u32) {
        self.bits <<= n;
        self.count -= n;
    }

    /// The next `n` bits, 0 to 16.
    #[inline(always)]
    pub fn take(&mut self, input: &mut Input, n: u32) -> i32 {
        if n == 0 {
            return 0;
        }
        self.refill(input);
        let value = self.peek(n);
        self.skip(n);
        value as i32
    }

    /// A number of `n` bits (1 to 15) in JPEG's coding, which the window has: those with a leading 0 are negative (T.81
    /// figure F.12).
    #[inline(always)]
    pub fn signed(&mut self, n: u32) -> i32 {
        let value = self.peek(n) as i32;
        self.skip(n);
        if value < 1 << (n - 1) { value - (1 << n) + 1 } else { value }
    }
}

/// Reads bits up to the next marker; past it come zeros, and [`Bits::ran_out`] tells.
pub struct Bits<'a> {
    pub input: Input<'a>,
    pub window: Window,
    /// Whether bits were met that are no code.
    pub bad_code: bool,
    /// Whether the data of this scan, or of this part up to a restart marker, are over before their time.
    pub insufficient: bool,
}

impl<'a> Bits<'a> {
    pub fn new(input: Input<'a>) -> Bits<'a> {
        Bits { input, window: Window::default(), bad_code: false, insufficient: false }
    }

    /// Begins with the data of a scan.
    pub fn start(&mut self) {
        self.window = Window::default();
        (self.bad_code, self.insufficient) = (false, false);
    }

    /// Whether bits were used that the file does not have.
    #[inline(always)]
    pub fn ran_out(&self) -> bool {
        self.window.count < self.window.invented
    }

    /// Drops the rest of a byte and what was made up, and steps over the marker RSTn, or what is there instead.
    pub fn restart(&mut self, n: u8) {
        self.input.discard((self.window.count.saturating_sub(self.window.invented) / 8) as usize);
        self.window = Window::default();
        self.input.restart(n);
        // Before a marker that stays, the next part is empty.
        self.insufficient = self.insufficient && !self.input.has_data();
    }
}
