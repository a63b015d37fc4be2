//! The optimizers on the GPU: one table of segments and chunks, which the device keeps, and two launches over it.

use super::table::{RATE, STATES, STEPS};
use super::{Rule, Table, describe_gradient, describe_rate};
use crate::cuda::io::DevicePointer;
use crate::cuda::launch::{Argument, Grid, THREADS};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;

static SOURCE: Source = Source { name: "optimizer", text: include_str!("../cuda/kernels/optimizer.cu") };

/// Elements that a block takes, about: enough blocks for a large GPU where there are millions of elements.
const CHUNK: u64 = 8 * 1024;

/// `Settings` of `optimizer.cu`; an optimizer leaves at 0 what it does not know.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Settings {
    pub momentum: f64,
    pub square_momentum: f64,
    pub eps: f64,
    pub alpha: f64,
    pub k: u32,
    pub rectify: u32,
    pub dampening: u32,
    pub nesterov: u32,
}

impl Argument for Settings {}

/// `Step` of `optimizer.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Step {
    rate: DevicePointer,
    steps: DevicePointer,
    states: [DevicePointer; 3],
    segments: DevicePointer,
    chunks: DevicePointer,
    scalars: DevicePointer,
    means: DevicePointer,
    chunk_count: u64,
    calls: u64,
}

impl Argument for Step {}

/// Bytes of `Scalars` of `optimizer.cu`.
const SCALARS: usize = 48;

/// `Segment` of `optimizer.cu`: a parameter that takes part.
#[derive(Clone, Copy, Default)]
struct Entry {
    parameter: DevicePointer,
    gradient: DevicePointer,
    /// Of its first element in the states.
    offset: u64,
    len: u64,
    /// Elements that stay together.
    row: u64,
    /// Where the means of its rows begin.
    means: u64,
    rate_scale: f64,
    weight_decay: f64,
    /// In the whole table.
    index: u64,
}

impl Entry {
    const WORDS: usize = 9;

    fn words(&self) -> [u64; Entry::WORDS] {
        let Entry { parameter, gradient, offset, len, row, means, rate_scale, weight_decay, index } = *self;
        [parameter, gradient, offset, len, row, means, rate_scale.to_bits(), weight_decay.to_bits(), index]
    }
}

/// What a step's launches walk over.
#[derive(Default)]
struct Walk {
    segments: Vec<Entry>,
    /// `Chunk`s of `optimizer.cu`: segment, first element, elements.
    chunks: Vec<[u64; 3]>,
    /// Rows whose mean is taken.
    means: u64,
}

impl Walk {
    /// Adds a segment that takes part, and says where the means of its rows begin.
    fn add(&mut self, entry: Entry) {
        let Entry { len, row, .. } = entry;
        let segment = self.segments.len() as u64;
        self.segments.push(Entry { means: self.means, ..entry });
        if row > 1 {
            self.means += len / row;
        }
        let most = row * (CHUNK / row).max(1);
        // One without elements has a chunk too, which counts its step.
        for first in (0..len.max(1)).step_by(most as usize) {
            self.chunks.push([segment, first, most.min(len - first)]);
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let words = self.segments.iter().flat_map(Entry::words).chain(self.chunks.iter().flatten().copied());
        words.flat_map(u64::to_ne_bytes).collect()
    }
}

/// Enqueues a step; `name` is that of the optimizer's kernels.
pub fn step<R: Rule<N>, const N: usize>(
    name: &str,
    rule: &R,
    settings: Settings,
    table: &Table,
    io: &CudaIo,
    cuda: &CudaContext,
) -> Result<()> {
    let (op, mut walk, mut offset) = (io.name(), Walk::default(), 0);
    for (index, segment) in table.segments.iter().enumerate() {
        let parameter = STATES + N + 2 * index;
        let shape = io.meta(parameter).shape;
        if io.has(parameter + 1) && !segment.frozen {
            walk.add(Entry {
                parameter: io.in_place(parameter),
                gradient: io.input(parameter + 1),
                offset,
                len: shape.len() as u64,
                row: rule.together(shape) as u64,
                means: 0,
                rate_scale: segment.rate_scale,
                weight_decay: segment.weight_decay,
                index: index as u64,
            });
        }
        offset += shape.len() as u64;
    }
    let segments = if walk.segments.is_empty() { 0 } else { cuda.table(op, &walk.bytes())? };
    let scalar_bytes = walk.segments.len() * SCALARS;
    let scalars = cuda.scratch(op, scalar_bytes + walk.means as usize * size_of::<f32>())?;
    let state = |i: usize| if i < N && io.has(STATES + i) { io.in_place(STATES + i) } else { 0 };
    let step = Step {
        rate: io.input(RATE),
        steps: io.in_place(STEPS),
        states: [state(0), state(1), state(2)],
        segments,
        chunks: segments + (walk.segments.len() * Entry::WORDS * size_of::<u64>()) as u64,
        scalars,
        means: scalars + scalar_bytes as u64,
        chunk_count: walk.chunks.len() as u64,
        calls: table.segments.len() as u64,
    };
    let (grid, fault) = (Grid::line(walk.chunks.len(), THREADS), cuda.faults.of(op, describe));
    cuda.launch(op, &SOURCE, &format!("{name}_look_f32"), grid, &args![settings, step, fault])?;
    cuda.launch(op, &SOURCE, &format!("{name}_update_f32"), grid, &args![step, fault])
}

/// The learning rate is looked at before all segments, so it has place 0.
fn describe(place: u32, what: u32) -> String {
    match place.checked_sub(1) {
        None => describe_rate(f32::from_bits(what) as f64),
        Some(segment) => describe_gradient(segment as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_whole_rows_and_hold_every_element_once() {
        let mut walk = Walk::default();
        for (len, row) in [(3 * CHUNK + 5, 1), (0, 1), (7, 1), (30 * 1000, 1000), (3 * 20_000, 20_000)] {
            walk.add(Entry { len, row, ..Entry::default() });
        }
        let mut next = vec![0; walk.segments.len()];
        for &[segment, first, len] in &walk.chunks {
            let Entry { row, .. } = walk.segments[segment as usize];
            assert_eq!((first, first % row, len % row), (next[segment as usize], 0, 0));
            next[segment as usize] += len;
        }
        assert_eq!(next, walk.segments.iter().map(|segment| segment.len).collect::<Vec<_>>());
        assert_eq!(walk.segments.iter().map(|segment| segment.means).collect::<Vec<_>>(), [0, 0, 0, 0, 30]);
        assert_eq!((walk.chunks.len(), walk.means), (4 + 1 + 1 + 4 + 3, 33));
        assert_eq!(walk.bytes().len(), 8 * (9 * 5 + 3 * 13));
    }
}
