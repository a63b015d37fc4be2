//! Launches over the pixels of images, NHWC: a thread a pixel and a few neighbouring channels of it.

use super::io::DevicePointer;
use super::launch::{Given, Grid, MOST_ROWS, THREADS};
use super::nvrtc::Source;
use super::{CudaContext, CudaIo};
use crate::dtype::Dtype;
use crate::error::{Error, Result};

/// Bytes that move in one access where everything is aligned to them: `Pack` of `kernels/common.cuh`.
const PACK: usize = 16;

/// `Few` of `kernels/common.cuh`.
const FEW: usize = 8;

/// Sizes as kernels take them that compute places along an axis in 32 bits.
pub fn below_2_31<const N: usize>(op: &'static str, sizes: [usize; N]) -> Result<[u32; N]> {
    match sizes.into_iter().find(|&size| size >= 1 << 31) {
        Some(size) => Err(Error::unsupported(op, format!("Expected sizes below 2^31 on CUDA, got {size}"))),
        None => Ok(sizes.map(|size| size as u32)),
    }
}

/// Whether the `c` channels of every image of a call can move 16 bytes at a time.
pub fn in_packs(io: &CudaIo, c: usize) -> bool {
    let (inputs, outputs) = ((0..io.inputs()).map(|i| io.input(i)), (0..io.outputs()).map(|i| io.output(i)));
    move_in_packs(io.meta(0).dtype, c, inputs.chain(outputs))
}

/// The same for some images of a call.
pub fn move_in_packs(dtype: Dtype, c: usize, addresses: impl IntoIterator<Item = DevicePointer>) -> bool {
    move_together(PACK, dtype, c, addresses)
}

/// The same 8 bytes at a time: the channels of one access, 1 where that cannot be.
pub fn few(dtype: Dtype, c: usize, addresses: impl IntoIterator<Item = DevicePointer>) -> usize {
    if move_together(FEW, dtype, c, addresses) { FEW / dtype.size() } else { 1 }
}

fn move_together(bytes: usize, dtype: Dtype, c: usize, addresses: impl IntoIterator<Item = DevicePointer>) -> bool {
    let together = addresses.into_iter().fold(0, |bits, address| bits | address);
    (c * dtype.size()).is_multiple_of(bytes) && together.is_multiple_of(bytes as u64)
}

impl Grid {
    /// Threads for `images` of `rows` x `columns` pixels, each with `lanes` side by side: lanes and pixels of a row in a
    /// block, rows along the grid's second axis, images along its third.
    pub fn pixels([images, rows, columns, lanes]: [usize; 4]) -> Grid {
        let across = lanes.next_power_of_two().min(THREADS as usize);
        let pixels = THREADS as usize / across;
        let blocks = [columns.div_ceil(pixels), rows.min(MOST_ROWS), images.min(MOST_ROWS)];
        Grid { blocks: blocks.map(|count| count as u32), threads: [across as u32, pixels as u32, 1], shared: 0 }
    }
}

impl CudaContext {
    /// Launches the kernel of an op and dtype, `<op>_<dtype>`, over the pixels of its first output; `wide` where channels
    /// move in packs.
    pub fn launch_pixels(&self, source: &'static Source, io: &CudaIo, wide: bool, args: &[Given]) -> Result<()> {
        let (shape, dtype) = (io.output_meta(0).shape, io.output_meta(0).dtype);
        if shape.is_empty() {
            return Ok(());
        }
        let [n, rows, columns, c]: [usize; 4] = shape.dims().try_into().expect("the shape rule gives images");
        let lanes = if wide { c / (PACK / dtype.size()) } else { c };
        let kernel = format!("{}_{dtype}", io.name());
        self.launch(io.name(), source, &kernel, Grid::pixels([n, rows, columns, lanes]), args)
    }
}
