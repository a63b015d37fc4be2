//! Squeeze-and-excitation on the GPU: what `kernel.cu` is launched with. Four launches forward: means, hidden layer, gates,
//! y; five backward: sums of dv x, gradients of the hidden layer, of the means and of the weights, dx. One launch for what
//! lies between the pixels would have a block an image, which leaves most of a large GPU idle.
//!
//! Where dv is not dy, the launch for the sums writes it, as the residual's gradient or else to dx, and that for dx reads it
//! back. So in bf16 dv is rounded before it is scaled, as it would be between ops apart; to compute it again would read
//! three tensors in the place of one.

use super::{Activations, Sizes, SqueezeExcitation, SqueezeExcitationBackward};
use crate::cuda::images::{below_2_31, few, move_in_packs};
use crate::cuda::io::DevicePointer;
use crate::cuda::launch::{Argument, Grid, MOST_ROWS};
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::ops::activation::Activation;
use crate::shape::Meta;

static SOURCE: Source = Source { name: "squeeze_excitation", text: include_str!("kernel.cu") };

/// `LANES` and `DEEP` of `kernel.cu`: threads of a block that sums over pixels.
const SUMS: [u32; 3] = [8, 32, 1];

/// `WARP_SIZE` and `DEEP` of `kernel.cu`: threads of a block that sums over channels.
const CHANNELS: [u32; 3] = [32, 32, 1];

/// `IMAGES` of `kernel.cu`.
const IMAGES: usize = 4;

/// As `Sizes` of `kernel.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Given {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    r: u32,
    activation: u32,
    end: u32,
    wide: u32,
}

impl Argument for Given {}

/// One launch after the other.
struct Launches<'a> {
    io: &'a CudaIo<'a>,
    sizes: Sizes,
    dtype: Dtype,
    given: Given,
}

impl<'a> Launches<'a> {
    /// Over x and, where it is backward, over images like it: `images` are where all of them are.
    fn new(
        io: &'a CudaIo<'a>,
        [x, w1]: [Meta; 2],
        activations: Activations,
        images: &[DevicePointer],
    ) -> Result<Launches<'a>> {
        let (sizes, dims) = (Sizes::new(x, w1), x.shape.dims());
        let [n, h, w, c, r] = below_2_31(io.name(), [dims[0], dims[1], dims[2], dims[3], sizes.r])?;
        let wide = u32::from(move_in_packs(x.dtype, sizes.c, images.iter().copied()));
        let Activations { hidden, end } = activations;
        let given = Given { n, h, w, c, r, activation: hidden as u32, end: end as u32, wide };
        Ok(Launches { io, sizes, dtype: x.dtype, given })
    }

    /// Blocks that each sum some channels over the pixels of an image.
    fn sums(&self) -> Grid {
        self.sums_of(if self.given.wide != 0 { 16 / self.dtype.size() } else { 1 })
    }

    /// The same with `step` channels a thread.
    fn sums_of(&self, step: usize) -> Grid {
        let tiles = self.sizes.c.div_ceil(SUMS[0] as usize * step);
        Grid { blocks: [tiles as u32, self.sizes.n.min(MOST_ROWS) as u32, 1], threads: SUMS, shared: 0 }
    }

    /// For the kernels that end in a residual or an activation: channels a thread, and sizes that say so.
    fn end(&self, images: &[DevicePointer]) -> (usize, Given) {
        let step = few(self.dtype, self.sizes.c, images.iter().copied());
        (step, Given { wide: u32::from(step > 1), ..self.given })
    }

    /// Images that share what is read of the weights.
    fn groups(&self) -> usize {
        self.sizes.n.div_ceil(IMAGES)
    }

    /// A warp for each of `channels` of a group of images.
    fn warps(&self, channels: usize) -> Grid {
        Grid::elements(32 * self.groups() * channels)
    }

    /// Blocks that each sum some hidden channels over the channels of a group of images.
    fn hidden(&self) -> Grid {
        let (tiles, groups) = (self.sizes.r.div_ceil(CHANNELS[0] as usize), self.groups().min(MOST_ROWS));
        Grid { blocks: [tiles as u32, groups as u32, 1], threads: CHANNELS, shared: 0 }
    }

    fn kernel(&self, name: &str) -> String {
        format!("{}_{name}_{}", self.io.name(), self.dtype)
    }
}

pub fn forward(op: &SqueezeExcitation, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let [y, pooled, hidden, gate] = [0, 1, 2, 3].map(|index| io.output(index));
    let [x, w1, b1, w2, b2] = [0, 1, 2, 3, 4].map(|index| io.input(index));
    let residual = io.optional(5);
    let launches = Launches::new(io, [io.meta(0), io.meta(1)], op.0, &[x, y])?;
    let (name, given) = (io.name(), launches.given);
    if launches.sizes.n == 0 {
        return Ok(());
    }
    cuda.launch(name, &SOURCE, &launches.kernel("means"), launches.sums(), &args![x, pooled, given])?;
    let Sizes { n, c, r, .. } = launches.sizes;
    let activated = cuda.scratch(name, 4 * n * r)?;
    let layer = &args![pooled, w1, b1, hidden, activated, given];
    cuda.launch(name, &SOURCE, "squeeze_excitation_hidden", launches.warps(r), layer)?;
    let gates = &args![activated, w2, b2, gate, given];
    cuda.launch(name, &SOURCE, "squeeze_excitation_gates", launches.warps(c), gates)?;
    if op.0.end == Activation::None && residual == 0 {
        return cuda.launch_pixels(&SOURCE, io, given.wide != 0, &args![x, gate, y, given]);
    }
    let (step, end) = launches.end(&[x, residual, y]);
    let grid = Grid::pixels([n, given.h as usize, given.w as usize, c / step]);
    cuda.launch(name, &SOURCE, &launches.kernel("end"), grid, &args![x, gate, residual, y, end])
}

pub fn backward(op: &SqueezeExcitationBackward, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let [dy, x, w1, w2, pooled, hidden, gate] = [0, 1, 2, 3, 4, 5, 6].map(|index| io.input(index));
    let [dx, dw1, db1, dw2, db2] = [0, 1, 2, 3, 4].map(|index| io.output(index));
    let (residual, dresidual) = (io.optional(7), if io.has(7) { io.output(5) } else { 0 });
    let dv = match (op.0.end, dresidual) {
        (Activation::None, _) => dy,
        (_, 0) => dx,
        _ => dresidual,
    };
    let launches = Launches::new(io, [io.meta(1), io.meta(2)], op.0, &[dy, x, dv, dx])?;
    let (name, given, s) = (io.name(), launches.given, launches.sizes);
    // Of every image: dz and the gradient of its means, [c]; that of the hidden layer and its activations, [r].
    let dz = cuda.scratch(name, 4 * s.n * 2 * (s.c + s.r))?;
    let [dpooled, dhidden] = [1, 2].map(|parts| dz + (4 * parts * s.n * s.c) as u64);
    let activated = dhidden + (4 * s.n * s.r) as u64;
    if s.n > 0 {
        if dv == dy && dresidual == 0 {
            cuda.launch(name, &SOURCE, &launches.kernel("sums"), launches.sums(), &args![dy, x, gate, dz, given])?;
        } else {
            let to = if dresidual == 0 { dx } else { dresidual };
            let (step, end) = launches.end(&[dy, x, residual, to]);
            let sums = &args![dy, x, residual, gate, dz, to, end];
            cuda.launch(name, &SOURCE, &launches.kernel("end"), launches.sums_of(step), sums)?;
        }
        let layer = &args![w2, hidden, dz, dhidden, activated, given];
        cuda.launch(name, &SOURCE, "squeeze_excitation_backward_hidden", launches.hidden(), layer)?;
        let (means, grid) = (&args![w1, dhidden, dpooled, given], Grid::elements(launches.groups() * s.c));
        cuda.launch(name, &SOURCE, "squeeze_excitation_backward_means", grid, means)?;
    }
    let grid = Grid::elements(2 * s.r * s.c + s.r + s.c);
    let weights = &args![pooled, dz, dhidden, activated, dw1, db1, dw2, db2, given];
    cuda.launch(name, &SOURCE, "squeeze_excitation_backward_weights", grid, weights)?;
    cuda.launch_pixels(&SOURCE, io, given.wide != 0, &args![dv, gate, dpooled, dx, given])
}
