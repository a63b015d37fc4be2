//! Antialiased bilinear resize: PIL's `Image.resize(size, BILINEAR)`, bit for bit (`Resample.c`).
//!
//! Two passes, one along each axis, with rounding to 8 bits between. The weights are those of a triangle that is as
//! wide as the reduction, in 22-bit fixed point.

use super::limits::Limits;
use super::{CHANNELS, Image, zeroed};
use crate::cpu::isa::Isa;

/// Fraction bits of a weight: 8 bits of a sample and a sign fit beside them.
const FRACTION: u32 = 22;

/// What is added before the fraction is cut off.
const HALF: i32 = 1 << (FRACTION - 1);

/// Part of an image.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    /// From the window's first pixel on.
    pub pixels: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    pub height: usize,
    pub width: usize,
}

impl<'a> Window<'a> {
    /// `height` x `width` pixels from (`top`, `left`) on, of an image `row` pixels wide.
    pub fn new(pixels: &'a [u8], row: usize, [top, left]: [usize; 2], [height, width]: [usize; 2]) -> Window<'a> {
        let pixels = &pixels[(top * row + left) * CHANNELS..];
        Window { pixels, stride: row * CHANNELS, height, width }
    }

    fn row(&self, row: usize) -> &'a [u8] {
        &self.pixels[row * self.stride..][..self.width * CHANNELS]
    }
}

/// Buffers that are kept from image to image.
#[derive(Default)]
pub struct Resizer {
    down: Weights,
    taps: Taps,
    between: Vec<u8>,
    gathered: Vec<u8>,
    sums: Vec<i32>,
}

/// How each output sample is made of input samples along one axis.
#[derive(Default)]
struct Weights {
    /// The first input sample of each, and how many.
    spans: Vec<(usize, usize)>,
    /// `most` for each.
    weights: Vec<i32>,
    most: usize,
    sizes: [usize; 2],
}

impl Weights {
    /// PIL's `precompute_coeffs` with the triangle filter, and `normalize_coeffs_8bpc`.
    fn set(&mut self, input: usize, output: usize) {
        if self.sizes == [input, output] {
            return;
        }
        let scale = input as f64 / output as f64;
        let support = scale.max(1.0);
        self.sizes = [input, output];
        self.most = support.ceil() as usize * 2 + 1;
        self.spans.clear();
        self.weights.clear();
        self.weights.resize(output * self.most, 0);
        let mut exact = vec![0.0; self.most];
        for (at, weights) in self.weights.chunks_exact_mut(self.most).enumerate() {
            let center = (at as f64 + 0.5) * scale;
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(input);
            let exact = &mut exact[..end - start];
            for (i, weight) in exact.iter_mut().enumerate() {
                let distance = (i as f64 + start as f64 - center + 0.5) * (1.0 / support);
                *weight = (1.0 - distance.abs()).max(0.0);
            }
            let sum: f64 = exact.iter().sum();
            for (weight, &exact) in weights.iter_mut().zip(exact.iter()) {
                *weight = (exact / sum * f64::from(1 << FRACTION) + 0.5) as i32;
            }
            self.spans.push((start, end - start));
        }
    }

    fn of(&self, at: usize) -> (usize, &[i32]) {
        let (start, count) = self.spans[at];
        (start, &self.weights[at * self.most..][..count])
    }
}

/// Weights along a row, tap by tap, so that one loop goes over all samples of the output.
#[derive(Default)]
struct Taps {
    of: Weights,
    /// For each tap, the input pixel of each output pixel.
    pixels: Vec<u32>,
    /// For each tap, the weight of each output sample, 0 where an output pixel has fewer taps.
    weights: Vec<i32>,
}

impl Taps {
    fn set(&mut self, input: usize, output: usize) {
        if self.of.sizes == [input, output] {
            return;
        }
        self.of.set(input, output);
        self.pixels.clear();
        self.weights.clear();
        // Of more taps than output pixels these are not used.
        let most = if self.of.most > output { 0 } else { self.of.most };
        for tap in 0..most {
            for x in 0..output {
                let (start, weights) = self.of.of(x);
                let weight = weights.get(tap).copied();
                self.pixels.push(start as u32 + weight.map_or(0, |_| tap as u32));
                self.weights.extend([weight.unwrap_or(0); CHANNELS]);
            }
        }
    }
}

impl Resizer {
    /// Resizes a window to `height` x `width`; `out` has as many pixels.
    pub fn resize(&mut self, isa: Isa, from: Window, [height, width]: [usize; 2], out: &mut [u8]) {
        assert_eq!(out.len(), height * width * CHANNELS, "the caller sizes the output");
        assert!(from.height > 0 && from.width > 0 && height > 0 && width > 0, "sizes are checked where they come from");
        let mut between = std::mem::take(&mut self.between);
        let row = width * CHANNELS;
        // A pass that would change nothing is left out, and the order is as in Pillow 13 (before: always across first).
        if from.width == width && from.height == height {
            out.chunks_exact_mut(row).enumerate().for_each(|(y, out)| out.copy_from_slice(from.row(y)));
        } else if from.height == height {
            self.resize_across(isa, from, out, width);
        } else if from.width == width {
            self.resize_down(isa, from, out, height);
        } else if from.height > height && from.height - height > from.width.saturating_sub(width) * 2 {
            between.resize(height * from.width * CHANNELS, 0);
            self.resize_down(isa, from, &mut between, height);
            let window = Window { pixels: &between, stride: from.width * CHANNELS, height, width: from.width };
            self.resize_across(isa, window, out, width);
        } else {
            between.resize(from.height * row, 0);
            self.resize_across(isa, from, &mut between, width);
            self.resize_down(isa, Window { pixels: &between, stride: row, height: from.height, width }, out, height);
        }
        self.between = between;
    }

    fn resize_across(&mut self, isa: Isa, from: Window, out: &mut [u8], width: usize) {
        let row = width * CHANNELS;
        self.taps.set(from.width, width);
        if self.taps.of.most > width {
            return (out.chunks_exact_mut(row).enumerate())
                .for_each(|(y, out)| few_pixels(isa, from.row(y), &self.taps.of, out));
        }
        self.sums.resize(row, 0);
        self.gathered.resize(row, 0);
        for (y, out) in out.chunks_exact_mut(row).enumerate() {
            self.sums.fill(HALF);
            for (pixels, weights) in self.taps.pixels.chunks_exact(width).zip(self.taps.weights.chunks_exact(row)) {
                add_tap(isa, from.row(y), pixels, weights, &mut self.gathered, &mut self.sums);
            }
            cut_off(isa, &self.sums, out);
        }
    }

    fn resize_down(&mut self, isa: Isa, from: Window, out: &mut [u8], height: usize) {
        let row = from.width * CHANNELS;
        self.down.set(from.height, height);
        self.sums.resize(row, 0);
        for (y, out) in out.chunks_exact_mut(row).enumerate() {
            let (start, weights) = self.down.of(y);
            self.sums.fill(HALF);
            for (i, &weight) in weights.iter().enumerate() {
                add_row(isa, from.row(start + i), weight, &mut self.sums);
            }
            cut_off(isa, &self.sums, out);
        }
    }
}

multiversion! {
    /// A row of fewer pixels than there are taps, pixel by pixel.
    fn few_pixels<A>(from: &[u8], weights: &Weights, out: &mut [u8]) {
        let from = from.as_chunks::<CHANNELS>().0;
        for (x, out) in out.as_chunks_mut::<CHANNELS>().0.iter_mut().enumerate() {
            let (start, weights) = weights.of(x);
            let mut sums = [HALF; CHANNELS];
            for (pixel, &weight) in from[start..start + weights.len()].iter().zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            *out = sums.map(|sum| (sum >> FRACTION).clamp(0, 255) as u8);
        }
    }
}

multiversion! {
    /// Adds what one input pixel of each output pixel gives, `pixels` and `weights` being those of one tap.
    fn add_tap<A>(from: &[u8], pixels: &[u32], weights: &[i32], gathered: &mut [u8], sums: &mut [i32]) {
        let from = from.as_chunks::<CHANNELS>().0;
        for (pixel, &at) in gathered.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(pixels) {
            *pixel = from[at as usize];
        }
        for ((sum, &value), &weight) in sums.iter_mut().zip(&*gathered).zip(weights) {
            *sum += i32::from(value) * weight;
        }
    }
}

multiversion! {
    fn add_row<A>(from: &[u8], weight: i32, sums: &mut [i32]) {
        sums.iter_mut().zip(from).for_each(|(sum, &value)| *sum += i32::from(value) * weight);
    }
}

multiversion! {
    fn cut_off<A>(sums: &[i32], out: &mut [u8]) {
        out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = (sum >> FRACTION).clamp(0, 255) as u8);
    }
}

/// Height and width once the short side is `size`, the other rounded as Python does (halves to even).
pub fn short_side([height, width]: [usize; 2], size: usize) -> [usize; 2] {
    let ratio = size as f64 / height.min(width) as f64;
    [height, width].map(|side| size.max((side as f64 * ratio).round_ties_even() as usize))
}

/// The image with its short side at `size`; 0 leaves it as it is.
pub fn to_short_side(isa: Isa, resizer: &mut Resizer, image: Image, size: usize) -> Result<Image, String> {
    let wanted = short_side([image.height, image.width], size.max(1));
    if size == 0 || wanted == [image.height, image.width] {
        return Ok(image);
    }
    let [height, width] = wanted;
    Limits::default()
        .check_size(width, height)
        .map_err(|refusal| format!("A short side of {size} pixels makes it {width} x {height}: {refusal}"))?;
    let mut pixels = zeroed(height * width * CHANNELS)?;
    let window = Window::new(&image.pixels, image.width, [0, 0], [image.height, image.width]);
    resizer.resize(isa, window, wanted, &mut pixels);
    Ok(Image { height, width, pixels })
}

#[cfg(test)]
#[path = "resize_tests.rs"]
mod tests;
