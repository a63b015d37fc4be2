//! 2-D convolution (cross-correlation, as everywhere in this field), NHWC:
//! `y[n, oy, ox, o] = sum over ky, kx, c of x[n, oy s - p + ky, ox s - p + kx, c] weight[o, ky, kx, c]`,
//! where c runs over the input channels of o's group and values outside x are 0.

pub(in crate::ops) mod cuda;
pub(in crate::ops) mod reference;

use super::{CudaKernel, Inputs, Op, Params};
use crate::cpu::CpuContext;
use crate::cpu::conv::{self, ConvShape};
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;
use crate::dtype::{Bf16, Dtype, Stored};
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::{Meta, Shape};

/// Strides, padding and groups, in the order of the op table.
struct Window {
    stride_h: usize,
    stride_w: usize,
    pad_h: usize,
    pad_w: usize,
    groups: usize,
}

impl Window {
    fn parse(params: &mut Params) -> Result<Window> {
        Ok(Window {
            stride_h: params.at_least("strideH", 1)?,
            stride_w: params.at_least("strideW", 1)?,
            pad_h: params.u32("paddingH")?,
            pad_w: params.u32("paddingW")?,
            groups: params.at_least("groups", 1)?,
        })
    }

    /// All sizes, from those of the image [n, h, w, c] and the weight [out, kh, kw, c / groups].
    fn sizes(&self, op: &'static str, image: [usize; 4], weight: [usize; 4]) -> Result<ConvShape> {
        let ([n, h, w, c], [out, kh, kw, group_c]) = (image, weight);
        let groups = self.groups;
        if c % groups != 0 || out % groups != 0 {
            return Err(Error::shape(
                op,
                format!("Expected {c} input and {out} output channels that {groups} groups divide"),
            ));
        }
        if group_c != c / groups {
            return Err(Error::shape(
                op,
                format!(
                    "Expected `weight` with {} input channels a group ({c} channels in {groups} groups), got shape {weight:?}",
                    c / groups
                ),
            ));
        }
        let size = |name: &str, size: usize, kernel: usize, stride: usize, pad: usize| {
            (size + 2 * pad).checked_sub(kernel).filter(|_| kernel > 0).map(|room| room / stride + 1).ok_or_else(|| {
                Error::shape(
                    op,
                    format!("Expected a kernel from 1 to the padded {name} {}, got {kernel}", size + 2 * pad),
                )
            })
        };
        Ok(ConvShape {
            n,
            h,
            w,
            c,
            out,
            kh,
            kw,
            stride_h: self.stride_h,
            stride_w: self.stride_w,
            pad_h: self.pad_h,
            pad_w: self.pad_w,
            groups,
            oh: size("height", h, kh, self.stride_h, self.pad_h)?,
            ow: size("width", w, kw, self.stride_w, self.pad_w)?,
        })
    }
}

fn four(meta: Meta) -> [usize; 4] {
    meta.shape.dims().try_into().expect("the rank was checked")
}

/// Runs one of the three passes, all of which have two operands and one result.
fn run<S: Stored>(
    pass: fn(Isa, &ThreadPool, &ConvShape, &[S], &[S], &mut [S]),
    sizes: &ConvShape,
    io: &Io,
    context: &CpuContext,
) {
    pass(context.isa, &context.pool, sizes, io.input(0), io.input(1), io.output(0));
}

const IMAGE: &str = "[n, h, w, c]";
const WEIGHT: &str = "[out, kh, kw, c / groups]";

/// `conv2d`
pub struct Conv2d {
    window: Window,
}

impl Conv2d {
    pub(in crate::ops) fn sizes(&self, op: &'static str, x: Meta, weight: Meta) -> Result<ConvShape> {
        self.window.sizes(op, four(x), four(weight))
    }
}

impl Op for Conv2d {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::forward);

    fn parse(params: &mut Params) -> Result<Self> {
        Ok(Conv2d { window: Window::parse(params)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let weight = inputs.ranked(1, x.dtype, 4, WEIGHT)?;
        let sizes = self.sizes(inputs.op, x, weight)?;
        Ok(vec![Meta::new(Shape::new(inputs.op, &[sizes.n, sizes.oh, sizes.ow, sizes.out])?, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.sizes("conv2d", io.meta(0), io.meta(1))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::forward::<f64>(&sizes, io.input(0), io.input(1), io.output(0)),
            Dtype::Bf16 => run::<Bf16>(conv::conv2d_forward, &sizes, io, context),
            _ => run::<f32>(conv::conv2d_forward, &sizes, io, context),
        }
        Ok(())
    }
}

/// `conv2d_backward_input`
pub struct Conv2dBackwardInput {
    height: usize,
    width: usize,
    window: Window,
}

impl Conv2dBackwardInput {
    fn sizes(&self, op: &'static str, dy: Meta, weight: Meta) -> Result<ConvShape> {
        let ([n, oh, ow, out], weight) = (four(dy), four(weight));
        let sizes = self.window.sizes(op, [n, self.height, self.width, weight[3] * self.window.groups], weight)?;
        check_output(op, &sizes, [oh, ow, out])?;
        Ok(sizes)
    }
}

impl Op for Conv2dBackwardInput {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward_input);

    fn parse(params: &mut Params) -> Result<Self> {
        let (height, width) = (params.u32("height")?, params.u32("width")?);
        Ok(Conv2dBackwardInput { height, width, window: Window::parse(params)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let dy = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let weight = inputs.ranked(1, dy.dtype, 4, WEIGHT)?;
        let sizes = self.sizes(inputs.op, dy, weight)?;
        Ok(vec![Meta::new(Shape::new(inputs.op, &[sizes.n, sizes.h, sizes.w, sizes.c])?, dy.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.sizes("conv2d_backward_input", io.meta(0), io.meta(1))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::backward_input::<f64>(&sizes, io.input(0), io.input(1), io.output(0)),
            Dtype::Bf16 => run::<Bf16>(conv::conv2d_backward_input, &sizes, io, context),
            _ => run::<f32>(conv::conv2d_backward_input, &sizes, io, context),
        }
        Ok(())
    }
}

/// `conv2d_backward_weight`
pub struct Conv2dBackwardWeight {
    kernel_h: usize,
    kernel_w: usize,
    window: Window,
}

impl Conv2dBackwardWeight {
    fn sizes(&self, op: &'static str, x: Meta, dy: Meta) -> Result<ConvShape> {
        let (image, [n, oh, ow, out]) = (four(x), four(dy));
        let weight = [out, self.kernel_h, self.kernel_w, image[3] / self.window.groups];
        let sizes = self.window.sizes(op, image, weight)?;
        if n != image[0] {
            return Err(Error::shape(op, format!("Expected `dy` of the same batch as `x` ({}), got {n}", image[0])));
        }
        check_output(op, &sizes, [oh, ow, out])?;
        Ok(sizes)
    }
}

impl Op for Conv2dBackwardWeight {
    const CUDA: Option<CudaKernel<Self>> = Some(cuda::backward_weight);

    fn parse(params: &mut Params) -> Result<Self> {
        let (kernel_h, kernel_w) = (params.u32("kernelH")?, params.u32("kernelW")?);
        Ok(Conv2dBackwardWeight { kernel_h, kernel_w, window: Window::parse(params)? })
    }

    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>> {
        let x = inputs.float(0)?;
        inputs.rank(0, 4, IMAGE)?;
        let dy = inputs.ranked(1, x.dtype, 4, IMAGE)?;
        let sizes = self.sizes(inputs.op, x, dy)?;
        let shape = Shape::new(inputs.op, &[sizes.out, sizes.kh, sizes.kw, sizes.c / sizes.groups])?;
        Ok(vec![Meta::new(shape, x.dtype)])
    }

    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        let sizes = self.sizes("conv2d_backward_weight", io.meta(0), io.meta(1))?;
        match io.meta(0).dtype {
            Dtype::F64 => reference::backward_weight::<f64>(&sizes, io.input(0), io.input(1), io.output(0)),
            Dtype::Bf16 => run::<Bf16>(conv::conv2d_backward_weight, &sizes, io, context),
            _ => run::<f32>(conv::conv2d_backward_weight, &sizes, io, context),
        }
        Ok(())
    }
}

fn check_output(op: &'static str, sizes: &ConvShape, dy: [usize; 3]) -> Result<()> {
    let wanted = [sizes.oh, sizes.ow, sizes.out];
    if dy != wanted {
        return Err(Error::shape(op, format!("Expected `dy` of sizes {wanted:?} after the batch, got {dy:?}")));
    }
    Ok(())
}
