//! Coefficients to samples: one plane a component.

use super::frame::{BLOCK, Component, Frame};
use super::idct::transform_row;
use super::upsample::Upsampling;
use crate::cpu::isa::Isa;
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

/// Transforms every component; a component's coefficients are freed once it is done.
pub fn reconstruct(isa: Isa, frame: Frame) -> Result<Vec<Plane>, String> {
    let (h, v) = (frame.h, frame.v);
    frame.components.into_iter().map(|component| plane(isa, component, h, v)).collect()
}

fn plane(isa: Isa, component: Component, h: usize, v: usize) -> Result<Plane, String> {
    let table = component.quantization.expect("the reader checked that every component has one");
    let stride = component.blocks_across * 8;
    let mut samples = zeroed(stride * component.blocks_down * 8)?;
    let coefficients = component.coefficients.chunks_exact(component.blocks_across * BLOCK);
    for (coefficients, rows) in coefficients.zip(samples.chunks_exact_mut(stride * 8)) {
        transform_row(isa, coefficients, &table, stride, rows);
    }
    let upsampling = Upsampling::choose(h / component.h, v / component.v, component.width);
    Ok(Plane { samples, stride, width: component.width, height: component.height, upsampling })
}
