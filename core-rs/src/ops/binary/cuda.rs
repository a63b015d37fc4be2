//! Binary ops on the GPU: how the inputs are read, and the launch of the kernel that has the op's name.

use crate::cuda::axes::Layout;
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::geometry::strided::Walk;

pub const SOURCE: Source = Source { name: "binary", text: include_str!("kernel.cu") };

pub fn forward(io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (dtype, y) = (io.meta(0).dtype, io.output_meta(0));
    if y.shape.is_empty() {
        return Ok(());
    }
    let walk = Walk::broadcast(y.shape, [io.meta(0).shape, io.meta(1).shape, y.shape]);
    let (layout, sizes) = (Layout::new(walk.axes()), [dtype.size(), dtype.size(), y.dtype.size()]);
    let addresses = [io.input(0), io.input(1), io.output(0)];
    let kernel = format!("{}_{dtype}", io.name());
    let (layout, several, rest) = in_vectors(layout, sizes, addresses);
    let elements = y.shape.len() - rest;
    layout.parts(&mut |part, at| {
        let [a, b, y] = std::array::from_fn(|n| addresses[n] + (at[n] * sizes[n]) as u64);
        let is_last = at[2] + part.elements() * several == elements;
        let rest = if is_last { rest as u32 } else { 0 };
        let grid = Grid::elements(part.elements());
        cuda.launch(io.name(), &SOURCE, &kernel, grid, &args![a, b, y, part.axes(), u32::from(several > 1), rest])
    })
}

/// The layout with one index for as many values as a thread makes at once, that number, and how many values at the end
/// are left over.
fn in_vectors(layout: Layout<3>, sizes: [usize; 3], addresses: [u64; 3]) -> (Layout<3>, usize, usize) {
    let widest = sizes[0].max(sizes[2]);
    let several = 16 / widest;
    let (size, strides) = layout.inner();
    let rest = if layout.rank() == 1 { size % several } else { 0 };
    let whole = if rest == 0 { layout.clone() } else { Layout::new([(size - rest, strides)]) };
    match size >= several && whole.takes(several, widest, addresses) {
        true => (whole.in_units(several), several, rest),
        false => (layout, 1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_side_by_side_move_as_one() {
        let same = |size: usize| Layout::new([(size, [1, 1, 1])]);
        let plan = |layout: Layout<3>, addresses: [u64; 3]| {
            let (layout, several, rest) = in_vectors(layout, [4, 4, 4], addresses);
            (layout.elements(), several, rest)
        };
        assert_eq!(plan(same(4099), [16, 32, 48]), (1024, 4, 3));
        assert_eq!(plan(same(4096), [16, 4, 48]), (4096, 1, 0), "b is not aligned");
        assert_eq!(plan(same(3), [16, 32, 48]), (3, 1, 0));
        // [5, 8] and a scalar anywhere; [5, 8] and a column; [5, 7] and a row.
        assert_eq!(plan(Layout::new([(40, [1, 0, 1])]), [16, 4, 16]), (10, 4, 0));
        assert_eq!(plan(Layout::new([(8, [1, 0, 1]), (5, [8, 1, 8])]), [16, 4, 16]), (10, 4, 0));
        assert_eq!(plan(Layout::new([(7, [1, 1, 1]), (5, [7, 0, 7])]), [16, 16, 16]), (35, 1, 0));
        // bf16 compared: f32 comes out, so four at a time.
        assert_eq!(in_vectors(same(9), [2, 2, 4], [16; 3]).1, 4);
    }
}
