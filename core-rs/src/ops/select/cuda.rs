//! `where` on the GPU: how the inputs are read, and the launch.

use super::Select;
use crate::cuda::axes::Layout;
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::geometry::strided::Walk;

pub const SOURCE: Source = Source { name: "select", text: include_str!("kernel.cu") };

pub fn forward(_op: &Select, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let y = io.output_meta(0);
    if y.shape.is_empty() {
        return Ok(());
    }
    let (condition, size) = (io.meta(0).dtype, y.dtype.size());
    let shapes = [io.meta(0).shape, io.meta(1).shape, io.meta(2).shape, y.shape];
    let layout = Layout::new(Walk::broadcast(y.shape, shapes).axes());
    let kernel = format!("where_{condition}_{size}");
    layout.parts(&mut |part: &Layout<4>, at| {
        let sizes = [condition.size(), size, size, size];
        let addresses = [io.input(0), io.input(1), io.input(2), io.output(0)];
        let [c, a, b, y] = std::array::from_fn(|n| addresses[n] + (at[n] * sizes[n]) as u64);
        let grid = Grid::elements(part.elements());
        let (first, second) = (part.of([0, 1]).axes(), part.of([2, 3]).axes());
        cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![c, a, b, y, first, second])
    })
}
