//! The register-tile kernel, written once over a vector type and a tile size.

use crate::cpu::isa::Isa;
use crate::dtype::{Dtype, Stored};

/// The most tile rows that any instruction set uses.
pub const MAX_MR: usize = 12;

/// One tile of work: `C[i][j] (+)= sum over s, t of A[i](s, t) * B(s, t)[j]` for segments
/// `s` and steps `t` within a segment.
///
/// All distances are in words of 32 bits: floats, or in A and B of [`Kernels::pairs`] two bf16 that follow each other in
/// the reduction. Segments let a convolution walk a window of an image: the steps of one segment are adjacent, the next
/// segment starts a row of the image later.
pub struct Tile {
    /// How many segments there are.
    pub segments: usize,
    /// How many steps each segment has.
    pub steps: usize,
    /// Row kernels: where each tile row starts (steps are adjacent). Panel kernels: only the
    /// first is used, and the rows of one step are adjacent.
    pub a: [*const f32; MAX_MR],
    /// Panel kernels: distance between steps in A.
    pub a_step: usize,
    /// Distance between segments in A.
    pub a_segment: usize,
    /// Where B starts; the columns of one step are adjacent.
    pub b: *const f32,
    /// Distance between steps in B.
    pub b_step: usize,
    /// Distance between segments in B.
    pub b_segment: usize,
    /// Where each tile row of C starts; columns are adjacent.
    pub c: [*mut f32; MAX_MR],
    /// How many columns of C to write. B is read in whole vectors all the same.
    pub cols: usize,
    /// Whether to add to C instead of overwriting it.
    pub accumulate: bool,
}

impl Tile {
    /// A tile of one segment with nothing to do yet.
    pub const EMPTY: Tile = Tile {
        segments: 1,
        steps: 0,
        a: [std::ptr::null(); MAX_MR],
        a_step: 0,
        a_segment: 0,
        b: std::ptr::null(),
        b_step: 0,
        b_segment: 0,
        c: [std::ptr::null_mut(); MAX_MR],
        cols: 0,
        accumulate: false,
    };
}

/// A compiled kernel.
///
/// # Safety
/// The processor must have the kernel's instruction set, everything that the tile describes
/// must be readable (C: writable, by this thread alone), and `cols` must fit the kernel.
pub type TileFn = unsafe fn(&Tile);

/// Row counts `1..=MAX_MR`, index 0 for one row.
pub type ByRows = [TileFn; MAX_MR];

/// The kernels of one instruction set.
#[derive(Debug)]
pub struct Kernels {
    /// What the kernels are compiled for, and what goes along with them should be.
    pub isa: Isa,
    /// Whether a word of A and B is a pair of bf16, of which a step takes both.
    pub pairs: bool,
    /// The most rows in a tile.
    pub mr: usize,
    /// Floats in a vector.
    pub lanes: usize,
    /// Steps per cache block: `kc * nr` words of B should take about half the L1 cache.
    pub kc: usize,
    /// For each row count, kernels one and two vectors wide that read A by rows.
    pub rows: [ByRows; 2],
    /// The same, reading A by panels.
    pub panel: [ByRows; 2],
}

impl Kernels {
    /// The most columns in a tile.
    pub fn nr(&self) -> usize {
        2 * self.lanes
    }

    /// Elements of the reduction in a word.
    pub fn per_word(&self) -> usize {
        1 + usize::from(self.pairs)
    }

    /// The words of a reduction over `k` elements.
    pub fn words(&self, k: usize) -> usize {
        k.div_ceil(self.per_word())
    }

    /// The kernel for an exact row count and at most `cols` columns that reads A by rows.
    pub fn by_rows(&self, rows: usize, cols: usize) -> TileFn {
        self.rows[usize::from(cols > self.lanes)][rows - 1]
    }

    /// The kernel for an exact row count and at most `cols` columns that reads A by panels.
    pub fn by_panel(&self, rows: usize, cols: usize) -> TileFn {
        self.panel[usize::from(cols > self.lanes)][rows - 1]
    }

    /// The kernels of `isa` that multiply in f32. Panics if the processor lacks it.
    pub fn of(isa: Isa) -> &'static Kernels {
        isa.assert_supported();
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &super::microkernel_avx2::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx512Bf16 => &super::microkernel_avx512::KERNELS,
            _ => &super::microkernel_portable::KERNELS,
        }
    }

    /// Those for windows of pixels of so many channels: of pairs where the channels are, so that images are copied as they lie.
    pub fn for_windows(&'static self, channels: usize) -> &'static Kernels {
        if channels.is_multiple_of(2) { self } else { self.in_floats() }
    }

    /// The same, or those that multiply in f32 where these multiply pairs.
    pub fn in_floats(&'static self) -> &'static Kernels {
        if self.pairs { Self::of(self.isa) } else { self }
    }

    /// The kernels of `isa` for what tensors of `S` hold: in f32, or by pairs of bf16 where it has these.
    pub fn for_stored<S: Stored>(isa: Isa) -> &'static Kernels {
        #[cfg(target_arch = "x86_64")]
        if S::DTYPE == Dtype::Bf16 && isa == Isa::Avx512Bf16 {
            isa.assert_supported();
            return &super::microkernel_avx512_bf16::KERNELS;
        }
        Self::of(isa)
    }
}

/// The kernels of every available instruction set that multiply in f32, and of one more tile geometry.
#[cfg(test)]
pub fn all_kernels() -> Vec<&'static Kernels> {
    let mut all: Vec<_> = Isa::available().into_iter().map(Kernels::of).collect();
    all.push(&super::microkernel_portable::WIDE);
    all
}

/// All kernels that take bf16: those that multiply in f32, the emulated pairs (in AVX2), and the real ones where there are any.
#[cfg(test)]
pub fn all_narrow_kernels() -> Vec<&'static Kernels> {
    let mut all = all_kernels();
    #[cfg(target_arch = "x86_64")]
    if Isa::Avx2.is_supported() {
        all.push(&super::microkernel_emulated::PAIRS);
    }
    all.extend(
        Isa::available().into_iter().map(Kernels::for_stored::<crate::dtype::Bf16>).filter(|kernels| kernels.pairs),
    );
    all
}

/// A vector register.
///
/// # Safety
/// Implementations need the instruction set they are written for; `load` and `store` access
/// `LANES` floats at an address of any alignment.
pub trait Vector: Copy {
    const LANES: usize;
    unsafe fn zero() -> Self;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    /// `self + a * b`; of pairs the sum of both products is added.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
}

/// A vector that also multiplies words which are pairs of bf16.
///
/// # Safety
/// As for [`Vector`].
pub trait PairVector: Vector {
    /// `self` and the products of both elements of each pair.
    unsafe fn add_pairs(self, a: Self, b: Self) -> Self;
}

/// Sums in f32, or words that are pairs of bf16, of which a step takes both.
#[derive(Clone, Copy)]
pub struct Pairs<V>(V);

impl<V> Pairs<V> {
    /// The same words in another order.
    #[inline(always)]
    pub fn map(self, order: impl FnOnce(V) -> V) -> Self {
        Pairs(order(self.0))
    }
}

// SAFETY (of every block below): the trait's contract is passed on to the vector's.
impl<V: PairVector> Vector for Pairs<V> {
    const LANES: usize = V::LANES;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        Pairs(unsafe { V::zero() })
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: see above.
        Pairs(unsafe { V::splat(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        Pairs(unsafe { V::load(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { self.0.store(to) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Pairs(unsafe { self.0.add(other.0) })
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: see above.
        Pairs(unsafe { self.0.add_pairs(a.0, b.0) })
    }
}

/// The widest tile row of any instruction set, in floats.
const MAX_NR: usize = 32;

/// Computes `MR` rows of `NV` vectors, holding all of C in registers.
///
/// # Safety
/// As for [`TileFn`]; call it from a function compiled for the vector's instruction set.
#[inline(always)]
pub unsafe fn tile<V: Vector, const MR: usize, const NV: usize, const PANEL: bool>(t: &Tile) {
    // SAFETY: the caller vouches for every address that the tile describes.
    unsafe {
        // C is next needed after the whole reduction: time enough to fetch it.
        for c in &t.c[..MR] {
            prefetch(*c);
            prefetch(c.wrapping_add(t.cols.saturating_sub(1)));
        }
        let mut acc = [[V::zero(); NV]; MR];
        for segment in 0..t.segments {
            let mut b = t.b.add(segment * t.b_segment);
            let a_offset = segment * t.a_segment;
            if PANEL {
                let mut a = t.a[0].add(a_offset);
                for _ in 0..t.steps {
                    step(&mut acc, b, |i| *a.add(i));
                    a = a.add(t.a_step);
                    b = b.add(t.b_step);
                }
            } else {
                let rows: [*const f32; MR] = std::array::from_fn(|i| t.a[i].add(a_offset));
                for k in 0..t.steps {
                    step(&mut acc, b, |i| *rows[i].add(k));
                    b = b.add(t.b_step);
                }
            }
        }
        // Loop bodies must stay tiny: only if they all unroll is `acc` kept in registers.
        if t.cols < NV * V::LANES {
            let mut sums = [[0.0_f32; MAX_NR]; MR];
            for (row, sums) in acc.iter().zip(&mut sums) {
                for (v, sum) in row.iter().enumerate() {
                    sum.store(sums.as_mut_ptr().add(v * V::LANES));
                }
            }
            write_partial(&sums, t);
            return;
        }
        if t.accumulate {
            for (row, &c) in acc.iter_mut().zip(&t.c) {
                for (v, sum) in row.iter_mut().enumerate() {
                    *sum = V::load(c.add(v * V::LANES)).add(*sum);
                }
            }
        }
        for (row, &c) in acc.iter().zip(&t.c) {
            for (v, sum) in row.iter().enumerate() {
                sum.store(c.add(v * V::LANES));
            }
        }
    }
}

/// Asks for the cache line at `at`, which may be any address.
#[inline(always)]
fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching never faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Adds the outer product of one step's column of A and row of B.
///
/// # Safety
/// `b` must point at `NV` readable vectors.
#[inline(always)]
unsafe fn step<V: Vector, const MR: usize, const NV: usize>(
    acc: &mut [[V; NV]; MR],
    b: *const f32,
    a: impl Fn(usize) -> f32,
) {
    // SAFETY: the caller vouches for `b`, and for the instruction set.
    unsafe {
        let b: [V; NV] = std::array::from_fn(|v| V::load(b.add(v * V::LANES)));
        for (i, row) in acc.iter_mut().enumerate() {
            let a = V::splat(a(i));
            for (sum, b) in row.iter_mut().zip(b) {
                *sum = sum.add_product(a, b);
            }
        }
    }
}

/// Writes the first `cols` sums of each row.
///
/// # Safety
/// As for [`TileFn`], with `cols` at most `MAX_NR`.
#[inline(never)]
unsafe fn write_partial(sums: &[[f32; MAX_NR]], t: &Tile) {
    for (sums, &c) in sums.iter().zip(&t.c) {
        for (j, sum) in sums[..t.cols].iter().enumerate() {
            // SAFETY: only the first `cols` floats of each row of C are touched.
            unsafe {
                let c = c.add(j);
                *c = if t.accumulate { *c + sum } else { *sum };
            }
        }
    }
}

/// Makes the [`Kernels`] of a kernel for these row counts; counts beyond the tile's limit repeat the last.
macro_rules! kernels {
    ($kernel:ident, $isa:ident, pairs: $pairs:literal, mr: $mr:literal, lanes: $lanes:literal, kc: $kc:literal, $counts:tt) => {
        $crate::cpu::gemm::microkernel::Kernels {
            isa: $crate::cpu::isa::Isa::$isa,
            pairs: $pairs,
            mr: $mr,
            lanes: $lanes,
            kc: $kc,
            rows: kernels!(@widths $kernel, false, $counts),
            panel: kernels!(@widths $kernel, true, $counts),
        }
    };
    (@widths $kernel:ident, $panel:literal, $counts:tt) => {
        [kernels!(@counts $kernel, 1, $panel, $counts), kernels!(@counts $kernel, 2, $panel, $counts)]
    };
    (@counts $kernel:ident, $nv:literal, $panel:literal, [$($rows:literal)*]) => {
        [$($kernel::<$rows, $nv, $panel> as $crate::cpu::gemm::microkernel::TileFn),*]
    };
}
pub(super) use kernels;
