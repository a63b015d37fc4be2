//! Progressive coding of the coefficients after the first (T.81 G.1.2.2 and G.1.2.3).

use super::bits::Bits;
use super::huffman::Huffman;
use super::reader::ZIGZAG;
use super::scan::{Block, bad_code, past_the_end};
use std::ops::RangeInclusive;

/// The upper bits of the coefficients of `range` (zigzag order); `skipped` counts blocks to come that have none.
pub fn first(
    table: &Huffman,
    bits: &mut Bits,
    skipped: &mut u32,
    block: &mut Block,
    range: RangeInclusive<usize>,
    low: u32,
) -> Result<(), String> {
    if *skipped > 0 {
        *skipped -= 1;
        return Ok(());
    }
    let (mut k, end) = range.into_inner();
    while k <= end {
        let symbol = table.decode(bits).ok_or_else(bad_code)?;
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match (run, size) {
            (15, 0) => k += 16,
            (_, 0) => {
                // This block and as many after it end here.
                *skipped = (1 << run) - 1 + bits.take(run) as u32;
                return Ok(());
            }
            _ => {
                k += run as usize;
                if k > end {
                    return Err(past_the_end());
                }
                block[ZIGZAG[k] as usize] = (bits.signed(size) << low) as i16;
                k += 1;
            }
        }
    }
    Ok(())
}

/// One more bit of the coefficients of `range`: a bit for each that is not 0 yet, and new ones of that size.
pub fn more(
    table: &Huffman,
    bits: &mut Bits,
    skipped: &mut u32,
    block: &mut Block,
    range: RangeInclusive<usize>,
    low: u32,
) -> Result<(), String> {
    let bit = 1i16 << low;
    let (mut k, end) = range.into_inner();
    let correct = |bits: &mut Bits, place: &mut i16| {
        if bits.take(1) == 1 && *place & bit == 0 {
            *place = place.wrapping_add(if *place >= 0 { bit } else { -bit });
        }
    };
    while *skipped == 0 && k <= end {
        let symbol = table.decode(bits).ok_or_else(bad_code)?;
        let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
        let new = match (run, size) {
            (15, 0) => 0,
            (_, 0) => {
                *skipped = (1 << run) + bits.take(run) as u32;
                break;
            }
            (_, 1) if bits.take(1) == 1 => bit,
            (_, 1) => -bit,
            _ => return Err("Corrupt: a coefficient that grows by more than one bit".to_string()),
        };
        // `run` coefficients that stay 0 come before the new one; those that are not 0 do not count.
        while k <= end {
            let place = &mut block[ZIGZAG[k] as usize];
            if *place != 0 {
                correct(bits, place);
            } else if run == 0 {
                break;
            } else {
                run -= 1;
            }
            k += 1;
        }
        if new != 0 {
            if k > end {
                return Err(past_the_end());
            }
            block[ZIGZAG[k] as usize] = new;
        }
        k += 1;
    }
    if *skipped > 0 {
        for &at in &ZIGZAG[k.min(end + 1)..=end] {
            let place = &mut block[at as usize];
            if *place != 0 {
                correct(bits, place);
            }
        }
        *skipped -= 1;
    }
    Ok(())
}
