//! Launching kernels: the grid, the arguments, and what CUDA says about them.

use super::context::{CudaContext, failed};
use super::nvrtc::Source;
use crate::error::{Error, Result};
use cudarc::driver::result;
use std::ffi::c_void;
use std::marker::PhantomData;

/// Threads a block where nothing speaks for another number.
pub const THREADS: u32 = 256;

/// Blocks that a launch over elements has at most; its threads go on with a stride of the grid.
pub const MOST_BLOCKS: usize = 8192;

/// Elements of the longest row that a warp goes through by itself.
const LONGEST_OF_A_WARP: usize = 1024;

/// The most blocks along the grid's second and third axis.
pub const MOST_ROWS: usize = 65_535;

/// Blocks and threads of a launch, and bytes of dynamic shared memory a block.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    pub blocks: [u32; 3],
    pub threads: [u32; 3],
    pub shared: u32,
}

impl Grid {
    /// A block of `threads` for each of `blocks`, along one axis.
    pub fn line(blocks: usize, threads: u32) -> Grid {
        Grid { blocks: [blocks.clamp(1, i32::MAX as usize) as u32, 1, 1], threads: [threads, 1, 1], shared: 0 }
    }

    /// Threads for `elements`, each with a loop over `first_index()`, `index_step()`; without elements, for nothing.
    pub fn elements(elements: usize) -> Grid {
        let blocks = elements.div_ceil(THREADS as usize).min(MOST_BLOCKS) as u32;
        Grid { blocks: [blocks, 1, 1], threads: [THREADS, 1, 1], shared: 0 }
    }

    /// [`Grid::elements`] where a thread moves 16 bytes of `size`-byte elements at a time.
    pub fn packs(elements: usize, size: usize) -> Grid {
        Grid::elements(elements.div_ceil(16 / size))
    }

    /// A team of threads for each row, as `Team` of `common.cuh`; whether a team is a whole block.
    pub fn rows(rows: usize, size: usize) -> (Grid, bool) {
        let whole = size > LONGEST_OF_A_WARP;
        let blocks = if whole { rows } else { rows.div_ceil(THREADS as usize / 32) };
        (Grid::line(blocks.min(MOST_BLOCKS), THREADS), whole)
    }

    /// With dynamic shared memory.
    pub fn with_shared(self, bytes: u32) -> Grid {
        Grid { shared: bytes, ..self }
    }
}

/// A plain value that a kernel takes: a number, a device pointer, or a struct laid out as in C.
pub trait Argument: Copy {}

impl Argument for u32 {}
impl Argument for i32 {}
impl Argument for u64 {}
impl Argument for i64 {}
impl Argument for f32 {}
impl Argument for f64 {}
impl Argument for super::fault::Fault {}

/// Where an argument is, and its bytes; it borrows the argument, so that none is a temporary that is gone at the launch.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pointer: *mut c_void,
    bytes: usize,
    value: PhantomData<&'a ()>,
}

/// For [`args!`](crate::cuda::args).
pub fn given<T: Argument>(value: &T) -> Given<'_> {
    Given { pointer: std::ptr::from_ref(value).cast_mut().cast(), bytes: size_of::<T>(), value: PhantomData }
}

/// The arguments of a launch, in the kernel's order: `&args![x, y, sizes]`.
macro_rules! args {
    ($($value:expr),* $(,)?) => { [$($crate::cuda::launch::given(&$value)),*] };
}
pub(crate) use args;

/// The most arguments that a kernel here takes.
const MOST_ARGUMENTS: usize = 24;

impl CudaContext {
    /// Launches a kernel of a file on the queue's stream; `kernel` is the name in the file. A grid without blocks launches
    /// nothing.
    pub fn launch(
        &self,
        op: &'static str,
        source: &'static Source,
        kernel: &str,
        grid: Grid,
        args: &[Given],
    ) -> Result<()> {
        if grid.blocks.contains(&0) {
            return Ok(());
        }
        let function = self.function(op, source, kernel)?;
        let sizes: Vec<usize> = args.iter().map(|given| given.bytes).collect();
        if function.parameters.as_ref().is_some_and(|parameters| *parameters != sizes) || args.len() > MOST_ARGUMENTS {
            let taken = function.parameters.as_deref().unwrap_or_default();
            return Err(Error::Panic {
                op,
                message: format!("{kernel} takes arguments of {taken:?} bytes, not {sizes:?}"),
            });
        }
        let mut pointers = [std::ptr::null_mut(); MOST_ARGUMENTS];
        for (pointer, given) in pointers.iter_mut().zip(args) {
            *pointer = given.pointer;
        }
        let told = |error| failed(op, "Launching a kernel", &error);
        self.bind().map_err(told)?;
        if grid.shared > function.shared_memory() {
            function.allow_shared_memory(grid.shared).map_err(told)?;
        }
        let ([bx, by, bz], [tx, ty, tz]) = (grid.blocks, grid.threads);
        let stream = self.stream().cu_stream();
        // SAFETY: each argument has the size that the kernel takes there (asked from the driver when it was loaded, where the
        // driver can say), and is copied by the call; what the kernel does with addresses stays on the device.
        unsafe {
            result::launch_kernel(function.handle, (bx, by, bz), (tx, ty, tz), grid.shared, stream, &mut pointers)
        }
        .map_err(told)?;
        self.count_launch();
        Ok(())
    }
}
