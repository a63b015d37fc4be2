//! Batch normalisation on the GPU: what `kernel.cu` is launched with. Forward takes three launches (sums, statistics, y),
//! backward three (sums, gradients of the vectors, dx), or two with given statistics.

use super::running::UpdateRunningStats;
use super::{BatchNorm, BatchNormBackward, BatchNormEval, BatchNormEvalBackward, Settings};
use crate::cuda::io::DevicePointer;
use crate::cuda::launch::{Argument, Grid, THREADS};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::shape::Meta;

static SOURCE: Source = Source { name: "batch_norm", text: include_str!("kernel.cu") };

/// Blocks that sum, and blocks that write: a few for each processor of a large GPU. Constants, as the order of the sums
/// follows from them.
const SUM_BLOCKS: usize = 528;
const WRITE_BLOCKS: usize = 1056;

/// Rows that a thread should have at least: where its block leaves sums behind, and where it writes.
const LEAST_ROWS: usize = 4;
const LEAST_WRITTEN: usize = 2;

/// Bytes that a thread moves at a time where it can: `Few` of `kernel.cu`.
const ACCESS: usize = 8;

/// Threads side by side on channels, at most.
const MOST_ACROSS: usize = 32;

/// `SLICES` and the channels of a block of `kernel.cu`, where the partial sums are added up.
const TOGETHER: [u32; 3] = [32, 32, 1];

/// `Sizes` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Sizes {
    rows: u64,
    channels: u32,
    tiles: u32,
    blocks: u32,
    activation: u32,
    eps: f32,
    wide: u32,
}

impl Argument for Sizes {}

/// `Vectors` of `kernel.cu`: weight, bias, mean, variance.
#[derive(Clone, Copy)]
#[repr(C)]
struct Vectors([DevicePointer; 4]);

impl Argument for Vectors {}

/// `Average` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Average {
    momentum: f64,
    unbiased: f64,
}

impl Argument for Average {}

/// One launch after the other over the same tensors.
struct Launches<'a> {
    op: &'static str,
    cuda: &'a CudaContext,
    settings: Settings,
    x: Meta,
    wide: bool,
}

impl<'a> Launches<'a> {
    /// `tensors` are those that are accessed several values at a time where all allow it.
    fn new(io: &CudaIo, cuda: &'a CudaContext, settings: Settings, x: Meta, tensors: &[DevicePointer]) -> Launches<'a> {
        let row_bytes = x.shape.last() * x.dtype.size();
        let wide = row_bytes.is_multiple_of(ACCESS)
            && tensors.iter().all(|pointer| pointer.is_multiple_of(ACCESS as DevicePointer));
        Launches { op: io.name(), cuda, settings, x, wide }
    }

    fn channels(&self) -> usize {
        self.x.shape.last()
    }

    fn rows(&self) -> usize {
        self.x.shape.len() / self.channels()
    }

    /// Blocks for all rows and channels, about `most` at most, whose threads have `least` rows where there are enough.
    fn layout(&self, most: usize, least: usize) -> (Sizes, Grid) {
        let step = if self.wide { ACCESS / self.x.dtype.size() } else { 1 };
        let across = self.channels().div_ceil(step).next_power_of_two().min(MOST_ACROSS);
        let below = THREADS as usize / across;
        let tiles = self.channels().div_ceil(across * step);
        let blocks = self.rows().div_ceil(below * least).min(most / tiles).max(1);
        let sizes = Sizes {
            rows: self.rows() as u64,
            channels: self.channels() as u32,
            tiles: tiles as u32,
            blocks: blocks as u32,
            activation: self.settings.activation as u32,
            eps: self.settings.eps as f32,
            wide: u32::from(self.wide),
        };
        let grid = Grid::line(tiles * blocks, THREADS);
        (sizes, Grid { threads: [across as u32, below as u32, 1], ..grid })
    }

    /// Blocks that sum over the rows, and room for what they leave behind.
    fn sums(&self) -> Result<(Sizes, Grid, DevicePointer)> {
        let (sizes, grid) = self.layout(SUM_BLOCKS, LEAST_ROWS);
        let bytes = sizes.blocks as usize * 2 * self.channels() * size_of::<f64>();
        Ok((sizes, grid, self.cuda.scratch(self.op, bytes)?))
    }

    fn together(&self) -> Grid {
        Grid { threads: TOGETHER, ..Grid::line(self.channels().div_ceil(TOGETHER[0] as usize), 1) }
    }

    /// The name of a kernel for the dtype of x.
    fn kernel(&self, name: &str) -> String {
        format!("batch_norm_{name}_{}", self.x.dtype)
    }

    fn statistics(&self, x: DevicePointer, mean: DevicePointer, variance: DevicePointer) -> Result<()> {
        let (sizes, grid, partial) = self.sums()?;
        let name = self.kernel("statistics");
        self.cuda.launch(self.op, &SOURCE, &name, grid, &args![x, partial, sizes])?;
        let arguments = args![x, partial, mean, variance, sizes];
        self.cuda.launch(self.op, &SOURCE, &self.kernel("finish_statistics"), self.together(), &arguments)
    }

    fn normalise(&self, x: DevicePointer, of: Vectors, residual: DevicePointer, y: DevicePointer) -> Result<()> {
        let (sizes, grid) = self.layout(WRITE_BLOCKS, LEAST_WRITTEN);
        let arguments = args![x, of, residual, y, sizes];
        self.cuda.launch(self.op, &SOURCE, &self.kernel("normalise"), grid, &arguments)
    }
}

fn vectors(io: &CudaIo, first: usize) -> Vectors {
    Vectors([0, 1, 2, 3].map(|i| io.input(first + i)))
}

pub(super) fn forward(op: &BatchNorm, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let x = io.meta(0);
    if x.shape.is_empty() {
        return Ok(());
    }
    let (residual, y, [mean, variance]) = (io.optional(3), io.output(0), [1, 2].map(|i| io.output(i)));
    let launches = Launches::new(io, cuda, op.0, x, &[io.input(0), residual, y]);
    launches.statistics(io.input(0), mean, variance)?;
    launches.normalise(io.input(0), Vectors([io.input(1), io.input(2), mean, variance]), residual, y)
}

pub(super) fn eval(op: &BatchNormEval, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let x = io.meta(0);
    if x.shape.is_empty() {
        return Ok(());
    }
    let (residual, y) = (io.optional(5), io.output(0));
    let launches = Launches::new(io, cuda, op.0, x, &[io.input(0), residual, y]);
    launches.normalise(io.input(0), vectors(io, 1), residual, y)
}

pub(super) fn backward(op: &BatchNormBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    gradients(op.0, true, io, cuda)
}

pub(super) fn eval_backward(op: &BatchNormEvalBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    gradients(op.0, false, io, cuda)
}

/// `batch` says that the statistics are those of x itself, so that their gradients count.
fn gradients(settings: Settings, batch: bool, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let meta = io.meta(1);
    if meta.shape.last() == 0 {
        return Ok(());
    }
    let (dy, x, residual) = (io.input(0), io.input(1), io.optional(6));
    let [dx, dweight, dbias] = [0, 1, 2].map(|i| io.output(i));
    let dresidual = if io.has(6) { io.output(3) } else { 0 };
    let (of, op) = (vectors(io, 2), io.name());
    let launches = Launches::new(io, cuda, settings, meta, &[dy, x, residual, dx, dresidual]);

    let (sizes, grid, partial) = launches.sums()?;
    let dx_at_once: DevicePointer = if batch { 0 } else { dx };
    let arguments = args![dy, x, residual, of, dresidual, dx_at_once, partial, sizes];
    cuda.launch(op, &SOURCE, &launches.kernel("gradient_sums"), grid, &arguments)?;
    let (grid, finish) = (launches.together(), "batch_norm_finish_gradients");
    cuda.launch(op, &SOURCE, finish, grid, &args![partial, io.input(5), dweight, dbias, sizes])?;
    if !batch {
        return Ok(());
    }
    let (sizes, grid) = launches.layout(WRITE_BLOCKS, LEAST_WRITTEN);
    let name = launches.kernel("write_dx");
    if dresidual != 0 && meta.dtype == Dtype::F32 {
        // dz is there already, and exactly; in bf16 it was rounded.
        let (sizes, none): (_, DevicePointer) = (Sizes { activation: 0, ..sizes }, 0);
        return cuda.launch(op, &SOURCE, &name, grid, &args![dresidual, x, none, of, dweight, dbias, dx, sizes]);
    }
    cuda.launch(op, &SOURCE, &name, grid, &args![dy, x, residual, of, dweight, dbias, dx, sizes])
}

pub(super) fn update_running_stats(op: &UpdateRunningStats, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let channels = io.meta(0).shape.len() as u64;
    if channels == 0 {
        return Ok(());
    }
    let grid = Grid::line(1, channels.next_multiple_of(32).min(1024) as u32);
    let average = Average { momentum: op.momentum, unbiased: op.unbiased() };
    let (running, batch) = ([0, 1].map(|i| io.in_place(i)), [2, 3].map(|i| io.input(i)));
    let fault = cuda.faults.seen();
    let arguments = args![running[0], running[1], batch[0], batch[1], channels, average, fault];
    cuda.launch(io.name(), &SOURCE, "update_running_stats_f32", grid, &arguments)
}
