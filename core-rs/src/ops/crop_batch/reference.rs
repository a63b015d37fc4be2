//! The definition, pixel by pixel. Only the tests run it: the op has no f64 side, as its values are bytes and noise.

use super::{CropBatch, Images, NOISE, Rect};
use crate::random::{normal_pair, philox};

/// The whole batch.
pub fn run(op: &CropBatch, images: &Images) -> Vec<f32> {
    let size = op.size;
    let mut y = Vec::new();
    for &number in images.index {
        let (pixels, [h, w]) = images.image(number as usize);
        let plan = op.plan(number as u32, [h, w]);
        for row in 0..size {
            for column in 0..size {
                for channel in 0..3 {
                    let from = if plan.mirrored { size - 1 - column } else { column };
                    let mut value = resized(pixels, w, plan.window, size, [row, from, channel]) as f32 / 255.0;
                    for (b, rect) in plan.boxes().iter().enumerate() {
                        if let Some(element) = element_of(*rect, [row, column, channel]) {
                            value = noise(op.key, number as u32, b as u32, element);
                        }
                    }
                    y.push(value);
                }
            }
        }
    }
    y
}

/// The place of an element within a box.
fn element_of(rect: Rect, [row, column, channel]: [usize; 3]) -> Option<usize> {
    let (down, across) = (row.checked_sub(rect.top)?, column.checked_sub(rect.left)?);
    (down < rect.height && across < rect.width).then_some((down * rect.width + across) * 3 + channel)
}

fn noise(key: [u32; 2], number: u32, b: u32, element: usize) -> f32 {
    let u = philox(key, [number, (element / 4) as u32, NOISE, b]);
    let first = element % 4 / 2 * 2;
    normal_pair(u[first], u[first + 1])[element % 2] as f32
}

/// One sample of the resized window: PIL's two passes, both rounded to 8 bits.
fn resized(pixels: &[u8], w: usize, window: Rect, size: usize, [row, column, channel]: [usize; 3]) -> u8 {
    let at = |y: usize, x: usize| pixels[((window.top + y) * w + window.left + x) * 3 + channel];
    let across = |y: usize| rounded(weights(window.width, size, column).map(|(x, weight)| (at(y, x), weight)));
    let down = |x: usize| rounded(weights(window.height, size, row).map(|(y, weight)| (at(y, x), weight)));
    // Pillow 13 goes down first where that shortens the image by far the most.
    let shorter = window.height as i64 - size as i64;
    if shorter > 0 && shorter > 2 * (window.width as i64 - size as i64) {
        rounded(weights(window.width, size, column).map(|(x, weight)| (down(x), weight)))
    } else {
        rounded(weights(window.height, size, row).map(|(y, weight)| (across(y), weight)))
    }
}

fn rounded(terms: impl Iterator<Item = (u8, i64)>) -> u8 {
    let sum: i64 = terms.map(|(value, weight)| i64::from(value) * weight).sum();
    ((sum + (1 << 21)) >> 22).clamp(0, 255) as u8
}

/// The input samples of an output sample and their weights, times 2^22.
fn weights(input: usize, output: usize, at: usize) -> impl Iterator<Item = (usize, i64)> {
    let scale = input as f64 / output as f64;
    let support = scale.max(1.0);
    let center = (at as f64 + 0.5) * scale;
    let (start, end) = ((center - support + 0.5).max(0.0) as usize, ((center + support + 0.5) as usize).min(input));
    let weight = move |x: usize| (1.0 - ((x as f64 - center + 0.5) * (1.0 / support)).abs()).max(0.0);
    let sum: f64 = (start..end).map(weight).sum();
    (start..end).map(move |x| (x, (weight(x) / sum * 4_194_304.0 + 0.5) as i64))
}
