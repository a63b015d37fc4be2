//! The segment table, and the shape rule of the optimizer steps.

use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::ops::{Inputs, Params};
use crate::shape::{Meta, Shape};

/// How one parameter is treated.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub rate_scale: f64,
    pub weight_decay: f64,
    pub frozen: bool,
}

/// One [`Segment`] for each pair of parameter and gradient.
pub struct Table {
    pub segments: Vec<Segment>,
}

/// Input of the learning rate, and of the step counts.
pub const RATE: usize = 0;
pub const STEPS: usize = 1;
/// The first state tensor; the pairs follow the last one.
pub const STATES: usize = 2;

impl Table {
    /// Reads the last parameters: a learning-rate scale, a weight decay and 0 or 1 (frozen) for each segment.
    pub fn parse(params: &mut Params) -> Result<Table> {
        let numbers = params.rest_f64("segments")?;
        let (segments, rest) = numbers.as_chunks::<3>();
        if !rest.is_empty() {
            return Err(Error::argument(
                params.op(),
                format!("Expected `segments` as three numbers for each pair, got {} numbers", numbers.len()),
            ));
        }
        let segment = |(index, &[rate_scale, weight_decay, frozen]): (usize, &[f64; 3])| {
            if frozen != 0.0 && frozen != 1.0 {
                return Err(Error::argument(
                    params.op(),
                    format!("Expected `frozen` of segment {index} as 0 or 1, got {frozen}"),
                ));
            }
            Ok(Segment { rate_scale, weight_decay, frozen: frozen == 1.0 })
        };
        Ok(Table { segments: segments.iter().enumerate().map(segment).collect::<Result<_>>()? })
    }

    /// Checks the inputs of a step with `states` state tensors, of which those that `needed` denies may be absent.
    pub fn check(&self, inputs: &Inputs, states: usize, needed: impl Fn(usize) -> bool) -> Result<Vec<Meta>> {
        let (op, count) = (inputs.op, self.segments.len());
        let first = STATES + states;
        let given = inputs.count().saturating_sub(first);
        if given != 2 * count {
            return Err(Error::argument(
                op,
                format!("Expected a parameter and a gradient for each of {count} segments, got {given} tensors"),
            ));
        }
        let what = "parameters, their gradients and optimizer state (the master weights)";
        (0..count).try_for_each(|pair| inputs.master(first + 2 * pair, what).map(|_| ()))?;
        let dtype = inputs.master(STATES, what)?.dtype;
        let rate = inputs.of(RATE, dtype)?;
        if rate.shape.len() != 1 {
            return Err(Error::shape(op, format!("Expected `lr` with one element, got shape {}", rate.shape)));
        }
        inputs.exactly(STEPS, Dtype::I32, Shape::new(op, &[count + 1])?)?;
        let mut total = 0usize;
        for pair in 0..count {
            let (parameter, gradient) = (first + 2 * pair, first + 2 * pair + 1);
            let shape = inputs.of(parameter, dtype)?.shape;
            inputs.exactly_if_there(gradient, dtype, shape)?;
            total = total.saturating_add(shape.len());
        }
        let flat = Shape::new(op, &[total])?;
        for state in 0..states {
            let index = STATES + state;
            if needed(state) || inputs.optional(index).is_some() {
                inputs.exactly(index, dtype, flat)?;
            }
        }
        Ok(Vec::new())
    }
}
