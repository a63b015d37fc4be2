//! Chroma upsampling as in libjpeg-turbo (`jdsample.c`, "fancy"): where a component has half the samples, each new one is
//! 3/4 of the nearer and 1/4 of the farther neighbour, with rounding that alternates; other ratios repeat samples.

use super::planes::Plane;
use crate::cpu::isa::Isa;

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
    pub fn row<'a>(self, isa: Isa, plane: &'a Plane, y: usize, sums: &mut Vec<u16>, out: &'a mut [u8]) -> &'a [u8] {
        match self {
            Upsampling::None => return plane.row(y as isize),
            Upsampling::H2 => twice_as_f32(isa, plane.row(y as isize), out),
            Upsampling::V2 => {
                let [near, far] = neighbours(plane, y);
                between(isa, near, far, 1 + (y % 2) as u16, out);
            }
            Upsampling::H2V2 => {
                let [near, far] = neighbours(plane, y);
                sums.resize(near.len(), 0);
                weighted(isa, near, far, sums);
                twice_as_f32_sums(isa, sums, out);
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

multiversion! {
    fn between<A>(near: &[u8], far: &[u8], bias: u16, out: &mut [u8]) {
        for (out, (&near, &far)) in out.iter_mut().zip(near.iter().zip(far)) {
            *out = ((u16::from(near) * 3 + u16::from(far) + bias) >> 2) as u8;
        }
    }
}

multiversion! {
    fn weighted<A>(near: &[u8], far: &[u8], sums: &mut [u16]) {
        for (sum, (&near, &far)) in sums.iter_mut().zip(near.iter().zip(far)) {
            *sum = u16::from(near) * 3 + u16::from(far);
        }
    }
}

multiversion! {
    /// `x` has at least three samples, as [`Upsampling::choose`] has it.
    fn twice_as_f32<A>(x: &[u8], out: &mut [u8]) {
        let (wide, last) = (|x: u8| u16::from(x), x.len() - 1);
        let out = &mut out.as_chunks_mut::<2>().0[..x.len()];
        out[0] = [x[0], ((wide(x[0]) * 3 + wide(x[1]) + 2) >> 2) as u8];
        out[last] = [((wide(x[last]) * 3 + wide(x[last - 1]) + 1) >> 2) as u8, x[last]];
        for (out, ((&a, &b), &c)) in out[1..last].iter_mut().zip(x.iter().zip(&x[1..]).zip(&x[2..])) {
            *out = [((wide(b) * 3 + wide(a) + 1) >> 2) as u8, ((wide(b) * 3 + wide(c) + 2) >> 2) as u8];
        }
    }
}

multiversion! {
    /// [`twice_as_f32`] of sums that are four times a sample.
    fn twice_as_f32_sums<A>(x: &[u16], out: &mut [u8]) {
        let last = x.len() - 1;
        let out = &mut out.as_chunks_mut::<2>().0[..x.len()];
        out[0] = [((x[0] * 4 + 8) >> 4) as u8, ((x[0] * 3 + x[1] + 7) >> 4) as u8];
        out[last] = [((x[last] * 3 + x[last - 1] + 8) >> 4) as u8, ((x[last] * 4 + 7) >> 4) as u8];
        for (out, ((&a, &b), &c)) in out[1..last].iter_mut().zip(x.iter().zip(&x[1..]).zip(&x[2..])) {
            *out = [((b * 3 + a + 8) >> 4) as u8, ((b * 3 + c + 7) >> 4) as u8];
        }
    }
}
