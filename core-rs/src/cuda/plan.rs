//! Which algorithm computes a convolution or a product: chosen once a shape, on the device.
//!
//! Algorithms differ in the last bits. So the choices can be written as text and read again: a run that is resumed with
//! them, on the same kind of GPU and with the same libraries, goes on with the same bits.

mod text;

use super::context::CudaContext;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::geometry::conv::ConvShape;
use crate::shape::MatmulShape;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// What a convolution computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    Forward,
    /// The gradient of the image.
    Input,
    /// The gradient of the weight.
    Weight,
}

/// What the values are, and how they are multiplied; sums are kept in f32 always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    F32,
    /// f32 whose factors are rounded to 10 bits of fraction.
    Tf32,
    Bf16,
}

impl Arithmetic {
    pub fn of(op: &'static str, dtype: Dtype, cuda: &CudaContext) -> Result<Arithmetic> {
        match dtype {
            Dtype::F32 if cuda.tf32() => Ok(Arithmetic::Tf32),
            Dtype::F32 => Ok(Arithmetic::F32),
            Dtype::Bf16 => Ok(Arithmetic::Bf16),
            _ => Err(Error::unsupported(op, format!("Expected f32 or bf16 on CUDA, got {dtype}"))),
        }
    }

    /// Bytes a value.
    pub fn size(self) -> usize {
        match self {
            Arithmetic::F32 | Arithmetic::Tf32 => 4,
            Arithmetic::Bf16 => 2,
        }
    }

    /// How the names of kernels end.
    pub fn dtype(self) -> Dtype {
        match self {
            Arithmetic::F32 | Arithmetic::Tf32 => Dtype::F32,
            Arithmetic::Bf16 => Dtype::Bf16,
        }
    }
}

/// A convolution that an algorithm is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    pub pass: Pass,
    pub arithmetic: Arithmetic,
    pub shape: ConvShape,
}

/// An algorithm of cuDNN for a pass, by its numbers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CudnnAlgorithm {
    /// Of `cudnnConvolutionFwdAlgo_t`, `cudnnConvolutionBwdDataAlgo_t` or `cudnnConvolutionBwdFilterAlgo_t`.
    pub algorithm: u32,
    /// `cudnnMathType_t`
    pub math: u32,
}

/// Who computes a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    Cudnn(CudnnAlgorithm),
    /// A product of matrices, by cuBLASLt.
    Gemm,
    /// The kernels for 3x3 windows and groups of few channels.
    Grouped,
    /// The plain kernels, which can do everything.
    Direct,
}

/// A batch of products of matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    pub arithmetic: Arithmetic,
    pub shape: MatmulShape,
    /// What all addresses are multiples of, bytes: a power of two up to 16.
    pub alignment: u32,
}

/// An algorithm of cuBLASLt: its own encoding, and bytes of workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CublasltAlgorithm {
    pub data: [u64; 8],
    pub workspace: usize,
}

/// The choices of one queue, before those of the process.
///
/// Near ties are decided by noise. So what one queue has chosen, the others of the process take over, and train with the
/// same bits.
#[derive(Default)]
pub struct Plan {
    own: Mutex<Choices>,
    shared: Arc<Mutex<Choices>>,
}

#[derive(Default)]
struct Choices {
    convolutions: HashMap<Convolution, Engine>,
    products: HashMap<Product, CublasltAlgorithm>,
    /// Why cuDNN computes nothing of a convolution.
    refusals: HashMap<Convolution, String>,
}

fn locked(choices: &Mutex<Choices>) -> MutexGuard<'_, Choices> {
    choices.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plan {
    /// A plan of a queue whose choices hold for this: those of the process with the same text are its too.
    pub(super) fn sharing(holds_for: String) -> Plan {
        static SHARED: LazyLock<Mutex<HashMap<String, Arc<Mutex<Choices>>>>> = LazyLock::new(Mutex::default);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        Plan { own: Mutex::default(), shared: shared.entry(holds_for).or_default().clone() }
    }

    fn choices(&self) -> MutexGuard<'_, Choices> {
        locked(&self.own)
    }

    pub fn convolution(&self, convolution: &Convolution) -> Option<Engine> {
        let mut own = self.choices();
        if let Some(&engine) = own.convolutions.get(convolution) {
            return Some(engine);
        }
        let shared = locked(&self.shared);
        let &engine = shared.convolutions.get(convolution)?;
        own.convolutions.insert(*convolution, engine);
        if let Some(reason) = shared.refusals.get(convolution) {
            own.refusals.insert(*convolution, reason.clone());
        }
        Some(engine)
    }

    /// Keeps a choice, and gives the one that stands: another queue may have been first.
    pub fn choose_convolution(&self, convolution: Convolution, engine: Engine) -> Engine {
        let mut own = self.choices();
        let stands = *locked(&self.shared).convolutions.entry(convolution).or_insert(engine);
        *own.convolutions.entry(convolution).or_insert(stands)
    }

    /// A choice that no other queue shall take over, such as one that was forced.
    pub fn force_convolution(&self, convolution: Convolution, engine: Engine) {
        self.choices().convolutions.insert(convolution, engine);
    }

    /// The choice that this queue has made, or was given.
    pub fn own_convolution(&self, convolution: &Convolution) -> Option<Engine> {
        self.choices().convolutions.get(convolution).copied()
    }

    /// Notes why cuDNN computes nothing of a convolution.
    pub fn note_refusal(&self, convolution: Convolution, reason: String) {
        self.choices().refusals.insert(convolution, reason.clone());
        locked(&self.shared).refusals.insert(convolution, reason);
    }

    pub fn product(&self, product: &Product) -> Option<CublasltAlgorithm> {
        let mut own = self.choices();
        if let Some(&algorithm) = own.products.get(product) {
            return Some(algorithm);
        }
        let &algorithm = locked(&self.shared).products.get(product)?;
        own.products.insert(*product, algorithm);
        Some(algorithm)
    }

    /// A choice of an earlier run: before those of the process, but where this queue has computed it otherwise already.
    fn take_convolution(&self, convolution: Convolution, engine: Engine) {
        self.choices().convolutions.entry(convolution).or_insert(engine);
        locked(&self.shared).convolutions.entry(convolution).or_insert(engine);
    }

    fn take_product(&self, product: Product, algorithm: CublasltAlgorithm) {
        self.choices().products.entry(product).or_insert(algorithm);
        locked(&self.shared).products.entry(product).or_insert(algorithm);
    }

    /// As [`Plan::choose_convolution`].
    pub fn choose_product(&self, product: Product, algorithm: CublasltAlgorithm) -> CublasltAlgorithm {
        let mut own = self.choices();
        let stands = *locked(&self.shared).products.entry(product).or_insert(algorithm);
        *own.products.entry(product).or_insert(stands)
    }
}

impl CudaContext {
    /// The choices made so far, as text, with what they hold for; empty where there are none.
    pub(super) fn plan_text(&self) -> String {
        let choices = self.plan.choices();
        match choices.convolutions.is_empty() && choices.products.is_empty() {
            true => String::new(),
            false => text::write(&choices, &self.fingerprint()),
        }
    }

    /// Takes choices over where nothing was chosen yet. Those made on another kind of GPU or with other libraries are left
    /// alone: they would not give the same bits here.
    pub(super) fn take_plan(&self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let read = text::read(text, &self.fingerprint()).map_err(|line| {
            Error::argument("queue_use_plan", format!("Expected a plan as it was written, got the line {line:?} in it"))
        })?;
        for (convolution, engine) in read.convolutions {
            self.plan.take_convolution(convolution, engine);
        }
        for (product, algorithm) in read.products {
            self.plan.take_product(product, algorithm);
        }
        Ok(())
    }

    /// What choices hold for: the same algorithm on other hardware or of another version gives other bits.
    pub(super) fn fingerprint(&self) -> String {
        let (cudnn, cublaslt) = (super::cudnn::version(), super::cublaslt::version());
        format!("{} with {} processors, cuDNN {cudnn}, cuBLASLt {cublaslt}", self.architecture(), self.processors())
    }

    /// For an algorithm that would have to be chosen: choosing takes time on the device, and waits for it.
    pub(crate) fn refuse_choosing_while_capturing(&self, op: &'static str, what: &dyn std::fmt::Display) -> Result<()> {
        if self.is_capturing() {
            let message = format!("Cannot choose an algorithm while a graph is recorded: run {what} eagerly before");
            return Err(Error::state(op, message));
        }
        Ok(())
    }
}
