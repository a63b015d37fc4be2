//! Broadcasting on the GPU, and the copies between tensors with any strides that other ops are made of.

use super::BroadcastTo;
use crate::cuda::axes::Layout;
use crate::cuda::io::DevicePointer;
use crate::cuda::launch::Grid;
use crate::cuda::nvrtc::Source;
use crate::cuda::{CudaContext, CudaIo, args};
use crate::error::Result;
use crate::geometry::strided::{Walk, broadcast_strides, strides};

pub const SOURCE: Source = Source { name: "broadcast_to", text: include_str!("kernel.cu") };

/// Bytes that move in one access at most.
const WIDEST: usize = 16;

pub fn forward(op: &BroadcastTo, io: &CudaIo, cuda: &CudaContext) -> Result<()> {
    let (from, along) = (broadcast_strides(io.meta(0).shape, op.shape), strides(op.shape));
    let axes = (0..op.shape.rank()).rev().map(|axis| (op.shape.dims()[axis], [from[axis], along[axis]]));
    copy(io, cuda, Walk::new(axes), [io.input(0), io.output(0)])
}

/// Copies from the first address to the second, elements of the first output's dtype; `walk` has both tensors' strides.
pub fn copy(io: &CudaIo, cuda: &CudaContext, walk: Walk<2>, addresses: [DevicePointer; 2]) -> Result<()> {
    let layout = Layout::new(walk.axes());
    if layout.elements() == 0 {
        return Ok(());
    }
    let bytes = io.output_meta(0).dtype.size();
    let (_, inner) = layout.inner();
    let widest = WIDEST / bytes;
    let (kernel, layout) = match inner {
        [0, 1] if layout.takes(widest, bytes, addresses) => (format!("spread_{bytes}"), layout.in_units(widest)),
        [1, 1] => {
            let takes = |unit: &usize| layout.takes(*unit, bytes, addresses);
            let unit = [widest, widest / 2, widest / 4, widest / 8].into_iter().filter(|&unit| unit > 1).find(takes);
            let unit = unit.unwrap_or(1);
            (format!("copy_{}", unit * bytes), layout.in_units(unit))
        }
        _ => (format!("copy_{bytes}"), layout),
    };
    layout.in_bytes(bytes).parts(&mut |part, [from, to]| {
        let [x, y] = [addresses[0] + from as u64, addresses[1] + to as u64];
        cuda.launch(io.name(), &SOURCE, &kernel, Grid::elements(part.elements()), &args![x, y, part.axes()])
    })
}
