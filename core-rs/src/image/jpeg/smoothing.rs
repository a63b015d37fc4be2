//! Smoothing of progressive images whose later scans are missing: what libjpeg-turbo (since 2.1, `jdcoefct.c`) makes of
//! them. The first coefficients that are not fully known are guessed from the averages of 5 x 5 blocks.

use super::frame::{BLOCK, Component, Frame, SMOOTHED};
use super::scan::ZIGZAG;

/// Weights of 5 x 5 averages, row by row.
type Kernel = [i32; 25];

/// For the coefficients 1 to 9 in zigzag order: weights while no coefficient but the averages is known.
#[rustfmt::skip]
const BLIND: [Kernel; SMOOTHED - 1] = [
    [-1, -1, 0, 1, 1, -3, 13, 0, -13, 3, -3, 38, 0, -38, 3, -3, 13, 0, -13, 3, -1, -1, 0, 1, 1],
    [-1, -3, -3, -3, -1, -1, 13, 38, 13, -1, 0, 0, 0, 0, 0, 1, -13, -38, -13, 1, 1, 3, 3, 3, 1],
    [0, 0, 1, 0, 0, 0, 2, 7, 2, 0, 0, -5, -14, -5, 0, 0, 2, 7, 2, 0, 0, 0, 1, 0, 0],
    [-1, 0, 0, 0, 1, 0, 9, 0, -9, 0, 0, 0, 0, 0, 0, 0, -9, 0, 9, 0, 1, 0, 0, 0, -1],
    [0, 0, 0, 0, 0, 0, 2, -5, 2, 0, 1, 7, -14, 7, 1, 0, 2, -5, 2, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, 2, 0, -2, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, -3, 1, 0, 0, 0, 0, 0, 0, 0, -1, 3, -1, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, -3, 0, 3, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, -1, -2, -1, 0, 0, 0, 0, 0, 0],
];

/// Weights where some are known; the last four are then left alone.
#[rustfmt::skip]
const SIGHTED: [Kernel; 5] = [
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -7, 50, 0, -50, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, -7, 0, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, -50, 0, 0, 0, 0, 7, 0, 0],
    [0, 0, -1, 0, 0, 0, 0, 13, 0, 0, 0, 0, -24, 0, 0, 0, 0, 13, 0, 0, 0, 0, -1, 0, 0],
    [0, -1, 0, 1, 0, -1, 10, 0, -10, 1, 0, 0, 0, 0, 0, 1, -10, 0, 10, -1, 0, 1, 0, -1, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 13, -24, 13, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

/// Weights of the average itself, while nothing else is known.
#[rustfmt::skip]
const AVERAGE: Kernel = [-2, -6, -8, -6, -2, -6, 6, 42, 6, -6, -8, 42, 152, 42, -8, -6, 6, 42, 6, -6, -2, -6, -8, -6, -2];

/// What is known of each component.
pub struct Smoothing {
    components: Vec<[[i8; SMOOTHED]; 2]>,
    /// Rows of units.
    rows: usize,
    last_good_row: usize,
}

impl Smoothing {
    /// `None` where nothing is to be smoothed: everything is known, or too little.
    pub fn of(frame: &Frame) -> Option<Smoothing> {
        if !frame.progressive {
            return None;
        }
        let mut useful = false;
        let mut components = Vec::new();
        for component in &frame.components {
            let table = component.quantization.as_ref()?;
            if component.known[0] < 0 || ZIGZAG[..SMOOTHED].iter().any(|&at| table[at as usize] == 0) {
                return None;
            }
            let known = *component.known.first_chunk()?;
            let before = if frame.scans > 1 { component.known_before } else { [-1; SMOOTHED] };
            useful |= known[1..].iter().any(|&low| low != 0);
            components.push([known, before]);
        }
        let (_, rows) = frame.units();
        useful.then_some(Smoothing { components, rows, last_good_row: frame.last_good_row })
    }

    /// A row of blocks of component `number` with its guesses, in `smoothed`.
    pub fn row<'a>(&self, component: &Component, number: usize, row: usize, smoothed: &'a mut Vec<i16>) -> &'a [i16] {
        let length = component.blocks_across * BLOCK;
        let (across, down) = component.blocks();
        let unit_row = row / component.v;
        // Rows of blocks in this row of units; the padding below is never seen.
        let here = if unit_row + 1 < self.rows { component.v } else { down - unit_row * component.v };
        smoothed.clear();
        smoothed.extend_from_slice(&component.coefficients[row * length..][..length]);
        if row >= down {
            return smoothed;
        }
        // As libjpeg counts rows, which is not `row` where the last row of units is not full.
        let (counted, counted_rows) = (unit_row * here + row % component.v, here * self.rows);
        let above = row - usize::from(counted > 0);
        let above_2 = if counted > 1 { row - 2 } else { above };
        let below = if counted + 1 < counted_rows { row + 1 } else { row };
        let below_2 = if counted + 2 < counted_rows { row + 2 } else { below };
        let rows = [above_2, above, row, below, below_2].map(|row| &component.coefficients[row * length..][..length]);
        let known = &self.components[number][usize::from(unit_row > self.last_good_row)];
        let table = component.quantization.as_ref().expect("checked at the start");
        for (column, block) in smoothed.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate().take(across) {
            let mut averages = [0; 25];
            for (averages, row) in averages.chunks_exact_mut(5).zip(rows) {
                for (i, average) in averages.iter_mut().enumerate() {
                    let column = (column + i).saturating_sub(2).min(across - 1);
                    *average = i32::from(row[column * BLOCK]);
                }
            }
            guess(block, &averages, known, table);
        }
        smoothed
    }
}

fn guess(block: &mut [i16; BLOCK], averages: &Kernel, known: &[i8; SMOOTHED], table: &[u16; BLOCK]) {
    let blind = known[1..].iter().all(|&low| low == -1);
    let kernels: &[Kernel] = if blind { &BLIND } else { &SIGHTED };
    let estimate = |kernel: &Kernel, quantum: i64| {
        let sum: i32 = kernel.iter().zip(averages).map(|(weight, average)| weight * average).sum();
        let number = i64::from(table[0]) * i64::from(sum);
        // Divided by 256 quanta and rounded: its size, and whether it is below 0.
        (((quantum << 7) + number.abs()) / (quantum << 8), number < 0)
    };
    for (k, kernel) in kernels.iter().enumerate() {
        let (low, at) = (known[k + 1], ZIGZAG[k + 1] as usize);
        if low == 0 || block[at] != 0 {
            continue;
        }
        let (mut size, negative) = estimate(kernel, i64::from(table[at]));
        if low > 0 {
            // More than this the later bits cannot add.
            size = size.min((1 << low) - 1);
        }
        block[at] = (if negative { -size } else { size }) as i16;
    }
    if blind {
        let (size, negative) = estimate(&AVERAGE, i64::from(table[0]));
        block[0] = (if negative { -size } else { size }) as i16;
    }
}
