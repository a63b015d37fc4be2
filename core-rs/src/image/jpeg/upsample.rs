//! Chroma upsampling as in libjpeg-turbo (`jdsample.c`, "fancy"): where a component has half the samples, each new one is
//! 3/4 of the nearer and 1/4 of the farther neighbour, with rounding that alternates; other ratios repeat samples.

use super::planes::Plane;

/// How a component gets to the image's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsampling {
    None,
    /// Twice as wide
    H2,
    /// Twice as high
    V2,
    /// Both
    H2V2,
    /// Each sample so many times
    Repeat {
        h: usize,
        v: usize,
    },
}

impl Upsampling {
    /// `h` and `v`: image samples for each of the component's, which has `width` across.
    pub fn choose(h: usize, v: usize, width: usize) -> Upsampling {
        match (h, v) {
            (1, 1) => Upsampling::None,
            (2, 1) if width > 2 => Upsampling::H2,
            (1, 2) => Upsampling::V2,
            (2, 2) if width > 2 => Upsampling::H2V2,
            _ => Upsampling::Repeat { h, v },
        }
    }

    /// Writes row `y` of the image to `out`, which may have a few samples more than the image is wide.
    pub fn row<'a>(self, plane: &'a Plane, y: usize, sums: &mut Vec<u16>, out: &'a mut [u8]) -> &'a [u8] {
        match self {
            Upsampling::None => return plane.row(y as isize),
            Upsampling::H2 => twice_as_wide(plane.row(y as isize), out),
            Upsampling::V2 => {
                let ([near, far], bias) = (neighbours(plane, y), 1 + (y % 2) as u16);
                for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
                    *out = ((u16::from(near) * 3 + u16::from(far) + bias) >> 2) as u8;
                }
            }
            Upsampling::H2V2 => {
                let [near, far] = neighbours(plane, y);
                sums.clear();
                sums.extend(near.iter().zip(far).map(|(&near, &far)| u16::from(near) * 3 + u16::from(far)));
                twice_as_wide_sums(sums, out);
            }
            Upsampling::Repeat { h, v } => {
                for (out, &sample) in out.chunks_mut(h).zip(plane.row((y / v) as isize)) {
                    out.fill(sample);
                }
            }
        }
        out
    }
}

/// The nearer and the farther of a plane's rows for row `y` of an image twice as high.
fn neighbours(plane: &Plane, y: usize) -> [&[u8]; 2] {
    let row = (y / 2) as isize;
    [plane.row(row), plane.row(if y.is_multiple_of(2) { row - 1 } else { row + 1 })]
}

fn twice_as_wide(x: &[u8], out: &mut [u8]) {
    let wide = |i: usize| u16::from(x[i]);
    let last = x.len() - 1;
    for (i, out) in out.as_chunks_mut::<2>().0.iter_mut().enumerate().take(x.len()) {
        let left = if i == 0 { wide(0) } else { (wide(i) * 3 + wide(i - 1) + 1) >> 2 };
        let right = if i == last { wide(last) } else { (wide(i) * 3 + wide(i + 1) + 2) >> 2 };
        *out = [left as u8, right as u8];
    }
}

/// [`twice_as_wide`] of sums that are four times a sample.
fn twice_as_wide_sums(x: &[u16], out: &mut [u8]) {
    let last = x.len() - 1;
    for (i, out) in out.as_chunks_mut::<2>().0.iter_mut().enumerate().take(x.len()) {
        let left = if i == 0 { (x[0] * 4 + 8) >> 4 } else { (x[i] * 3 + x[i - 1] + 8) >> 4 };
        let right = if i == last { (x[last] * 4 + 7) >> 4 } else { (x[i] * 3 + x[i + 1] + 7) >> 4 };
        *out = [left as u8, right as u8];
    }
}
