//! The inverse DCT of libjpeg (`jidctint.c`, "islow"): Loeffler, Ligtenberg and Moschytz 1989, in 13-bit fixed point.
//!
//! Where a corrupt file makes numbers too large, they wrap and saturate as in libjpeg-turbo's vector instructions
//! (`jidctint-avx2.asm`): products of the tables and the first sums have 16 bits, and so has what a pass hands on.

use super::frame::BLOCK;
use std::num::Wrapping;

/// Fraction bits of the constants.
const FRACTION: u32 = 13;
/// Fraction bits that are kept between the two passes.
const BETWEEN: u32 = 2;

type Number = Wrapping<i32>;

/// Eight numbers from each of eight lanes: `lanes[i][j]` is the `i`th of lane `j`.
type Lanes = [[Number; 8]; 8];

/// cos and sin sums of the flow graph, times 2^13.
mod constants {
    use super::Number;
    use std::num::Wrapping;

    pub const C0_298631336: Number = Wrapping(2446);
    pub const C0_390180644: Number = Wrapping(3196);
    pub const C0_541196100: Number = Wrapping(4433);
    pub const C0_765366865: Number = Wrapping(6270);
    pub const C0_899976223: Number = Wrapping(7373);
    pub const C1_175875602: Number = Wrapping(9633);
    pub const C1_501321110: Number = Wrapping(12299);
    pub const C1_847759065: Number = Wrapping(15137);
    pub const C1_961570560: Number = Wrapping(16069);
    pub const C2_053119869: Number = Wrapping(16819);
    pub const C2_562915447: Number = Wrapping(20995);
    pub const C3_072711026: Number = Wrapping(25172);
}

multiversion! {
    /// Blocks of one row: coefficients times `table`, transformed, to the samples of `rows` (8 rows of `stride` bytes).
    pub fn transform_row<A>(coefficients: &[i16], table: &[u16; BLOCK], stride: usize, rows: &mut [u8]) {
        for (column, block) in coefficients.as_chunks::<BLOCK>().0.iter().enumerate() {
            let samples = transform(block, table);
            for (row, samples) in rows.chunks_exact_mut(stride).zip(&samples) {
                row[column * 8..column * 8 + 8].copy_from_slice(samples);
            }
        }
    }
}

/// Sum of a block's magnitudes up to which nothing can leave 16 bits: each number of the first pass is below 1.39 * 4 of it.
const TAME: i32 = 5_800;

#[inline(always)]
fn transform(block: &[i16; BLOCK], table: &[u16; BLOCK]) -> [[u8; 8]; 8] {
    let mut lanes: Lanes = [[Wrapping(0); 8]; 8];
    let mut sum = 0;
    for (i, lanes) in lanes.iter_mut().enumerate() {
        for (j, number) in lanes.iter_mut().enumerate() {
            let product = i32::from(block[i * 8 + j].wrapping_mul(table[i * 8 + j] as i16));
            sum += product.abs();
            *number = Wrapping(product);
        }
    }
    if sum <= TAME {
        return samples::<false>(&lanes, false);
    }
    samples::<true>(&lanes, block[8..].iter().all(|&coefficient| coefficient == 0))
}

/// Both passes; `WILD`: numbers may leave 16 bits. `flat`: only the first row has coefficients.
#[inline(always)]
fn samples<const WILD: bool>(lanes: &Lanes, flat: bool) -> [[u8; 8]; 8] {
    let columns = if WILD && flat {
        // What the transform gives too, but where it overflows.
        let mut row = lanes[0];
        row.iter_mut().for_each(|number| *number = sixteen::<WILD>(*number << BETWEEN as usize));
        [row; 8]
    } else {
        pass::<WILD>(lanes, FRACTION - BETWEEN)
    };
    let rows = transposed(&pass::<WILD>(&transposed(&columns), FRACTION + BETWEEN + 3));
    let mut samples = [[0; 8]; 8];
    for (samples, row) in samples.iter_mut().zip(&rows) {
        for (sample, number) in samples.iter_mut().zip(row) {
            *sample = (number.0 + 128).clamp(0, 255) as u8;
        }
    }
    samples
}

/// The lower 16 bits.
#[inline(always)]
fn sixteen<const WILD: bool>(x: Number) -> Number {
    if WILD { Wrapping(i32::from(x.0 as i16)) } else { x }
}

#[inline(always)]
fn transposed(x: &Lanes) -> Lanes {
    let mut y: Lanes = [[Wrapping(0); 8]; 8];
    for i in 0..8 {
        for j in 0..8 {
            y[j][i] = x[i][j];
        }
    }
    y
}

/// The one-dimensional transform of each lane; `shift` fraction bits are rounded off.
#[inline(always)]
fn pass<const WILD: bool>(x: &Lanes, shift: u32) -> Lanes {
    use constants::*;
    let mut y: Lanes = [[Wrapping(0); 8]; 8];
    let half = Wrapping(1 << (shift - 1));
    for j in 0..8 {
        // Even part
        let z1 = (x[2][j] + x[6][j]) * C0_541196100;
        let t2 = z1 - x[6][j] * C1_847759065;
        let t3 = z1 + x[2][j] * C0_765366865;
        let t0 = sixteen::<WILD>(x[0][j] + x[4][j]) << FRACTION as usize;
        let t1 = sixteen::<WILD>(x[0][j] - x[4][j]) << FRACTION as usize;
        let (e0, e3, e1, e2) = (t0 + t3, t0 - t3, t1 + t2, t1 - t2);
        // Odd part
        let (s3, s4) = (sixteen::<WILD>(x[7][j] + x[3][j]), sixteen::<WILD>(x[5][j] + x[1][j]));
        let z5 = (s3 + s4) * C1_175875602;
        let z1 = -(x[7][j] + x[1][j]) * C0_899976223;
        let z2 = -(x[5][j] + x[3][j]) * C2_562915447;
        let z3 = z5 - s3 * C1_961570560;
        let z4 = z5 - s4 * C0_390180644;
        let o0 = x[7][j] * C0_298631336 + z1 + z3;
        let o1 = x[5][j] * C2_053119869 + z2 + z4;
        let o2 = x[3][j] * C3_072711026 + z2 + z3;
        let o3 = x[1][j] * C1_501321110 + z1 + z4;
        let sums = [e0 + o3, e1 + o2, e2 + o1, e3 + o0, e3 - o0, e2 - o1, e1 - o2, e0 - o3];
        for (i, sum) in sums.into_iter().enumerate() {
            let rounded = (sum + half) >> shift as usize;
            let most = i32::from(i16::MAX);
            y[i][j] = if WILD { Wrapping(rounded.0.clamp(-most - 1, most)) } else { rounded };
        }
    }
    y
}
