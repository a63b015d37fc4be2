//! One op, one folder: parameters and shape rule (`mod.rs`), its definition (`reference.rs`), its CPU kernel (`cpu.rs`)
//! and, where it has one, its CUDA kernel (`cuda.rs`, `kernel.cu`). The rows are in `ops.toml`.

pub mod activation;
pub mod adamw_step;
pub mod arange;
pub mod assert_finite;
pub mod assign;
pub mod avg_pool2d;
pub mod batch_norm;
#[cfg(test)]
mod bf16_tests;
pub mod binary;
pub mod blur_pool;
pub mod broadcast_to;
pub mod cast;
pub mod concat;
pub mod conv2d;
pub mod conv2d_bias_act;
pub mod crop_batch;
pub mod cross_entropy;
pub mod draw_counter;
pub mod dropout;
pub mod fill;
pub mod gather_rows;
pub mod group_norm;
pub mod image_batch;
pub mod inputs;
pub mod matmul;
pub mod max_blur_pool;
pub mod max_pool2d;
pub mod one_hot;
pub mod pad;
pub mod params;
pub mod random;
pub mod ranger_step;
pub mod reduce;
pub mod resample2d;
pub mod reshape;
pub mod rows;
pub mod sample_draws;
pub mod select;
pub mod sgd_step;
pub mod slice;
pub mod softmax;
pub mod squeeze_excitation;
#[cfg(test)]
pub mod testing;
pub mod transpose;
pub mod unary;
pub mod window;

use crate::cpu::CpuContext;
use crate::cuda::{CudaContext, CudaIo};
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::Meta;
pub use inputs::Inputs;
pub use params::Params;

/// Launches an op on the GPU.
pub type CudaKernel<T> = fn(&T, &CudaIo, &CudaContext) -> Result<()>;

/// One op with its parameters.
pub trait Op: Sized + Send + Sync + 'static {
    /// The op's CUDA side; a call on a CUDA queue is refused where there is none.
    const CUDA: Option<CudaKernel<Self>> = None;

    /// Reads the parameters in the order of the op table.
    fn parse(params: &mut Params) -> Result<Self>;

    /// Checks the inputs and says what comes out: the shape rule.
    fn outputs(&self, inputs: &Inputs) -> Result<Vec<Meta>>;

    /// Elements before the output's first one, for an op that the table calls a view.
    fn view_offset(&self, _input: Meta) -> usize {
        0
    }

    /// Runs on the CPU. An error here is a late one: it must leave what is written in place as it was.
    fn cpu(&self, io: &Io, context: &CpuContext) -> Result<()>;
}

/// An op as records hold it.
pub trait Kernel: Send + Sync {
    fn name(&self) -> &'static str;
    fn run_cpu(&self, io: &Io, context: &CpuContext) -> Result<()>;
    fn run_cuda(&self, io: &CudaIo, context: &CudaContext) -> Result<()>;
}

/// An op under its name in the table.
pub struct Named<T> {
    pub name: &'static str,
    pub op: T,
}

impl<T: Op> Kernel for Named<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run_cpu(&self, io: &Io, context: &CpuContext) -> Result<()> {
        self.op.cpu(io, context)
    }

    fn run_cuda(&self, io: &CudaIo, context: &CudaContext) -> Result<()> {
        let launch = T::CUDA.ok_or_else(|| Error::no_cuda_kernel(self.name))?;
        launch(&self.op, io, context)
    }
}

/// A row of the op table, as the exports carry it.
pub struct Row {
    pub name: &'static str,
    /// Names of the inputs, for messages; the last ones that end with "..." repeat, in turn.
    pub inputs: &'static [&'static str],
    /// Which inputs are written in place.
    pub mutates: &'static [bool],
    pub view: bool,
}

impl Row {
    /// How many inputs at the end repeat.
    fn repeating(&self) -> usize {
        self.inputs.iter().rev().take_while(|name| name.ends_with("...")).count()
    }

    /// The row's entry for an input, and which repetition of it; `None` past the last of a row without repeats.
    pub fn entry(&self, input: usize) -> Option<(usize, usize)> {
        let (all, cycle) = (self.inputs.len(), self.repeating());
        match input {
            _ if input < all - cycle => Some((input, 0)),
            _ if cycle == 0 => None,
            _ => {
                let after = input - (all - cycle);
                Some((all - cycle + after % cycle, after / cycle))
            }
        }
    }

    /// Whether the op writes an input in place.
    pub fn mutates(&self, input: usize) -> bool {
        self.entry(input).is_some_and(|(entry, _)| self.mutates[entry])
    }

    /// An input's name; those that repeat are numbered.
    pub fn input_name(&self, input: usize) -> String {
        match self.entry(input) {
            None => format!("input {input}"),
            Some((entry, repetition)) => match self.inputs[entry].strip_suffix("...") {
                Some(name) => format!("{name}[{repetition}]"),
                None => self.inputs[entry].trim_end_matches('?').to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Row;

    #[test]
    fn inputs_at_the_end_repeat_in_turn() {
        let row = Row {
            name: "step",
            inputs: &["lr", "parameter...", "gradient..."],
            mutates: &[false, true, false],
            view: false,
        };
        let names: Vec<_> = (0..5).map(|input| row.input_name(input)).collect();
        assert_eq!(names, ["lr", "parameter[0]", "gradient[0]", "parameter[1]", "gradient[1]"]);
        assert_eq!((0..5).map(|input| row.mutates(input)).collect::<Vec<_>>(), [false, true, false, true, false]);
        let fixed = Row { name: "one", inputs: &["x?"], mutates: &[false], view: false };
        assert_eq!((fixed.input_name(0).as_str(), fixed.entry(1)), ("x", None));
    }
}
