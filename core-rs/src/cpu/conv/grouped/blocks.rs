//! How the channels of all groups are cut into vectors, and the weights in that order.

use super::kernels::GroupedKernels;
use crate::cpu::conv::image::Words;
use crate::cpu::gemm::pairs;
use crate::dtype::Stored;

/// Destination channels in vectors; groups that share vectors make a set.
#[derive(Clone, Copy)]
pub struct Blocks {
    pub groups: usize,
    /// Source channels of a group.
    pub from: usize,
    /// Destination channels of a group.
    pub to: usize,
    pub lanes: usize,
    /// What kernels read of source and weights.
    pub words: Words,
}

impl Blocks {
    pub fn new(kernels: &GroupedKernels, words: Words, groups: usize, from: usize, to: usize) -> Blocks {
        Blocks { groups, from, to, lanes: kernels.lanes, words }
    }

    /// Source words of a group.
    pub fn group_words(&self) -> usize {
        self.words.count(self.from)
    }

    /// Channels of a group if a vector holds several, else 1.
    pub fn width(&self) -> usize {
        let fits = self.from == self.to && 2 * self.to <= self.lanes && matches!(self.to, 2 | 4 | 8);
        if fits { self.to } else { 1 }
    }

    fn groups_per_set(&self) -> usize {
        if self.width() > 1 { self.lanes / self.to } else { 1 }
    }

    pub fn sets(&self) -> usize {
        self.groups.div_ceil(self.groups_per_set())
    }

    /// Source channels of a set; the last may have fewer.
    pub fn set_source(&self) -> usize {
        self.groups_per_set() * self.from
    }

    /// Destination channels of a set; the last may have fewer.
    pub fn set_channels(&self) -> usize {
        self.groups_per_set() * self.to
    }

    /// Vectors of a set.
    pub fn vectors(&self) -> usize {
        self.set_channels().div_ceil(self.lanes)
    }

    /// Destination channels of a vector of a set: the first, and how many.
    pub fn channels(&self, set: usize, vector: usize) -> (usize, usize) {
        let first = set * self.set_channels() + vector * self.lanes;
        let end = ((set + 1) * self.set_channels()).min(self.groups * self.to);
        (first, (end - first).min(self.lanes))
    }

    /// Words of a set's weights.
    pub fn set_weights(&self, taps: usize) -> usize {
        self.vectors() * taps * self.group_words() * self.lanes
    }

    /// Packs a set's weights as `[vector][tap][source word][lane]`, zero in lanes without a channel.
    pub fn pack_weights<S: Stored>(&self, set: usize, weights: &Weights<S>, to: &mut [f32]) {
        let size = to.len() / self.vectors();
        for (vector, to) in to.chunks_exact_mut(size).enumerate() {
            let (first, channels) = self.channels(set, vector);
            if channels < self.lanes {
                to.fill(0.0);
            }
            for lane in 0..channels {
                let (group, channel) = ((first + lane) / self.to, (first + lane) % self.to);
                let start = group * weights.group + channel * weights.to;
                for (tap, to) in to.chunks_exact_mut(self.group_words() * self.lanes).enumerate() {
                    let start = start + (weights.tap)(tap);
                    for (source, to) in to.chunks_exact_mut(self.lanes).enumerate() {
                        to[lane] = weights.word(self.words, start, source);
                    }
                }
            }
        }
    }
}

/// Weights as [`Blocks::pack_weights`] reads them; distances in elements.
pub struct Weights<'a, S> {
    pub data: &'a [S],
    /// Distance between groups.
    pub group: usize,
    /// Distance between destination channels of a group.
    pub to: usize,
    /// Distance between source channels of a group.
    pub from: usize,
    /// Where the weights of a tap of the window begin.
    pub tap: &'a (dyn Fn(usize) -> usize + Sync),
}

impl<S: Stored> Weights<'_, S> {
    /// A word of the source channels that begin at `start`.
    fn word(&self, words: Words, start: usize, index: usize) -> f32 {
        if words == Words::Floats {
            return self.data[start + index * self.from].widen();
        }
        let data = S::as_bf16(self.data).expect("pairs are of bf16");
        let first = start + 2 * index * self.from;
        pairs::word(data[first], data[first + self.from])
    }
}
