//! What each result along an axis is the weighted sum of. The rules are PyTorch's: adaptive average pooling, and `interpolate`
//! without aligned corners.

use crate::error::{Error, Result};
use crate::ops::Params;

/// How an axis is resampled, by its code in the op table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The mean of the pixels that a result overlaps, whole pixels each.
    Mean,
    /// The pixel under a result's start.
    Nearest,
    /// The two pixels around a result's centre by their distances, the edge repeated.
    Linear,
}

impl Rule {
    pub fn parse(params: &mut Params) -> Result<Rule> {
        match params.u32("rule")? {
            0 => Ok(Rule::Mean),
            1 => Ok(Rule::Nearest),
            2 => Ok(Rule::Linear),
            code => Err(Error::argument(params.op(), format!("Expected `rule` as 0, 1 or 2, got {code}"))),
        }
    }
}

/// One axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub rule: Rule,
    pub size: usize,
    pub results: usize,
    /// Results to a source pixel; 0 where it follows from the sizes.
    pub scale: f64,
}

impl Line {
    /// Source pixels to a result.
    fn step(&self) -> f64 {
        if self.scale > 0.0 { 1.0 / self.scale } else { self.size as f64 / self.results as f64 }
    }

    /// The sources of a result and their weights, in their order.
    pub fn terms(&self, result: usize) -> impl Iterator<Item = (usize, f64)> + Clone + use<> {
        let (sources, weights) = match self.rule {
            Rule::Mean => {
                let start = result * self.size / self.results;
                let end = ((result + 1) * self.size).div_ceil(self.results);
                let share = 1.0 / (end - start) as f64;
                (start..end, [share, share])
            }
            Rule::Nearest => {
                let at = self.nearest(result);
                (at..at + 1, [1.0, 0.0])
            }
            Rule::Linear => {
                let place = if self.size == self.results {
                    result as f64
                } else {
                    ((result as f64 + 0.5) * self.step() - 0.5).max(0.0)
                };
                let at = (place as usize).min(self.size - 1);
                let share = (place - at as f64).min(1.0);
                let alone = share == 0.0 || at + 1 == self.size;
                (at..at + if alone { 1 } else { 2 }, if alone { [1.0, 0.0] } else { [1.0 - share, share] })
            }
        };
        let start = sources.start;
        sources.map(move |source| (source, weights[usize::from(source > start)]))
    }

    /// PyTorch finds it in single precision in every dtype, which decides where a result starts on a pixel's edge.
    fn nearest(&self, result: usize) -> usize {
        if self.size == self.results {
            return result;
        }
        if self.results == 2 * self.size {
            return result / 2;
        }
        let step = if self.scale > 0.0 { self.step() as f32 } else { self.size as f32 / self.results as f32 };
        ((result as f32 * step) as usize).min(self.size - 1)
    }
}
