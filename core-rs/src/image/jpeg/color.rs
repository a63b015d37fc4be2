//! Components to RGB: libjpeg's `jdcolor.c` in 16-bit fixed point, and PIL's conversion of CMYK.

use super::frame::Color;
use super::planes::Plane;
use crate::cpu::isa::Isa;
use crate::image::CHANNELS;
use crate::image::decode::Stop;
use crate::image::limits::Refusal;

/// Fills `pixels`, row by row.
pub fn assemble(
    isa: Isa,
    color: Color,
    planes: &[Plane],
    width: usize,
    pixels: &mut [u8],
    stop: Stop,
) -> Result<(), Refusal> {
    // Upsampling by up to four may write a few samples more than the image has.
    let mut buffers = vec![vec![0; width + 8]; planes.len()];
    let mut sums = Vec::with_capacity(width);
    for (y, pixels) in pixels.chunks_exact_mut(width * CHANNELS).enumerate() {
        if y % 16 == 0 && stop() {
            return Err(Refusal::Stopped);
        }
        let mut rows: [&[u8]; 4] = [&[]; 4];
        for ((row, plane), buffer) in rows.iter_mut().zip(planes).zip(&mut buffers) {
            *row = &plane.upsampling.row(isa, plane, y, &mut sums, buffer)[..width];
        }
        let [a, b, c, d] = rows;
        match color {
            Color::Grey => {
                pixels.as_chunks_mut::<3>().0.iter_mut().zip(a).for_each(|(pixel, &grey)| *pixel = [grey; 3])
            }
            Color::Rgb => interleave(a, b, c, pixels),
            Color::YCbCr => from_ycc(isa, a, b, c, pixels),
            Color::Cmyk => {
                interleave(a, b, c, pixels);
                blacken(d, pixels);
            }
            Color::Ycck => {
                from_ycc(isa, a, b, c, pixels);
                // libjpeg makes C, M and Y as 255 minus R, G and B.
                pixels.iter_mut().for_each(|value| *value = 255 - *value);
                blacken(d, pixels);
            }
        }
    }
    Ok(())
}

fn interleave(a: &[u8], b: &[u8], c: &[u8], pixels: &mut [u8]) {
    for (pixel, ((&a, &b), &c)) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(a.iter().zip(b).zip(c)) {
        *pixel = [a, b, c];
    }
}

/// `x` times 2^16, rounded.
const fn fixed(x: f64) -> i32 {
    (x * 65536.0 + 0.5) as i32
}

const HALF: i32 = 1 << 15;

multiversion! {
    fn from_ycc<A>(y: &[u8], cb: &[u8], cr: &[u8], pixels: &mut [u8]) {
        for (pixel, ((&y, &cb), &cr)) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(y.iter().zip(cb).zip(cr)) {
            let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
            let red = y + ((fixed(1.402) * cr + HALF) >> 16);
            let green = y + ((-fixed(0.344_14) * cb - fixed(0.714_14) * cr + HALF) >> 16);
            let blue = y + ((fixed(1.772) * cb + HALF) >> 16);
            *pixel = [red, green, blue].map(|value| value.clamp(0, 255) as u8);
        }
    }
}

/// PIL's CMYK to RGB. The file holds 255 minus each ink (Adobe's habit, which PIL takes for granted).
fn blacken(key: &[u8], pixels: &mut [u8]) {
    for (pixel, &light) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(key) {
        for value in pixel {
            let product = u32::from(255 - *value) * u32::from(light) + 128;
            // product / 255, rounded
            *value = (u32::from(light)).saturating_sub(((product >> 8) + product) >> 8) as u8;
        }
    }
}
