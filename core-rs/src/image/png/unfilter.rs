//! The filters of rows (PNG specification, section 9), taken back.

/// Takes back filter `kind` of a row, given the row above; `step`: bytes of a pixel. `false` where there is no such filter.
pub fn unfilter(kind: u8, step: usize, row: &mut [u8], above: &[u8]) -> bool {
    match kind {
        0 => {}
        1 => match step {
            1 => left::<1>(row),
            2 => left::<2>(row),
            3 => left::<3>(row),
            4 => left::<4>(row),
            6 => left::<6>(row),
            _ => left::<8>(row),
        },
        2 => row.iter_mut().zip(above).for_each(|(x, &b)| *x = x.wrapping_add(b)),
        3 => match step {
            1 => with::<1>(row, above, average),
            2 => with::<2>(row, above, average),
            3 => with::<3>(row, above, average),
            4 => with::<4>(row, above, average),
            6 => with::<6>(row, above, average),
            _ => with::<8>(row, above, average),
        },
        4 => match step {
            1 => with::<1>(row, above, paeth),
            2 => with::<2>(row, above, paeth),
            3 => with::<3>(row, above, paeth),
            4 => with::<4>(row, above, paeth),
            6 => with::<6>(row, above, paeth),
            _ => with::<8>(row, above, paeth),
        },
        _ => return false,
    }
    true
}

fn left<const STEP: usize>(row: &mut [u8]) {
    let mut before = [0u8; STEP];
    for pixel in row.as_chunks_mut::<STEP>().0 {
        for (x, before) in pixel.iter_mut().zip(&mut before) {
            *x = x.wrapping_add(*before);
            *before = *x;
        }
    }
}

/// Adds a guess from the bytes to the left, above, and above to the left.
#[inline(always)]
fn with<const STEP: usize>(row: &mut [u8], above: &[u8], guess: fn(u8, u8, u8) -> u8) {
    let (mut before, mut corner) = ([0u8; STEP], [0u8; STEP]);
    for (pixel, above) in row.as_chunks_mut::<STEP>().0.iter_mut().zip(above.as_chunks::<STEP>().0) {
        for i in 0..STEP {
            pixel[i] = pixel[i].wrapping_add(guess(before[i], above[i], corner[i]));
        }
        (before, corner) = (*pixel, *above);
    }
}

#[inline(always)]
fn average(a: u8, b: u8, _: u8) -> u8 {
    ((u16::from(a) + u16::from(b)) / 2) as u8
}

/// Of left, above and corner the one nearest to left + above - corner, without a branch.
#[inline(always)]
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let threshold = i16::from(c) * 3 - (i16::from(a) + i16::from(b));
    let (low, high) = (a.min(b), a.max(b));
    let inner = if i16::from(high) <= threshold { low } else { c };
    if threshold <= i16::from(low) { high } else { inner }
}
