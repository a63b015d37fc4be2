//! One step over all segments.

use super::finite::Finite;
use super::table::{RATE, STATES, STEPS};
use super::{Counts, Piece, Rule, Table, describe_gradient, describe_rate};
use crate::cpu::CpuContext;
use crate::cpu::pool::SliceParts;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::runtime::record::Io;
use crate::shape::Shape;
use std::array;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Elements a chunk: tens of microseconds of an optimizer's memory traffic.
const CHUNK: usize = 16 * 1024;

/// The tensors of a step.
pub(super) struct Tensors<'a, T, const N: usize> {
    pub rate: f64,
    /// One count a segment, and last that of calls.
    pub steps: &'a mut [i32],
    /// Empty where absent.
    pub states: [&'a mut [T]; N],
    pub shapes: Vec<Shape>,
    pub parameters: Vec<&'a mut [T]>,
    pub gradients: Vec<Option<&'a [T]>>,
}

impl<'a, T: Finite, const N: usize> Tensors<'a, T, N> {
    fn of(io: &Io<'a>, segments: usize) -> Self {
        let pairs = || (0..segments).map(|pair| STATES + N + 2 * pair);
        Tensors {
            rate: io.input::<T>(RATE)[0].to_f64(),
            steps: io.in_place(STEPS),
            states: array::from_fn(|i| if io.has(STATES + i) { io.in_place(STATES + i) } else { &mut [][..] }),
            shapes: pairs().map(|parameter| io.meta(parameter).shape).collect(),
            parameters: pairs().map(|parameter| io.in_place(parameter)).collect(),
            gradients: pairs().map(|parameter| io.optional(parameter + 1)).collect(),
        }
    }
}

/// Runs a step; an error leaves everything as it was. Segments that are frozen or have no gradient are left alone.
pub fn step<R: Rule<N>, const N: usize>(
    op: &'static str,
    rule: &R,
    table: &Table,
    io: &Io,
    context: &CpuContext,
) -> Result<()> {
    let count = table.segments.len();
    match io.meta(STATES).dtype {
        Dtype::F64 => walk(op, rule, table, Tensors::<f64, N>::of(io, count), context, |scalars, together, piece| {
            rule.reference(scalars, together, piece);
        }),
        _ => walk(op, rule, table, Tensors::<f32, N>::of(io, count), context, |scalars, together, piece| {
            rule.fast(context.isa, scalars, together, piece);
        }),
    }
}

/// A segment that takes part.
struct Used<'a, S, T> {
    index: usize,
    /// Of its first element in the states.
    offset: usize,
    together: usize,
    scalars: S,
    gradient: &'a [T],
}

/// Elements of the `used`th segment that takes part.
struct Span {
    used: usize,
    range: Range<usize>,
}

pub(super) fn walk<T: Finite, R: Rule<N>, const N: usize>(
    op: &'static str,
    rule: &R,
    table: &Table,
    tensors: Tensors<T, N>,
    context: &CpuContext,
    update: impl Fn(&R::Scalars, usize, Piece<T, N>) + Sync,
) -> Result<()> {
    let Tensors { rate, steps, states, shapes, parameters, gradients } = tensors;
    if !rate.is_finite() {
        return Err(Error::argument(op, describe_rate(rate)));
    }
    let calls = steps[table.segments.len()].saturating_add(1);
    let (mut used, mut offset) = (Vec::new(), 0);
    for (index, segment) in table.segments.iter().enumerate() {
        if let Some(gradient) = gradients[index].filter(|_| !segment.frozen) {
            let counts = Counts { segment: steps[index].saturating_add(1), calls };
            let scalars = rule.scalars(rate * segment.rate_scale, segment.weight_decay, counts);
            used.push(Used { index, offset, together: rule.together(shapes[index]), scalars, gradient });
        }
        offset += shapes[index].len();
    }
    let (spans, chunks) = cut(used.iter().map(|segment| (segment.gradient.len(), segment.together)));

    check_finite(op, context, &used, &spans, &chunks)?;
    for segment in &used {
        steps[segment.index] = steps[segment.index].saturating_add(1);
    }
    steps[table.segments.len()] = calls;

    let there = states.each_ref().map(|state| !state.is_empty());
    let states = states.map(SliceParts::new);
    let parameters: Vec<_> = parameters.into_iter().map(SliceParts::new).collect();
    context.pool.run(chunks.len(), &|i| {
        for Span { used: index, range } in &spans[chunks[i].clone()] {
            let Used { index, offset, together, scalars, gradient } = &used[*index];
            let state = |i: usize| if there[i] { offset + range.start..offset + range.end } else { 0..0 };
            // SAFETY: every span is visited once; those of a segment are disjoint, and so are the segments in the states.
            let piece = unsafe {
                Piece {
                    parameter: parameters[*index].part(range.clone()),
                    gradient: &gradient[range.clone()],
                    states: array::from_fn(|i| states[i].part(state(i))),
                }
            };
            update(scalars, *together, piece);
        }
    });
    Ok(())
}

/// Cuts segments, given as elements and elements that stay together, into spans; each chunk is a range of these.
fn cut(segments: impl Iterator<Item = (usize, usize)>) -> (Vec<Span>, Vec<Range<usize>>) {
    let (mut spans, mut chunks): (Vec<Span>, Vec<Range<usize>>) = (Vec::new(), Vec::new());
    let mut room = 0;
    for (used, (len, together)) in segments.enumerate() {
        let most = together * (CHUNK / together).max(1);
        for start in (0..len).step_by(most) {
            let range = start..len.min(start + most);
            match chunks.last_mut().filter(|_| range.len() <= room) {
                Some(chunk) => chunk.end += 1,
                None => {
                    chunks.push(spans.len()..spans.len() + 1);
                    room = CHUNK.max(range.len());
                }
            }
            room -= range.len();
            spans.push(Span { used, range });
        }
    }
    (spans, chunks)
}

fn check_finite<S: Sync, T: Finite>(
    op: &'static str,
    context: &CpuContext,
    used: &[Used<S, T>],
    spans: &[Span],
    chunks: &[Range<usize>],
) -> Result<()> {
    let finite = |span: &Span| T::all_finite(context.isa, &used[span.used].gradient[span.range.clone()]);
    let bad = AtomicBool::new(false);
    context.pool.run(chunks.len(), &|i| {
        if !spans[chunks[i].clone()].iter().all(finite) {
            bad.store(true, Ordering::Relaxed);
        }
    });
    if !bad.into_inner() {
        return Ok(());
    }
    let span = spans.iter().find(|span| !finite(span)).expect("one was found");
    Err(Error::argument(op, describe_gradient(used[span.used].index)))
}
