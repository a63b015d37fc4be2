//! Progressive coding of the coefficients after the first (T.81 G.1.2.2 and G.1.2.3), with libjpeg's answer to data that
//! make no sense: what is past the end of a block goes to its last place.

use super::bits::{Bits, Window};
use super::huffman::Huffman;
use super::input::Input;
use super::scan::{Block, ZIGZAG};
use std::ops::RangeInclusive;

/// The upper bits of the coefficients of `range` (zigzag order); `skipped` counts blocks to come that have none.
pub fn first(
    table: &Huffman,
    bits: &mut Bits,
    skipped: &mut u32,
    block: &mut Block,
    range: RangeInclusive<usize>,
    low: u32,
) {
    if *skipped > 0 {
        *skipped -= 1;
        return;
    }
    let (mut k, end) = range.into_inner();
    let Bits { input, window, bad_code, .. } = bits;
    while k <= end {
        let symbol = table.decode(window, input, bad_code);
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match (run, size) {
            (15, 0) => k += 16,
            (_, 0) => {
                // This block and as many after it end here.
                *skipped = (1 << run) - 1 + window.take(input, run) as u32;
                return;
            }
            _ => {
                k += run as usize;
                block[ZIGZAG[k] as usize] = (window.signed(size) << low) as i16;
                k += 1;
            }
        }
    }
}

/// One more bit of the coefficients of `range`: a bit for each that is not 0 yet, and new ones of that size.
pub fn more(
    table: &Huffman,
    bits: &mut Bits,
    skipped: &mut u32,
    block: &mut Block,
    range: RangeInclusive<usize>,
    low: u32,
) {
    let bit = 1i16 << low;
    let (mut k, end) = range.into_inner();
    let Bits { input, window, bad_code, .. } = bits;
    let correct = |window: &mut Window, input: &mut Input, place: &mut i16| {
        if window.take(input, 1) == 1 && *place & bit == 0 {
            *place = place.wrapping_add(if *place >= 0 { bit } else { -bit });
        }
    };
    while *skipped == 0 && k <= end {
        let symbol = table.decode(window, input, bad_code);
        let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
        let new = match (run, size) {
            (15, 0) => 0,
            (_, 0) => {
                *skipped = (1 << run) + window.take(input, run) as u32;
                break;
            }
            _ => {
                // It can only grow by one bit at a time.
                *bad_code |= size != 1;
                if window.take(input, 1) == 1 { bit } else { -bit }
            }
        };
        // `run` coefficients that stay 0 come before the new one; those that are not 0 do not count.
        while k <= end {
            let place = &mut block[ZIGZAG[k] as usize];
            if *place != 0 {
                correct(window, input, place);
            } else if run == 0 {
                break;
            } else {
                run -= 1;
            }
            k += 1;
        }
        if new != 0 {
            block[ZIGZAG[k] as usize] = new;
        }
        k += 1;
    }
    if *skipped > 0 {
        for &at in &ZIGZAG[k.min(end + 1)..=end] {
            let place = &mut block[at as usize];
            if *place != 0 {
                correct(window, input, place);
            }
        }
        *skipped -= 1;
    }
}
