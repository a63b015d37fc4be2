//! A captured step as CUDA graphs: one for each number of steps that are asked for at once.
//!
//! The first replay runs the records while the stream is captured, which does nothing yet; every replay is then a copy of
//! the arguments, one launch, and a copy of the results. What a graph points at stays where it is: the recorded step keeps
//! its records' blocks, and the graph the scratch and tables of their kernels.

use super::buffer::{DeviceBuffer, bound};
use super::capture::StreamCapture;
use super::context::{CudaContext, failed};
use super::marks::Event;
use crate::error::Result;
use crate::runtime::capture::Graph;
use crate::runtime::command_context::CommandContext;
use crate::runtime::memory::Block;
use crate::runtime::replay::{Replay, Step};
use crate::runtime::tensor::Operand;
use crate::shape::Meta;
use cudarc::driver::{self, sys};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Who allocates and fails, in messages.
const OP: &str = "replay";

/// Graphs kept of one recorded step, the last used ones: for single steps, and for some numbers of them at once.
const MOST_GRAPHS: usize = 4;

/// Bytes; a staged value begins at a multiple.
const ALIGNMENT: usize = 256;

/// Runs all steps of a replay with one launch.
pub fn replay(cuda: &CudaContext, replay: &Replay, context: &CommandContext) -> Result<()> {
    let kept = replay.graph.kept.get_or_init(|| Box::new(Launches::of(&replay.graph)));
    let launches = kept.downcast_ref::<Launches>().expect("a recorded step belongs to one device");
    if launches.reads_poisoned(replay, context) {
        // Record by record, so that the one that needs what was never computed says so.
        return replay.run(context);
    }
    replay.poison();
    let mut graph = launches.take(replay)?;
    let outer = match &graph.staged {
        None => Cow::Borrowed(&replay.steps),
        Some(staged) => Cow::Owned(staged.outer(&replay.steps)),
    };
    outer.iter().try_for_each(|step| step.begin(context))?;
    if graph.captured.is_none() {
        let inner = match &graph.staged {
            None => vec![Step::default()],
            Some(staged) => staged.inner(&replay.steps),
        };
        graph.captured = Some(Captured::of(cuda, &Replay { graph: replay.graph.clone(), steps: inner }, context)?);
    }
    graph.captured.as_mut().expect("just captured").launch(cuda, context.ticket)?;
    for (source, _) in outer.iter().flat_map(|step| &step.results) {
        if graph.staged.is_some() || launches.computed.contains(&address(&source.block)) {
            context.wrote(&source.block);
        }
    }
    outer.iter().try_for_each(|step| step.end(context))?;
    launches.give_back(graph);
    Ok(())
}

fn address(block: &Arc<Block>) -> usize {
    Arc::as_ptr(block) as usize
}

/// What the device keeps of a recorded step.
struct Launches {
    /// Blocks from outside that the records read, or that are results as they are.
    read: Vec<Arc<Block>>,
    /// Blocks that the records compute, by address.
    computed: HashSet<usize>,
    /// The last used one last.
    made: Mutex<Vec<StepGraph>>,
}

impl Launches {
    fn of(graph: &Graph) -> Launches {
        let mut computed = HashSet::new();
        // Every replay writes the slots first.
        let mut known: HashSet<usize> = graph.inputs.iter().map(|slot| address(slot.storage.block())).collect();
        let mut read = Vec::new();
        let mut note = |operand: &Operand, computed: &HashSet<usize>| {
            let address = address(&operand.block);
            if !computed.contains(&address) && known.insert(address) {
                read.push(operand.block.clone());
            }
        };
        for record in &graph.records {
            record.inputs.iter().flatten().for_each(|input| note(input, &computed));
            computed.extend(record.outputs.iter().map(|output| address(&output.block)));
        }
        graph.outputs.iter().for_each(|output| note(output, &computed));
        Launches { read, computed, made: Mutex::default() }
    }

    fn reads_poisoned(&self, replay: &Replay, context: &CommandContext) -> bool {
        let given = replay.steps.iter().flat_map(|step| step.arguments.iter().chain(&step.rate));
        self.read.iter().chain(given.map(|(source, _)| &source.block)).any(|block| context.is_poisoned(block))
    }

    /// The graph for as many steps, without its launches where there was none.
    fn take(&self, replay: &Replay) -> Result<StepGraph> {
        let wanted = Wanted::by(replay);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = made.iter().position(|graph| graph.wanted == wanted) {
            return Ok(made.remove(place));
        }
        if made.len() == MOST_GRAPHS {
            made.remove(0);
        }
        let staged = (wanted != Wanted::PLAIN).then(|| Staged::of(replay)).transpose()?;
        Ok(StepGraph { wanted, staged, captured: None })
    }

    fn give_back(&self, graph: StepGraph) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(graph);
    }
}

/// What a graph is made for.
#[derive(PartialEq, Eq)]
struct Wanted {
    steps: usize,
    /// Address of the scalar that gets a rate before each step; 0 where none does.
    scalar: usize,
}

impl Wanted {
    /// One step, whose arguments and rate are copied to where the records read them.
    const PLAIN: Wanted = Wanted { steps: 1, scalar: 0 };

    fn by(replay: &Replay) -> Wanted {
        match replay.steps.as_slice() {
            [_] => Wanted::PLAIN,
            steps => {
                let scalar = steps.iter().find_map(|step| step.rate.as_ref());
                Wanted { steps: steps.len(), scalar: scalar.map_or(0, |(_, scalar)| scalar.pointer() as usize) }
            }
        }
    }
}

/// A graph for some number of steps.
struct StepGraph {
    wanted: Wanted,
    /// Where several steps are done in one go, the places of their arguments and results.
    staged: Option<Staged>,
    captured: Option<Captured>,
}

/// Places on the device that a graph of several steps copies from and to, as the callers' tensors differ each time.
struct Staged {
    steps: Vec<StagedStep>,
}

struct StagedStep {
    arguments: Vec<Operand>,
    rate: Option<Operand>,
    results: Vec<Operand>,
}

impl Staged {
    /// One block for all.
    fn of(replay: &Replay) -> Result<Staged> {
        let mut end = 0;
        let mut place = |meta: Meta| {
            let offset = end;
            end += meta.bytes().next_multiple_of(ALIGNMENT);
            (offset, meta)
        };
        let places: Vec<_> = replay
            .steps
            .iter()
            .map(|step| {
                let arguments: Vec<_> = step.arguments.iter().map(|(source, _)| place(source.meta)).collect();
                let rate = step.rate.as_ref().map(|(source, _)| place(source.meta));
                let results: Vec<_> = step.results.iter().map(|(source, _)| place(source.meta)).collect();
                (arguments, rate, results)
            })
            .collect();
        let arena = replay.graph.pool.arena(OP, end)?;
        arena.reserve(OP, &replay.graph.pool)?;
        let operand = |(offset, meta)| Operand { block: Block::part(&arena, offset), offset: 0, meta };
        let operands = |places: Vec<_>| places.into_iter().map(operand).collect();
        let step = |(arguments, rate, results): (_, Option<_>, _)| StagedStep {
            arguments: operands(arguments),
            rate: rate.map(operand),
            results: operands(results),
        };
        Ok(Staged { steps: places.into_iter().map(step).collect() })
    }

    /// The copies around a launch: from the caller's arguments, to its results.
    fn outer(&self, steps: &[Step]) -> Vec<Step> {
        let both = self.steps.iter().zip(steps);
        both.map(|(staged, step)| {
            let sources = step.arguments.iter().chain(&step.rate).map(|(source, _)| source.clone());
            let targets = step.results.iter().map(|(_, target)| target.clone());
            Step {
                arguments: sources.zip(staged.arguments.iter().chain(&staged.rate).cloned()).collect(),
                rate: None,
                results: staged.results.iter().cloned().zip(targets).collect(),
            }
        })
        .collect()
    }

    /// The copies inside a graph: to the slots and the scalar, from the records' results.
    fn inner(&self, steps: &[Step]) -> Vec<Step> {
        let both = self.steps.iter().zip(steps);
        both.map(|(staged, step)| {
            let slots = step.arguments.iter().map(|(_, slot)| slot.clone());
            let sources = step.results.iter().map(|(source, _)| source.clone());
            let rate = staged.rate.iter().zip(&step.rate).next();
            Step {
                arguments: staged.arguments.iter().cloned().zip(slots).collect(),
                rate: rate.map(|(place, (_, scalar))| (place.clone(), scalar.clone())),
                results: sources.zip(staged.results.iter().cloned()).collect(),
            }
        })
        .collect()
    }
}

/// Launches that the device can repeat.
struct Captured {
    device: Arc<driver::CudaContext>,
    graph: sys::CUgraphExec,
    /// Behind the last launch.
    last: Option<Event>,
    _kept: Vec<Arc<DeviceBuffer>>,
}

// SAFETY: a handle that the driver lets any thread use, one at a time, as `&mut self` says.
unsafe impl Send for Captured {}

impl Captured {
    /// Runs a replay while the stream is captured.
    fn of(cuda: &CudaContext, inner: &Replay, context: &CommandContext) -> Result<Captured> {
        let capture = StreamCapture::begin(OP, cuda, context.ticket)?;
        inner.run(context)?;
        let (template, kept) = capture.end(OP)?;
        let graph = template.instantiate().map_err(|error| failed(OP, "Making a graph", &error))?;
        Ok(Captured { device: cuda.device().clone(), graph, last: None, _kept: kept })
    }

    /// Gives everything to the device, as part of a command.
    fn launch(&mut self, cuda: &CudaContext, ticket: u64) -> Result<()> {
        let told = |error| failed(OP, "Launching a graph", &error);
        cuda.tell_ticket(ticket)?;
        let stream = cuda.stream().cu_stream();
        // SAFETY: the graph was made for this device, and what it points at is kept by it and by the recorded step.
        unsafe { sys::cuGraphLaunch(self.graph, stream) }.result().map_err(told)?;
        cuda.count_launch();
        self.last = Some(Event::record(&self.device, stream).map_err(told)?);
        Ok(())
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        if let Some(last) = self.last.take() {
            let _ = last.wait();
        }
        if bound(&self.device) {
            // SAFETY: made by `of`, destroyed once, and not under way any more.
            let _ = unsafe { sys::cuGraphExecDestroy(self.graph) };
        }
    }
}
