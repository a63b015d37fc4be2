//! Coefficients to samples: one plane a component.

use super::frame::{BLOCK, Component, Frame};
use super::idct::transform_row;
use super::smoothing::Smoothing;
use super::upsample::Upsampling;
use crate::cpu::isa::Isa;
use crate::image::decode::Stop;
use crate::image::limits::Refusal;
use crate::image::zeroed;

/// The samples of one component.
pub struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// Samples that belong to the image.
    pub width: usize,
    pub height: usize,
    pub upsampling: Upsampling,
}

impl Plane {
    /// A row of samples; one outside the image is the nearest inside.
    pub fn row(&self, row: isize) -> &[u8] {
        let row = row.clamp(0, self.height as isize - 1) as usize;
        &self.samples[row * self.stride..][..self.width]
    }
}

/// Transforms the rows of blocks that a frame holds of row `row` of units.
pub fn transform_rows(isa: Isa, frame: &mut Frame, row: usize) {
    for component in &mut frame.components {
        let table = component.quantization.as_ref().expect("the scan has every component");
        let stride = component.blocks_across * 8;
        let coefficients = component.coefficients.chunks_exact(component.blocks_across * BLOCK);
        let rows = component.samples.chunks_exact_mut(stride * 8).skip(row * coefficients.len());
        for (coefficients, rows) in coefficients.zip(rows) {
            transform_row(isa, coefficients, table, stride, rows);
        }
        component.coefficients.fill(0);
    }
}

/// The samples of every component; a component's coefficients are freed once it is done.
pub fn reconstruct(isa: Isa, frame: Frame, smoothing: Option<Smoothing>, stop: Stop) -> Result<Vec<Plane>, Refusal> {
    let (h, v) = (frame.h, frame.v);
    let mut planes = Vec::new();
    for (number, mut component) in frame.components.into_iter().enumerate() {
        let stride = component.blocks_across * 8;
        if !frame.row_wise {
            component.samples = samples(isa, &component, smoothing.as_ref(), number, stop)?;
            component.coefficients = Vec::new();
        }
        let upsampling = Upsampling::choose(h / component.h, v / component.v, component.width);
        let Component { samples, width, height, .. } = component;
        planes.push(Plane { samples, stride, width, height, upsampling });
    }
    Ok(planes)
}

fn samples(
    isa: Isa,
    component: &Component,
    smoothing: Option<&Smoothing>,
    number: usize,
    stop: Stop,
) -> Result<Vec<u8>, Refusal> {
    let stride = component.blocks_across * 8;
    let mut samples = zeroed(component.padded())?;
    let Some(table) = &component.quantization else {
        // No scan had it: libjpeg takes its coefficients for zero.
        samples.fill(128);
        return Ok(samples);
    };
    let mut smoothed = Vec::new();
    let rows = component.coefficients.chunks_exact(component.blocks_across * BLOCK);
    for (row, (coefficients, samples)) in rows.zip(samples.chunks_exact_mut(stride * 8)).enumerate() {
        if stop() {
            return Err(Refusal::Stopped);
        }
        let coefficients = match smoothing {
            None => coefficients,
            Some(smoothing) => smoothing.row(component, number, row, &mut smoothed),
        };
        transform_row(isa, coefficients, table, stride, samples);
    }
    Ok(samples)
}
