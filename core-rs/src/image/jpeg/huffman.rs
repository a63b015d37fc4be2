//! Huffman codes of up to 16 bits.

use super::bits::Window;
use super::input::Input;

/// Bits that are looked up at once.
const FAST: u32 = 9;

/// A table as the file gives it; whether it makes sense shows when a scan wants it.
#[derive(Clone, PartialEq, Eq)]
pub struct Codes {
    /// How many codes there are of each length 1 to 16.
    pub counts: [u8; 16],
    /// Their symbols in the order of codes.
    pub symbols: Vec<u8>,
}

/// A code table in the form that decoding needs.
pub struct Huffman {
    /// For every `FAST` next bits: length * 256 + symbol of the code that they begin with; 0 for a longer one.
    fast: [u16; 1 << FAST],
    /// For every `FAST` next bits, if a code for a coefficient and the coefficient lie in them: the coefficient * 256 + the
    /// zeros before it * 16 + length of both; else 0.
    small: [i16; 1 << FAST],
    /// By length: the largest code plus one, in the upper bits of 16.
    limit: [u32; 18],
    /// By length: what to add to a code for its place in `symbols`.
    offset: [i32; 17],
    symbols: [u8; 256],
}

impl Huffman {
    pub fn new(codes: &Codes) -> Result<Huffman, String> {
        let Codes { counts, symbols } = codes;
        let mut table =
            Huffman { fast: [0; 1 << FAST], small: [0; 1 << FAST], limit: [0; 18], offset: [0; 17], symbols: [0; 256] };
        table.symbols[..symbols.len()].copy_from_slice(symbols);
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = counts[length as usize - 1] as usize;
            // No code consists of ones alone.
            if count > 0 && code + count as u32 >= 1 << length {
                return Err("Corrupt: a Huffman table with too many codes".to_string());
            }
            table.offset[length as usize] = place as i32 - code as i32;
            for symbol in &symbols[place..place + count] {
                if length <= FAST {
                    let start = (code << (FAST - length)) as usize;
                    table.fast[start..start + (1 << (FAST - length))].fill((length as u16) << 8 | u16::from(*symbol));
                }
                code += 1;
            }
            place += count;
            table.limit[length as usize] = code << (16 - length);
            code <<= 1;
        }
        for (next, (small, &entry)) in table.small.iter_mut().zip(&table.fast).enumerate() {
            let (length, run, size) = (u32::from(entry >> 8), entry >> 4 & 15, u32::from(entry & 15));
            if size > 0 && length + size <= FAST {
                let value = (next >> (FAST - length - size)) as i32 & ((1 << size) - 1);
                let value = if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value };
                if let Ok(value) = i8::try_from(value) {
                    *small = (i16::from(value) << 8) | (run << 4) as i16 | (length + size) as i16;
                }
            }
        }
        Ok(table)
    }

    /// The next coefficient that is not 0, with the zeros before it, where both are short; after [`Window::refill`].
    #[inline(always)]
    pub fn small(&self, window: &mut Window) -> Option<(usize, i16)> {
        let entry = self.small[window.peek(FAST) as usize];
        if entry == 0 {
            return None;
        }
        window.skip(entry as u32 & 15);
        Some(((entry >> 4 & 15) as usize, entry >> 8))
    }

    /// The next symbol; bits that are no code count as a zero, as in libjpeg. After it 16 bits are there still.
    #[inline(always)]
    pub fn decode(&self, window: &mut Window, input: &mut Input, bad_code: &mut bool) -> u8 {
        window.refill(input);
        let entry = self.fast[window.peek(FAST) as usize];
        if entry != 0 {
            window.skip(u32::from(entry >> 8));
            return entry as u8;
        }
        let (length, symbol) = self.long(window.peek(16));
        *bad_code |= length > 16;
        window.skip(length);
        symbol
    }

    /// Length and symbol of a longer code; 17 where there is none.
    #[inline(never)]
    fn long(&self, next: u32) -> (u32, u8) {
        let Some(length) = (FAST + 1..=16).find(|&length| next < self.limit[length as usize]) else { return (17, 0) };
        let place = (next >> (16 - length)) as i32 + self.offset[length as usize];
        (length, self.symbols[place as usize & 255])
    }
}

/// The tables of T.81 K.3: frames of Motion JPEG are without theirs. For brightness and colour, DC and AC.
pub fn usual(ac: bool, index: usize) -> Option<Codes> {
    let (counts, symbols): ([u8; 16], &[u8]) = match (ac, index) {
        (false, 0) => ([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &DC),
        (false, 1) => ([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &DC),
        (true, 0) => ([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D], &AC_BRIGHTNESS),
        (true, 1) => ([0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77], &AC_COLOR),
        _ => return None,
    };
    Some(Codes { counts, symbols: symbols.to_vec() })
}

const DC: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

#[rustfmt::skip]
const AC_BRIGHTNESS: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
    0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33, 0x62, 0x72,
    0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x34, 0x35, 0x36, 0x37,
    0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
    0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83,
    0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3,
    0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
    0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
    0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
];

#[rustfmt::skip]
const AC_COLOR: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
    0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0, 0x15, 0x62, 0x72, 0xD1,
    0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x35, 0x36,
    0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
    0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A,
    0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A,
    0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA,
    0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
    0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
];
