//! Who computes a convolution: all that can are timed on the device the first time that its shape is met.

use super::{direct, gemm, grouped};
use crate::cuda::CudaContext;
use crate::cuda::cudnn::Tensors;
use crate::cuda::plan::{Convolution, Engine};
use crate::error::{Error, Result};

/// The environment variable that names who is to compute, for tests and measurements: `cudnn`, `gemm`, `own` or `direct`.
/// It decides where nothing was chosen yet; cuDNN computes what the one named cannot.
pub const FORCED: &str = "LIBTRAIN_CUDA_CONV";

/// Bytes that addresses have to be multiples of for all but the plain kernels. Views of a tensor may begin anywhere.
const ALIGNMENT: u64 = 16;

/// Times each engine is timed, after once to get warm; the best counts.
const ROUNDS: usize = 3;
/// Runs of an engine, one behind the other, that are timed together.
const RUNS: usize = 10;

pub fn run(op: &'static str, convolution: &Convolution, at: Tensors, cuda: &CudaContext) -> Result<()> {
    if !(at.image | at.weight | at.result).is_multiple_of(ALIGNMENT) {
        return direct::run(op, convolution, at, cuda);
    }
    let engine = match cuda.plan.own_convolution(convolution) {
        Some(engine) => engine,
        None => first_choice(op, convolution, at, cuda)?,
    };
    if run_by(engine, op, convolution, at, cuda)? {
        return Ok(());
    }
    Err(Error::unsupported(op, format!("The plan's choice cannot compute this: {engine} for {convolution}")))
}

/// The choice for a convolution that this queue meets for the first time; only here is the environment asked.
fn first_choice(op: &'static str, convolution: &Convolution, at: Tensors, cuda: &CudaContext) -> Result<Engine> {
    let forced = std::env::var(FORCED).unwrap_or_default();
    if forced.is_empty()
        && let Some(engine) = cuda.plan.convolution(convolution)
    {
        return Ok(engine);
    }
    cuda.refuse_choosing_while_capturing(op, convolution)?;
    let engine = choose(op, convolution, at, cuda, &forced)?;
    if forced.is_empty() {
        return Ok(cuda.plan.choose_convolution(*convolution, engine));
    }
    cuda.plan.force_convolution(*convolution, engine);
    Ok(engine)
}

/// False where the engine cannot compute it.
fn run_by(
    engine: Engine,
    op: &'static str,
    convolution: &Convolution,
    at: Tensors,
    cuda: &CudaContext,
) -> Result<bool> {
    match engine {
        Engine::Cudnn(algorithm) => return cuda.run_cudnn(op, convolution, algorithm, at),
        Engine::Gemm if gemm::suits(convolution) => gemm::run(op, convolution, at, cuda)?,
        Engine::Grouped if grouped::suits(convolution) => grouped::run(op, convolution, at, cuda)?,
        Engine::Direct => direct::run(op, convolution, at, cuda)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn choose(
    op: &'static str,
    convolution: &Convolution,
    at: Tensors,
    cuda: &CudaContext,
    forced: &str,
) -> Result<Engine> {
    let (can_gemm, can_own) = (gemm::suits(convolution), grouped::suits(convolution));
    match forced {
        "gemm" if can_gemm => return Ok(Engine::Gemm),
        "own" if can_own => return Ok(Engine::Grouped),
        "direct" => return Ok(Engine::Direct),
        "" | "cudnn" | "gemm" | "own" => {}
        other => {
            let wanted = "cudnn, gemm, own or direct";
            return Err(Error::argument(op, format!("Expected {FORCED} as {wanted}, got {other:?}")));
        }
    }
    let cudnn = cuda.find_cudnn(op, convolution, at)?;
    if cudnn.found.is_empty() {
        cuda.plan.note_refusal(*convolution, cudnn.refusal);
    }
    let mut candidates: Vec<Engine> = cudnn.found.into_iter().map(Engine::Cudnn).collect();
    let others = [(Engine::Gemm, can_gemm), (Engine::Grouped, can_own)];
    candidates.extend(others.into_iter().filter(|&(_, can)| can && forced.is_empty()).map(|(engine, _)| engine));
    fastest(&candidates, op, convolution, at, cuda)
}

/// The fastest of those that can compute it; the plain kernels where none can. A single one is run too, as it may not.
fn fastest(
    candidates: &[Engine],
    op: &'static str,
    convolution: &Convolution,
    at: Tensors,
    cuda: &CudaContext,
) -> Result<Engine> {
    let mut able = Vec::new();
    for &engine in candidates {
        match run_by(engine, op, convolution, at, cuda) {
            Err(Error::Unsupported { .. }) | Ok(false) => {}
            runs => {
                runs?;
                able.push(engine);
            }
        }
    }
    if let [only] = able[..] {
        return Ok(only);
    }
    let mut best = (f32::INFINITY, Engine::Direct);
    for engine in able {
        let work = || run_by(engine, op, convolution, at, cuda).map(|_| ());
        let milliseconds = cuda.time(op, ROUNDS, RUNS, work)?;
        if milliseconds < best.0 {
            best = (milliseconds, engine);
        }
    }
    Ok(best.1)
}
