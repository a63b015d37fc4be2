//! Register tiles of one vector of destination channels: of one group (each source channel is broadcast from memory),
//! or of several narrow ones (each group's lanes are filled with one of its source channels). Where the kernels multiply
//! pairs of bf16, a word is a pair of source channels.

use super::lanes::Lanes;
use crate::cpu::conv::image::Words;
use crate::cpu::gemm::microkernel::{Pairs, Vector};
use crate::cpu::isa::Isa;
use crate::dtype::{Dtype, Stored};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};

/// Pixels of one row that are computed side by side.
pub const RUN: usize = 4;
/// The most runs in a tile; with all [`RUN`] pixels the sums fill the registers of AVX2.
pub const MAX_RUNS: usize = 3;
/// The same where a vector holds several groups, whose weights take four registers.
pub const MAX_SPREAD_RUNS: usize = 2;
/// The most source channels of one group in a tile of the weight gradient.
pub const MAX_ROWS: usize = 8;
/// The most columns of the window in a tile of the weight gradient of several groups.
pub const MAX_COLUMNS: usize = 3;
/// The widest vector.
const MAX_LANES: usize = 16;

/// Some runs of destination pixels by all channels of some sets of groups. Distances in the source are in words, others in
/// floats.
pub struct GatherTile {
    /// Where the window of each run's first pixel starts.
    pub runs: [*const f32; MAX_RUNS],
    /// Distance between the windows of adjacent pixels.
    pub step: usize,
    /// Rows and columns of the window.
    pub taps: (usize, usize),
    /// Distance between rows of the window.
    pub row: usize,
    /// Distance between columns of the window.
    pub pixel: usize,
    /// `[sets][vectors][rows][columns][source word][LANES]`
    pub weights: *const f32,
    /// Sets of groups that share vectors.
    pub sets: usize,
    /// Vectors of destination channels of a set.
    pub vectors: usize,
    /// Source words of a group.
    pub from: usize,
    /// Distance between sets in the source.
    pub set_source: usize,
    /// Destination channels of a set.
    pub set_channels: usize,
    /// Destination channels to write; the last set may have fewer.
    pub channels: usize,
    /// Where each run's first pixel goes.
    pub to: [*mut f32; MAX_RUNS],
    /// Distance between adjacent pixels there.
    pub to_pixel: usize,
    /// How many pixels of each run to write; all [`RUN`] are read.
    pub pixels: [usize; MAX_RUNS],
}

/// The weight gradient of one vector of destination channels and some source channels or columns of the window.
pub struct OuterTile {
    /// The first row's source of the first pixel.
    pub source: *const f32,
    /// Distances between pixels, rows and images there.
    pub source_strides: [usize; 3],
    /// Distance between columns of the window there.
    pub pixel: usize,
    /// The result gradient of the first pixel.
    pub gradient: *const f32,
    /// Distances between pixels, rows and images there.
    pub gradient_strides: [usize; 3],
    /// Pixels of a row, rows of an image, images.
    pub counts: [usize; 3],
    /// `[columns][source channel][LANES]`
    pub to: *mut f32,
    /// Whether to add to what is there.
    pub accumulate: bool,
}

/// # Safety
/// The processor must have the kernel's instruction set; what the tile describes must be readable in whole runs and
/// vectors, and what it writes this thread's alone.
pub type GatherFn = unsafe fn(&GatherTile);
/// # Safety
/// As for [`GatherFn`].
pub type OuterFn = unsafe fn(&OuterTile);

/// The gathering kernels of one kind of words.
struct GatherFns {
    /// For one group: by the number of runs, from 1.
    one: [GatherFn; MAX_RUNS],
    /// For several groups of 2, 4 or 8 channels: by the number of runs, from 1.
    spread: [[GatherFn; MAX_SPREAD_RUNS]; 3],
}

/// The kernels of one instruction set.
pub struct GroupedKernels {
    /// What the kernels are compiled for, and what goes along with them should be.
    pub isa: Isa,
    pub lanes: usize,
    floats: GatherFns,
    /// Where pairs of bf16 are multiplied as such.
    pairs: Option<GatherFns>,
    /// For one group: by the number of source channels, from 1.
    outer: [OuterFn; MAX_ROWS],
    /// For several groups of 2, 4 or 8 channels: by the number of columns, from 1.
    outer_spread: [[OuterFn; MAX_COLUMNS]; 3],
}

/// The gathering kernels of a vector; groups of 2, 4 and 8 channels have so many words.
macro_rules! gather_fns {
    ($vector:ty, [$two:literal $four:literal $eight:literal] $(, #[$feature:meta])?) => {{
        $(#[$feature])?
        unsafe fn gather<const RUNS: usize, const WIDTH: usize, const WORDS: usize>(t: &GatherTile) {
            // SAFETY: passed on to the caller.
            unsafe { gather_tile::<$vector, RUNS, WIDTH, WORDS>(t) }
        }
        GatherFns {
            one: [gather::<1, 1, 1>, gather::<2, 1, 1>, gather::<3, 1, 1>],
            spread: [
                [gather::<1, 2, $two>, gather::<2, 2, $two>],
                [gather::<1, 4, $four>, gather::<2, 4, $four>],
                [gather::<1, 8, $eight>, gather::<2, 8, $eight>],
            ],
        }
    }};
}

macro_rules! kernels {
    ($name:ident, $isa:ident, $vector:ty $(, #[$feature:meta])?) => {
        const $name: GroupedKernels = {
            $(#[$feature])?
            unsafe fn outer<const ROWS: usize>(t: &OuterTile) {
                // SAFETY: passed on to the caller.
                unsafe { outer_tile::<$vector, ROWS>(t) }
            }
            $(#[$feature])?
            unsafe fn outer_spread<const COLUMNS: usize, const WIDTH: usize>(t: &OuterTile) {
                // SAFETY: passed on to the caller.
                unsafe { outer_spread_tile::<$vector, COLUMNS, WIDTH>(t) }
            }
            GroupedKernels {
                isa: Isa::$isa,
                lanes: <$vector as Vector>::LANES,
                floats: gather_fns!($vector, [2 4 8] $(, #[$feature])?),
                pairs: None,
                outer: [
                    outer::<1>,
                    outer::<2>,
                    outer::<3>,
                    outer::<4>,
                    outer::<5>,
                    outer::<6>,
                    outer::<7>,
                    outer::<8>,
                ],
                outer_spread: [
                    [outer_spread::<1, 2>, outer_spread::<2, 2>, outer_spread::<3, 2>],
                    [outer_spread::<1, 4>, outer_spread::<2, 4>, outer_spread::<3, 4>],
                    [outer_spread::<1, 8>, outer_spread::<2, 8>, outer_spread::<3, 8>],
                ],
            }
        };
    };
}

kernels!(PORTABLE, Portable, [f32; 4]);
#[cfg(target_arch = "x86_64")]
kernels!(AVX2, Avx2, __m256, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
kernels!(
    AVX512,
    Avx512,
    __m512,
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
);
// What it shares with AVX-512 is compiled once: code of two callers is no longer inlined into either.
#[cfg(target_arch = "x86_64")]
const AVX512_BF16: GroupedKernels = GroupedKernels {
    isa: Isa::Avx512Bf16,
    pairs: Some(gather_fns!(
        Pairs<__m512>,
        [1 2 4],
        #[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    )),
    ..AVX512
};
// The geometry of AVX-512 and emulated pairs, for tests on processors without them.
#[cfg(test)]
kernels!(WIDE, Portable, [f32; 16]);
#[cfg(all(test, target_arch = "x86_64"))]
const WIDE_PAIRS: GroupedKernels = GroupedKernels {
    isa: Isa::Avx2,
    pairs: Some(gather_fns!(Pairs<[f32; 16]>, [1 2 4], #[target_feature(enable = "avx2,fma")])),
    ..WIDE
};

impl GroupedKernels {
    /// The kernels of `isa`. Panics if the processor lacks it.
    pub fn of(isa: Isa) -> &'static GroupedKernels {
        isa.assert_supported();
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &AVX2,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &AVX512,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Bf16 => &AVX512_BF16,
            _ => &PORTABLE,
        }
    }

    /// The words that gathering reads of what tensors of `S` hold, in groups of so many channels.
    pub fn words<S: Stored>(&self, from: usize) -> Words {
        let pairs = self.pairs.is_some() && S::DTYPE == Dtype::Bf16 && from.is_multiple_of(2);
        if pairs { Words::Pairs } else { Words::Floats }
    }

    /// The kernel for a number of runs, of vectors over several groups of `width` channels, or of one (`width` 1).
    pub fn gather(&self, words: Words, runs: usize, width: usize) -> GatherFn {
        let fns = match (words, &self.pairs) {
            (Words::Pairs, Some(pairs)) => pairs,
            _ => &self.floats,
        };
        if width == 1 { fns.one[runs - 1] } else { fns.spread[width.ilog2() as usize - 1][runs - 1] }
    }

    /// The kernel for a number of source channels of one group.
    pub fn outer(&self, rows: usize) -> OuterFn {
        self.outer[rows - 1]
    }

    /// The kernel for a number of columns of the window, of several groups of `width` channels.
    pub fn outer_spread(&self, columns: usize, width: usize) -> OuterFn {
        self.outer_spread[width.ilog2() as usize - 1][columns - 1]
    }
}

/// The kernels of every available instruction set, and of one more geometry.
#[cfg(test)]
pub fn all_kernels() -> Vec<&'static GroupedKernels> {
    let mut all: Vec<_> = Isa::available().into_iter().map(GroupedKernels::of).collect();
    all.push(&WIDE);
    #[cfg(target_arch = "x86_64")]
    if Isa::Avx2.is_supported() {
        all.push(&WIDE_PAIRS);
    }
    all
}

/// `WIDTH` is the channels of a group if a vector holds several, else 1; `WORDS` the words that these are.
///
/// # Safety
/// As for [`GatherFn`]; call it from a function compiled for the vector's instruction set.
#[inline(always)]
unsafe fn gather_tile<V: Lanes, const RUNS: usize, const WIDTH: usize, const WORDS: usize>(t: &GatherTile) {
    // SAFETY: the caller vouches for every address that the tile describes.
    unsafe {
        let mut weights = t.weights;
        for set in 0..t.sets {
            for vector in 0..t.vectors {
                let mut sums = [[V::zero(); RUN]; RUNS];
                for row in 0..t.taps.0 {
                    let start = set * t.set_source + row * t.row;
                    let mut runs: [*const f32; RUNS] = std::array::from_fn(|run| t.runs[run].add(start));
                    for _ in 0..t.taps.1 {
                        if WIDTH == 1 {
                            add_broadcast(&mut sums, &runs, t.step, weights, t.from);
                        } else {
                            add_spread::<V, RUNS, WIDTH, WORDS>(&mut sums, &runs, t.step, weights);
                        }
                        weights = weights.add(t.from * V::LANES);
                        runs = runs.map(|run| run.add(t.pixel));
                    }
                }
                let first = set * t.set_channels + vector * V::LANES;
                let channels = (t.set_channels - vector * V::LANES).min(t.channels - first).min(V::LANES);
                for (run, sums) in sums.iter().enumerate() {
                    for (p, sum) in sums.iter().enumerate() {
                        if p < t.pixels[run] {
                            let to = t.to[run].add(p * t.to_pixel + first);
                            if channels == V::LANES { sum.store(to) } else { store_some(*sum, to, channels) }
                        }
                    }
                }
            }
        }
    }
}

/// Adds the products of one tap with the `from` words of one group.
///
/// # Safety
/// As for [`gather_tile`].
#[inline(always)]
unsafe fn add_broadcast<V: Vector, const RUNS: usize>(
    sums: &mut [[V; RUN]; RUNS],
    runs: &[*const f32; RUNS],
    step: usize,
    mut weights: *const f32,
    from: usize,
) {
    let mut runs = *runs;
    for _ in 0..from {
        // SAFETY: passed on to the caller.
        unsafe {
            let weight = V::load(weights);
            weights = weights.add(V::LANES);
            for (sums, run) in sums.iter_mut().zip(&mut runs) {
                for (p, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add_product(V::splat(*run.add(p * step)), weight);
                }
                *run = run.add(1);
            }
        }
    }
}

/// Adds the products of one tap with the channels of several groups.
///
/// # Safety
/// As for [`gather_tile`].
#[inline(always)]
unsafe fn add_spread<V: Lanes, const RUNS: usize, const WIDTH: usize, const WORDS: usize>(
    sums: &mut [[V; RUN]; RUNS],
    runs: &[*const f32; RUNS],
    step: usize,
    weights: *const f32,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        let weights: [V; WORDS] = std::array::from_fn(|i| V::load(weights.add(i * V::LANES)));
        for (sums, run) in sums.iter_mut().zip(runs) {
            for (p, sum) in sums.iter_mut().enumerate() {
                let source = V::load(run.add(p * step));
                for (i, weight) in weights.iter().enumerate() {
                    *sum = sum.add_product(source.fill_groups::<WIDTH>(i), *weight);
                }
            }
        }
    }
}

/// Writes the first lanes.
///
/// # Safety
/// As for [`Vector::store`], for `channels` floats, at most `LANES`.
#[inline(always)]
unsafe fn store_some<V: Vector>(vector: V, to: *mut f32, channels: usize) {
    let mut all = [0.0_f32; MAX_LANES];
    // SAFETY: the array holds every vector; the rest is passed on to the caller.
    unsafe {
        vector.store(all.as_mut_ptr());
        std::ptr::copy_nonoverlapping(all.as_ptr(), to, channels);
    }
}

/// Calls `f` with the source and the gradient of every pixel.
///
/// # Safety
/// As for [`OuterFn`].
#[inline(always)]
unsafe fn each_pixel(t: &OuterTile, mut f: impl FnMut(*const f32, *const f32)) {
    for image in 0..t.counts[2] {
        for row in 0..t.counts[1] {
            // SAFETY: the caller vouches for every pixel.
            unsafe {
                let mut source = t.source.add(image * t.source_strides[2] + row * t.source_strides[1]);
                let mut gradient = t.gradient.add(image * t.gradient_strides[2] + row * t.gradient_strides[1]);
                for _ in 0..t.counts[0] {
                    f(source, gradient);
                    source = source.wrapping_add(t.source_strides[0]);
                    gradient = gradient.wrapping_add(t.gradient_strides[0]);
                }
            }
        }
    }
}

/// Adds up what is there, if asked to, and writes the rows of `LANES`.
///
/// # Safety
/// As for [`OuterFn`].
#[inline(always)]
unsafe fn write_rows<V: Vector, const ROWS: usize>(t: &OuterTile, start: usize, sums: &mut [V; ROWS]) {
    // SAFETY: passed on to the caller.
    unsafe {
        let to = t.to.add(start * V::LANES);
        if t.accumulate {
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(to.add(r * V::LANES)).add(*sum);
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            sum.store(to.add(r * V::LANES));
        }
    }
}

/// # Safety
/// As for [`OuterFn`]; call it from a function compiled for the vector's instruction set.
#[inline(always)]
unsafe fn outer_tile<V: Vector, const ROWS: usize>(t: &OuterTile) {
    let mut sums: [V; ROWS];
    // SAFETY: the caller vouches for every address that the tile describes.
    unsafe {
        sums = [V::zero(); ROWS];
        each_pixel(t, |source, gradient| {
            let dy = V::load(gradient);
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = sum.add_product(V::splat(*source.add(r)), dy);
            }
        });
        write_rows(t, 0, &mut sums);
    }
}

/// # Safety
/// As for [`OuterFn`]; call it from a function compiled for the vector's instruction set.
#[inline(always)]
unsafe fn outer_spread_tile<V: Lanes, const COLUMNS: usize, const WIDTH: usize>(t: &OuterTile) {
    let mut sums: [[V; WIDTH]; COLUMNS];
    // SAFETY: the caller vouches for every address that the tile describes.
    unsafe {
        sums = [[V::zero(); WIDTH]; COLUMNS];
        each_pixel(t, |source, gradient| {
            let dy = V::load(gradient);
            for (column, sums) in sums.iter_mut().enumerate() {
                let source = V::load(source.add(column * t.pixel));
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add_product(source.fill_groups::<WIDTH>(i), dy);
                }
            }
        });
        for (column, sums) in sums.iter_mut().enumerate() {
            write_rows(t, column * WIDTH, sums);
        }
    }
}
