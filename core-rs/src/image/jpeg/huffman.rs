//! Huffman codes of up to 16 bits.

use super::bits::Bits;

/// Bits that are looked up at once.
const FAST: u32 = 9;

/// A code table in the form that decoding needs.
#[derive(Clone)]
pub struct Huffman {
    /// For every `FAST` next bits: length * 256 + symbol of the code that they begin with; 0 for a longer one.
    fast: Box<[u16; 1 << FAST]>,
    /// By length: the largest code plus one, in the upper bits of 16.
    limit: [u32; 18],
    /// By length: what to add to a code for its place in `symbols`.
    offset: [i32; 17],
    symbols: Box<[u8; 256]>,
}

impl Huffman {
    /// From a table segment: how many codes there are of each length 1 to 16, and their symbols in the order of codes.
    pub fn new(counts: &[u8; 16], values: &[u8]) -> Result<Huffman, String> {
        let mut table =
            Huffman { fast: Box::new([0; 1 << FAST]), limit: [0; 18], offset: [0; 17], symbols: Box::new([0; 256]) };
        table.symbols[..values.len()].copy_from_slice(values);
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = counts[length as usize - 1] as usize;
            if code + count as u32 > 1 << length {
                return Err("Corrupt: a Huffman table with too many codes".to_string());
            }
            table.offset[length as usize] = place as i32 - code as i32;
            for symbol in &values[place..place + count] {
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
        Ok(table)
    }

    /// The next symbol; `None` where the bits are no code.
    #[inline(always)]
    pub fn decode(&self, bits: &mut Bits) -> Option<u8> {
        bits.refill();
        let entry = self.fast[bits.peek(FAST) as usize];
        if entry != 0 {
            bits.skip(u32::from(entry >> 8));
            return Some(entry as u8);
        }
        self.decode_long(bits)
    }

    fn decode_long(&self, bits: &mut Bits) -> Option<u8> {
        let next = bits.peek(16);
        let length = (FAST + 1..=16).find(|&length| next < self.limit[length as usize])?;
        bits.skip(length);
        let place = (next >> (16 - length)) as i32 + self.offset[length as usize];
        self.symbols.get(usize::try_from(place).ok()?).copied()
    }
}
