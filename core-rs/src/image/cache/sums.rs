//! Sums of a cache's pixels, one for each mebibyte, by XXH64: it finds every change of a word, as fast as memory is read.

/// Bytes that a sum is of.
pub const CHUNK: usize = 1 << 20;

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

fn round(sum: u64, word: u64) -> u64 {
    sum.wrapping_add(word.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

/// XXH64 with the seed 0.
pub fn xxh64(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut hash = P5;
    if !blocks.is_empty() {
        let mut lanes = [P1.wrapping_add(P2), P2, 0, 0u64.wrapping_sub(P1)];
        for block in blocks {
            for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
                *lane = round(*lane, u64::from_le_bytes(*word));
            }
        }
        hash =
            [1, 7, 12, 18].iter().zip(lanes).fold(0u64, |sum, (&turn, lane)| sum.wrapping_add(lane.rotate_left(turn)));
        for lane in lanes {
            hash = (hash ^ round(0, lane)).wrapping_mul(P1).wrapping_add(P4);
        }
    }
    hash = hash.wrapping_add(bytes.len() as u64);
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        hash = (hash ^ round(0, u64::from_le_bytes(*word))).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
    }
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        let half = u64::from(u32::from_le_bytes(*half));
        hash = (hash ^ half.wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
    }
    for &byte in rest {
        hash = (hash ^ u64::from(byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(P2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(P3);
    hash ^ (hash >> 32)
}

/// Sums of a stream as it is written.
#[derive(Default)]
pub struct Sums {
    sums: Vec<u64>,
    /// What no sum is of yet.
    open: Vec<u8>,
}

impl Sums {
    pub fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let count = bytes.len().min(CHUNK - self.open.len());
            self.open.extend_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            if self.open.len() == CHUNK {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        self.sums.push(xxh64(&self.open));
        self.open.clear();
    }

    /// All sums, once nothing comes any more.
    pub fn finish(&mut self) -> &[u64] {
        if !self.open.is_empty() {
            self.close();
        }
        &self.sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_reference_implementation() {
        // Of xxhsum -H64 and python's xxhash.
        let text = b"Nobody inspects the spammish repetition";
        let cases: [(&[u8], u64); 4] = [
            (b"", 0xEF46_DB37_51D8_E999),
            (b"a", 0xD24E_C4F1_A98C_6E5B),
            (b"abc", 0x44BC_2CF5_AD77_0999),
            (text, 0xFBCE_A83C_8A37_8BF1),
        ];
        for (bytes, sum) in cases {
            assert_eq!(xxh64(bytes), sum, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_sums_do_not_depend_on_how_the_stream_comes() {
        let bytes: Vec<u8> = (0..2 * CHUNK + 5).map(|i| (i * 7 % 251) as u8).collect();
        let wanted: Vec<u64> = bytes.chunks(CHUNK).map(xxh64).collect();
        for step in [1000, CHUNK, bytes.len()] {
            let mut sums = Sums::default();
            bytes.chunks(step).for_each(|part| sums.add(part));
            assert_eq!(sums.finish(), wanted);
        }
    }
}
