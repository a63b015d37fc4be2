//! Arithmetic coding (T.81 annex D and sections F.2.4 and G.2.4), with libjpeg-turbo's answer to data that make no sense.

use super::input::Input;
use super::scan::{Block, Spectrum, ZIGZAG};

/// Sets of statistics.
const TABLES: usize = 16;

/// A bin's estimate at the start, and the one that stays at a half.
const START: u8 = 0;
const EVEN: u8 = 113;

/// The bin where magnitudes of DC differences go on, and those of coefficients up to `Conditioning::split` and past it.
const LARGER_DC: usize = 20;
const LARGER_LOW: usize = 189;
const LARGER_HIGH: usize = 217;

/// From a magnitude's bin to the one of its bits.
const BITS: usize = 14;

/// What a DAC segment can set of each table.
#[derive(Clone, Copy)]
pub struct Conditioning {
    /// Bounds of a small DC difference, as powers of 2.
    pub bounds: [(u8, u8); TABLES],
    /// The last coefficient that counts as low.
    pub split: [u8; TABLES],
}

impl Default for Conditioning {
    fn default() -> Conditioning {
        Conditioning { bounds: [(0, 1); TABLES], split: [5; TABLES] }
    }
}

impl Conditioning {
    /// Reads the body of a DAC segment.
    pub fn read(&mut self, body: &[u8]) -> Result<(), String> {
        let wrong = || "Corrupt: arithmetic conditioning of a wrong length, number or value".to_string();
        let (pairs, []) = body.as_chunks::<2>() else { return Err(wrong()) };
        for &[index, value] in pairs {
            let index = index as usize;
            if let Some(bounds) = self.bounds.get_mut(index) {
                *bounds = (value & 15, value >> 4);
                if bounds.0 > bounds.1 {
                    return Err(wrong());
                }
            } else {
                *self.split.get_mut(index - TABLES).ok_or_else(wrong)? = value;
            }
        }
        Ok(())
    }
}

/// The decoder's registers (T.81 D.2).
#[derive(Default)]
struct Registers {
    /// Base of the interval, and bits that were read ahead.
    code: i64,
    interval: i64,
    /// Bits of those left; below 0 until two bytes are read.
    count: i32,
}

impl Registers {
    /// Decodes one decision with the estimate of a bin.
    fn bit(&mut self, input: &mut Input, bin: &mut u8) -> bool {
        while self.interval < 0x8000 {
            self.count -= 1;
            if self.count < 0 {
                // Past a marker come zeros, as the coding wants it.
                self.code = self.code << 8 | i64::from(input.data().unwrap_or(0));
                self.count += 8;
                if self.count < 0 {
                    self.count += 1;
                    if self.count == 0 {
                        self.interval = 0x8000;
                    }
                }
            }
            self.interval <<= 1;
        }
        let likely = *bin & 0x80;
        let (size, after_less, after_more) = ESTIMATES[(*bin & 0x7F) as usize];
        let size = i64::from(size);
        self.interval -= size;
        let bound = self.interval << self.count;
        if self.code >= bound {
            self.code -= bound;
            // The smaller part stands for the likelier value where it is the larger one after all.
            let exchanged = self.interval < size;
            self.interval = size;
            *bin = likely ^ if exchanged { after_more } else { after_less };
            (likely != 0) == exchanged
        } else if self.interval < 0x8000 {
            let exchanged = self.interval < size;
            *bin = likely ^ if exchanged { after_less } else { after_more };
            (likely != 0) != exchanged
        } else {
            likely != 0
        }
    }
}

/// The decoder of a scan.
pub struct Arithmetic {
    registers: Registers,
    conditioning: Conditioning,
    dc: Box<[[u8; 64]; TABLES]>,
    ac: Box<[[u8; 256]; TABLES]>,
    even: u8,
    /// For each component of the scan the kind of its last DC difference, and its last DC coefficient.
    context: [usize; 4],
    predicted: [i32; 4],
    /// Whether the data made no sense: blocks up to the next restart stay as they are.
    pub broken: bool,
}

impl Arithmetic {
    pub fn new(conditioning: Conditioning) -> Arithmetic {
        let mut arithmetic = Arithmetic {
            registers: Registers::default(),
            conditioning,
            dc: Box::new([[START; 64]; TABLES]),
            ac: Box::new([[START; 256]; TABLES]),
            even: EVEN,
            context: [0; 4],
            predicted: [0; 4],
            broken: false,
        };
        arithmetic.restart();
        arithmetic
    }

    /// Begins anew behind a restart marker.
    pub fn restart(&mut self) {
        self.registers = Registers { count: -16, ..Registers::default() };
        (*self.dc, *self.ac) = ([[START; 64]; TABLES], [[START; 256]; TABLES]);
        (self.context, self.predicted, self.broken) = ([0; 4], [0; 4], false);
    }

    /// A block of the scan's component `part`, which has the tables `dc` and `ac`; `None` where the data make no sense.
    pub fn block(
        &mut self,
        input: &mut Input,
        spectrum: Spectrum,
        (part, dc, ac): (usize, usize, usize),
        block: &mut Block,
    ) -> Option<()> {
        match spectrum {
            Spectrum::All => {
                block[0] = self.next_dc(input, part, dc)? as i16;
                self.first(input, ac, block, (1, 63), 0)
            }
            Spectrum::DcFirst { low } => {
                block[0] = (self.next_dc(input, part, dc)? << low) as i16;
                Some(())
            }
            Spectrum::DcMore { low } => {
                if self.registers.bit(input, &mut self.even) {
                    block[0] |= 1 << low;
                }
                Some(())
            }
            Spectrum::AcFirst { start, end, low } => self.first(input, ac, block, (start, end), low),
            Spectrum::AcMore { start, end, low } => self.more(input, ac, block, (start, end), 1 << low),
        }
    }

    fn next_dc(&mut self, input: &mut Input, part: usize, table: usize) -> Option<i32> {
        let bins = &mut self.dc[table];
        let bin = self.context[part];
        if !self.registers.bit(input, &mut bins[bin]) {
            self.context[part] = 0;
            return Some(self.predicted[part]);
        }
        let negative = self.registers.bit(input, &mut bins[bin + 1]);
        let mut bin = bin + 2 + usize::from(negative);
        let mut magnitude = i32::from(self.registers.bit(input, &mut bins[bin]));
        if magnitude != 0 {
            bin = LARGER_DC;
            (magnitude, bin) = larger(&mut self.registers, input, bins, bin, magnitude)?;
        }
        let (low, high) = self.conditioning.bounds[table];
        let kind = if magnitude < (1 << low) >> 1 {
            0
        } else if magnitude > (1 << high) >> 1 {
            12
        } else {
            4
        };
        self.context[part] = if kind == 0 { 0 } else { kind + 4 * usize::from(negative) };
        let value = value(&mut self.registers, input, &mut bins[bin + BITS], magnitude);
        self.predicted[part] = (self.predicted[part] + if negative { -value } else { value }) & 0xFFFF;
        Some(self.predicted[part])
    }

    /// Coefficients from `start` to `end` in zigzag order.
    fn first(
        &mut self,
        input: &mut Input,
        table: usize,
        block: &mut Block,
        (start, end): (usize, usize),
        low: u32,
    ) -> Option<()> {
        let bins = &mut self.ac[table];
        let mut k = start;
        while k <= end {
            let mut bin = 3 * (k - 1);
            if self.registers.bit(input, &mut bins[bin]) {
                break;
            }
            while !self.registers.bit(input, &mut bins[bin + 1]) {
                bin += 3;
                k += 1;
                if k > end {
                    return None;
                }
            }
            let negative = self.registers.bit(input, &mut self.even);
            bin += 2;
            let mut magnitude = i32::from(self.registers.bit(input, &mut bins[bin]));
            if magnitude != 0 && self.registers.bit(input, &mut bins[bin]) {
                bin = if k <= self.conditioning.split[table] as usize { LARGER_LOW } else { LARGER_HIGH };
                (magnitude, bin) = larger(&mut self.registers, input, bins, bin, 2)?;
            }
            let value = value(&mut self.registers, input, &mut bins[bin + BITS], magnitude);
            block[ZIGZAG[k] as usize] = (if negative { -value } else { value } << low) as i16;
            k += 1;
        }
        Some(())
    }

    /// One more bit of coefficients.
    fn more(
        &mut self,
        input: &mut Input,
        table: usize,
        block: &mut Block,
        (start, end): (usize, usize),
        bit: i16,
    ) -> Option<()> {
        let bins = &mut self.ac[table];
        let known = (1..=end).rev().find(|&k| block[ZIGZAG[k] as usize] != 0).unwrap_or(0);
        let mut k = start;
        while k <= end {
            let mut bin = 3 * (k - 1);
            if k > known && self.registers.bit(input, &mut bins[bin]) {
                break;
            }
            loop {
                let place = &mut block[ZIGZAG[k] as usize];
                if *place != 0 {
                    if self.registers.bit(input, &mut bins[bin + 2]) {
                        *place = place.wrapping_add(if *place < 0 { -bit } else { bit });
                    }
                    break;
                }
                if self.registers.bit(input, &mut bins[bin + 1]) {
                    *place = if self.registers.bit(input, &mut self.even) { -bit } else { bit };
                    break;
                }
                bin += 3;
                k += 1;
                if k > end {
                    return None;
                }
            }
            k += 1;
        }
        Some(())
    }
}

/// Doubles a magnitude as long as the data say so; the bin where they stopped. `None` beyond 15 bits.
fn larger<const N: usize>(
    registers: &mut Registers,
    input: &mut Input,
    bins: &mut [u8; N],
    mut bin: usize,
    mut magnitude: i32,
) -> Option<(i32, usize)> {
    while registers.bit(input, &mut bins[bin]) {
        magnitude <<= 1;
        if magnitude == 0x8000 {
            return None;
        }
        bin += 1;
    }
    Some((magnitude, bin))
}

/// The value of that magnitude, from its lower bits.
fn value(registers: &mut Registers, input: &mut Input, bin: &mut u8, magnitude: i32) -> i32 {
    let (mut value, mut bit) = (magnitude, magnitude >> 1);
    while bit != 0 {
        if registers.bit(input, bin) {
            value |= bit;
        }
        bit >>= 1;
    }
    value + 1
}

/// T.81 table D.3: size of the less likely part, and the estimate after it (with 128: what is likely changes) and after the
/// likelier one; the last stays at a half.
#[rustfmt::skip]
const ESTIMATES: [(u16, u8, u8); 114] = [
    (0x5A1D, 129, 1), (0x2586, 14, 2), (0x1114, 16, 3), (0x080B, 18, 4), (0x03D8, 20, 5), (0x01DA, 23, 6),
    (0x00E5, 25, 7), (0x006F, 28, 8), (0x0036, 30, 9), (0x001A, 33, 10), (0x000D, 35, 11), (0x0006, 9, 12),
    (0x0003, 10, 13), (0x0001, 12, 13), (0x5A7F, 143, 15), (0x3F25, 36, 16), (0x2CF2, 38, 17), (0x207C, 39, 18),
    (0x17B9, 40, 19), (0x1182, 42, 20), (0x0CEF, 43, 21), (0x09A1, 45, 22), (0x072F, 46, 23), (0x055C, 48, 24),
    (0x0406, 49, 25), (0x0303, 51, 26), (0x0240, 52, 27), (0x01B1, 54, 28), (0x0144, 56, 29), (0x00F5, 57, 30),
    (0x00B7, 59, 31), (0x008A, 60, 32), (0x0068, 62, 33), (0x004E, 63, 34), (0x003B, 32, 35), (0x002C, 33, 9),
    (0x5AE1, 165, 37), (0x484C, 64, 38), (0x3A0D, 65, 39), (0x2EF1, 67, 40), (0x261F, 68, 41), (0x1F33, 69, 42),
    (0x19A8, 70, 43), (0x1518, 72, 44), (0x1177, 73, 45), (0x0E74, 74, 46), (0x0BFB, 75, 47), (0x09F8, 77, 48),
    (0x0861, 78, 49), (0x0706, 79, 50), (0x05CD, 48, 51), (0x04DE, 50, 52), (0x040F, 50, 53), (0x0363, 51, 54),
    (0x02D4, 52, 55), (0x025C, 53, 56), (0x01F8, 54, 57), (0x01A4, 55, 58), (0x0160, 56, 59), (0x0125, 57, 60),
    (0x00F6, 58, 61), (0x00CB, 59, 62), (0x00AB, 61, 63), (0x008F, 61, 32), (0x5B12, 193, 65), (0x4D04, 80, 66),
    (0x412C, 81, 67), (0x37D8, 82, 68), (0x2FE8, 83, 69), (0x293C, 84, 70), (0x2379, 86, 71), (0x1EDF, 87, 72),
    (0x1AA9, 87, 73), (0x174E, 72, 74), (0x1424, 72, 75), (0x119C, 74, 76), (0x0F6B, 74, 77), (0x0D51, 75, 78),
    (0x0BB6, 77, 79), (0x0A40, 77, 48), (0x5832, 208, 81), (0x4D1C, 88, 82), (0x438E, 89, 83), (0x3BDD, 90, 84),
    (0x34EE, 91, 85), (0x2EAE, 92, 86), (0x299A, 93, 87), (0x2516, 86, 71), (0x5570, 216, 89), (0x4CA9, 95, 90),
    (0x44D9, 96, 91), (0x3E22, 97, 92), (0x3824, 99, 93), (0x32B4, 99, 94), (0x2E17, 93, 86), (0x56A8, 223, 96),
    (0x4F46, 101, 97), (0x47E5, 102, 98), (0x41CF, 103, 99), (0x3C3D, 104, 100), (0x375E, 99, 93), (0x5231, 105, 102),
    (0x4C0F, 106, 103), (0x4639, 107, 104), (0x415E, 103, 99), (0x5627, 233, 106), (0x50E7, 108, 107), (0x4B85, 109, 103),
    (0x5597, 110, 109), (0x504F, 111, 107), (0x5A10, 238, 111), (0x5522, 112, 109), (0x59EB, 240, 111), (0x5A1D, 113, 113),
];
