//! Blur pooling on the GPU: what `kernel.cu` is launched with.

use super::{BlurPool, BlurPoolBackward, BlurShape, four};
use crate::cuda::launch::{Argument, Grid, MOST_ROWS, THREADS};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::{Error, Result};

pub const SOURCE: Source = Source { name: "blur_pool", text: include_str!("kernel.cu") };

/// [`BlurShape`] as the kernels take it; the fields are those of `Sizes` in `kernel.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Sizes {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    taps: u32,
    stride: u32,
    pad_before: u32,
    reflect: u32,
}

impl Argument for Sizes {}

impl Sizes {
    pub fn new(op: &'static str, s: &BlurShape) -> Result<Sizes> {
        if let Some(size) = [s.n, s.h, s.w, s.c].into_iter().find(|&size| size >= 1 << 31) {
            return Err(Error::unsupported(op, format!("Expected sizes below 2^31 on CUDA, got {size}")));
        }
        let [n, h, w, c, oh, ow] = [s.n, s.h, s.w, s.c, s.oh, s.ow].map(|size| size as u32);
        let (taps, pad_before) = (s.taps as u32, s.pad_before as u32);
        Ok(Sizes { n, h, w, c, oh, ow, taps, stride: s.stride as u32, pad_before, reflect: u32::from(s.reflect) })
    }
}

/// A grid for `n` images of `rows` x `columns` pixels with `c` channels: threads side by side on channels, then on pixels.
pub fn grid(n: u32, rows: u32, columns: u32, c: u32) -> Grid {
    let across = c.next_power_of_two().min(THREADS);
    let pixels = THREADS / across;
    Grid {
        blocks: [columns.div_ceil(pixels), rows.min(MOST_ROWS as u32), n.min(MOST_ROWS as u32)],
        threads: [across, pixels, 1],
        shared: 0,
    }
}

pub fn forward(op: &BlurPool, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let sizes = Sizes::new(io.name(), &op.0.sizes(io.name(), four(io.meta(0)))?)?;
    launch("blur_pool", sizes, grid(sizes.n, sizes.oh, sizes.ow, sizes.c), io, cuda)
}

pub fn backward(op: &BlurPoolBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let sizes = Sizes::new(io.name(), &op.sizes(io.name(), io.meta(0))?)?;
    launch("blur_pool_backward", sizes, grid(sizes.n, sizes.h, sizes.w, sizes.c), io, cuda)
}

fn launch(name: &str, sizes: Sizes, grid: Grid, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    if io.output_meta(0).shape.is_empty() {
        return Ok(());
    }
    let kernel = format!("{name}_{}", io.meta(0).dtype);
    cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![io.input(0), io.output(0), sizes])
}
