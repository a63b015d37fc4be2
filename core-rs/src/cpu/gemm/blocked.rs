//! One matrix product, blocked for the caches and cut into tasks.

use super::microkernel::{Kernels, MAX_MR, Tile};
use super::pack::{FEW, copy_a, pack_a, pack_b_panel, round_rows};
use super::tiling::{Grid, even_part, even_parts};
use super::{Mat, pairs};
use crate::cpu::epilogue::Epilogue;
use crate::cpu::pool::{SliceParts, ThreadPool};
use crate::cpu::scratch::Scratch;
use crate::dtype::{Dtype, Stored};
use std::ops::Range;

/// `C (+)= A B`; beyond `multiply`, the matrices are known to hold their shapes.
#[derive(Clone, Copy)]
pub struct Product<'a, S = f32> {
    pub kernels: &'static Kernels,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Mat<'a, S>,
    pub b: Mat<'a, S>,
    pub accumulate: bool,
}

/// How the kernels get at A, in words.
#[derive(Clone, Copy)]
enum ReadA<'a> {
    /// In place: each row's words are adjacent, the rows so many words apart.
    Rows(&'a [f32], usize),
    /// In place: each column's words are adjacent, the columns so many words apart.
    Columns(&'a [f32], usize),
    /// From rows that each task widens.
    Copied,
    /// From panels packed by each task.
    Packed,
    /// From panels packed once for all tasks: the blocks of the reduction of one range of rows after the other.
    Shared(&'a [f32]),
}

/// Words of packed B at a time (16 MiB); wider products are done in column strips.
const MAX_PACKED_B: usize = 1 << 22;
/// Multiply-adds below which threads do not pay (about a microsecond's worth).
const SERIAL_WORK: usize = 1 << 15;
/// Words of A that a task holds at most where it holds whole rows: they stay in the L2 cache.
const MAX_HELD_A: usize = 1 << 17;

/// Computes the product into row-major `c`, and what follows.
pub fn blocked<S: Stored, O: Stored>(
    pool: &ThreadPool,
    p: &Product<S>,
    c: &SliceParts<O>,
    then: Option<&dyn Epilogue>,
) {
    let (nr, words) = (p.kernels.nr(), p.kernels.words(p.k));
    let strip = (MAX_PACKED_B / words.max(1) / nr).max(1) * nr;
    for cols in even_parts(0..p.n, strip.max(nr)) {
        strip_product(pool, p, cols, c, then);
    }
}

/// Into how many strips of the reduction to cut a product whose A and B are both packed, so that what is packed of a strip
/// stays in the last cache.
pub fn strips<S: Stored>(p: &Product<S>) -> usize {
    /// Words of A and B together (4 MiB).
    const MAX_PACKED: usize = 1 << 20;
    /// Words of the reduction below which going over C again costs more.
    const MIN_STRIP: usize = 512;
    match read_a(p, p.n) {
        ReadA::Packed => {
            let words = p.kernels.words(p.k);
            (words * (p.m + p.n)).div_ceil(MAX_PACKED).min(words / MIN_STRIP).max(1)
        }
        _ => 1,
    }
}

fn read_a<'a, S: Stored>(p: &Product<'a, S>, n: usize) -> ReadA<'a> {
    /// Steps between columns up to this many floats leave caches and TLB at ease.
    const NEAR: usize = 64;
    let Mat { data, row_stride, col_stride } = p.a;
    if p.kernels.pairs {
        let even = p.k.is_multiple_of(2) && row_stride.is_multiple_of(2) && col_stride == 1;
        let words = S::as_bf16(data).filter(|_| even).and_then(pairs::words);
        return words.map_or(ReadA::Packed, |words| ReadA::Rows(words, row_stride / 2));
    }
    match S::as_f32(data) {
        Some(words) if col_stride == 1 => ReadA::Rows(words, row_stride),
        Some(words) if row_stride == 1 && (col_stride <= NEAR || n <= p.kernels.nr()) => {
            ReadA::Columns(words, col_stride)
        }
        None if col_stride == 1 => ReadA::Copied,
        _ => ReadA::Packed,
    }
}

/// The part of the product in the columns `cols` of C.
fn strip_product<S: Stored, O: Stored>(
    pool: &ThreadPool,
    p: &Product<S>,
    cols: Range<usize>,
    c: &SliceParts<O>,
    then: Option<&dyn Epilogue>,
) {
    let (kernels, nr, words) = (p.kernels, p.kernels.nr(), p.kernels.words(p.k));
    let n = cols.len();
    let panels = n.div_ceil(nr);
    let work = p.m * n * p.k;
    let run = |tasks: usize, f: &(dyn Fn(usize) + Sync)| {
        if work < SERIAL_WORK { (0..tasks).for_each(f) } else { pool.run(tasks, f) }
    };
    let panel_cols = |panel: usize| cols.start + panel * nr..cols.end.min(cols.start + (panel + 1) * nr);

    // Whole panels of a row-major B are read in place when there are too few rows of A to
    // make up for packing.
    let b_in_place = S::as_f32(p.b.data).filter(|_| p.b.col_stride == 1 && p.m <= 4 * kernels.mr);
    let in_place = if b_in_place.is_some() { n / nr } else { 0 };
    let panel_size = words * nr;
    let mut packed = Scratch::take((panels - in_place) * panel_size);
    let packed_parts = SliceParts::new(packed.as_mut_slice());
    let pack_tasks = Grid::new(1, panels - in_place, 8 * (panels - in_place) * panel_size, 1);
    let pack = |panel: usize, some: Range<usize>| {
        let start = panel * panel_size + some.start * nr;
        // SAFETY: each part of a panel is in one task.
        let part = unsafe { packed_parts.part(start..start + some.len() * nr) };
        let per_word = kernels.per_word();
        let ks = some.start * per_word..p.k.min(some.end * per_word);
        pack_b_panel(kernels, &p.b, ks, panel_cols(in_place + panel), part);
    };
    run(pack_tasks.tasks(), &|task| {
        if p.b.col_stride == 1 {
            // Rows are read from one end to the other, for all panels.
            for some in even_parts(even_part(words, pack_tasks.tasks(), task), FEW) {
                (0..panels - in_place).for_each(|panel| pack(panel, some.clone()));
            }
        } else {
            even_part(panels - in_place, pack_tasks.tasks(), task).for_each(|panel| pack(panel, 0..words));
        }
    });

    let packed = packed.as_slice();
    let mut read_a = read_a(p, n);
    let blocks = words.div_ceil(kernels.kc).max(1);
    // Sums of f32 are continued in C itself, block by block of the reduction. What is rounded is held apart until it is
    // whole, so that a task goes through the reduction panel by panel and holds its rows of A.
    let direct = O::DTYPE == Dtype::F32;
    let most = if direct { usize::MAX } else { (MAX_HELD_A / words.max(1)).max(4 * kernels.mr) };
    let grid = Grid::new(p.m, panels, work, kernels.mr).with_rows(p.m, most);
    let rows_of = |block: usize| even_part(p.m, grid.row_blocks, block);
    let block_of = |block: usize| even_part(words, blocks, block);
    let shared = matches!(read_a, ReadA::Packed) && grid.panel_groups > 1;
    let mut packed_a = Scratch::take(if shared { p.m * words } else { 0 });
    if shared {
        let parts = SliceParts::new(packed_a.as_mut_slice());
        run(grid.row_blocks * blocks, &|task| {
            let (rows, ks) = (rows_of(task / blocks), block_of(task % blocks));
            let start = rows.start * words + rows.len() * ks.start;
            // SAFETY: each block is in one task.
            let part = unsafe { parts.part(start..start + rows.len() * ks.len()) };
            prepare(p, ReadA::Packed, &rows, &ks, part);
        });
        read_a = ReadA::Shared(packed_a.as_slice());
    }
    run(grid.tasks(), &|task| {
        let rows = rows_of(task / grid.panel_groups);
        let group = even_part(panels, grid.panel_groups, task % grid.panel_groups);
        let held = match read_a {
            ReadA::Rows(..) | ReadA::Columns(..) | ReadA::Shared(_) => 0,
            ReadA::Copied | ReadA::Packed => rows.len() * if direct { kernels.kc.min(words) } else { words },
        };
        let mut held = Scratch::take(held);
        let b_of = |panel: usize, ks: &Range<usize>| match b_in_place {
            Some(b) if panel < in_place => {
                (&b[(ks.start * p.b.row_stride + panel_cols(panel).start).min(b.len())..], p.b.row_stride)
            }
            _ => (&packed[(panel - in_place) * panel_size + ks.start * nr..], nr),
        };
        if direct {
            let c = c.as_mut_ptr().cast::<f32>();
            // Even for k = 0 there is one block, which zeroes C.
            for ks in (0..blocks).map(block_of) {
                prepare(p, read_a, &rows, &ks, held.as_mut_slice());
                let block = Block { p, rows: rows.clone(), ks, read_a, held: held.as_slice() };
                for panel in group.clone() {
                    let cols = panel_cols(panel);
                    let target = Target {
                        c: c.wrapping_add(rows.start * p.n + cols.start),
                        stride: p.n,
                        cols: cols.len(),
                        accumulate: p.accumulate || block.ks.start > 0,
                    };
                    // SAFETY: tasks write disjoint blocks of C, which was checked against m x n.
                    unsafe { block.run(b_of(panel, &block.ks), &target) };
                    let Some(then) = then.filter(|_| block.ks.end == words) else { continue };
                    let mut sums = rows.clone().map(|row| {
                        let at = row * p.n + cols.start;
                        let sums = c.wrapping_add(at);
                        // SAFETY: as above; every row is taken once.
                        (at, unsafe { std::slice::from_raw_parts_mut(sums, cols.len()) })
                    });
                    then.apply(kernels.isa, cols.start, &mut sums);
                }
            }
            return;
        }
        for ks in (0..blocks).map(block_of) {
            let at = if held.as_slice().is_empty() { 0 } else { rows.len() * ks.start };
            prepare(p, read_a, &rows, &ks, &mut held.as_mut_slice()[at..]);
        }
        let mut sums = Scratch::take(rows.len() * nr);
        for panel in group {
            let cols = panel_cols(panel);
            for ks in (0..blocks).map(block_of) {
                let at = if held.as_slice().is_empty() { 0 } else { rows.len() * ks.start };
                let block = Block { p, rows: rows.clone(), ks, read_a, held: &held.as_slice()[at..] };
                let target = Target {
                    c: sums.as_mut_slice().as_mut_ptr(),
                    stride: nr,
                    cols: cols.len(),
                    accumulate: block.ks.start > 0,
                };
                // SAFETY: the sums are this task's, of as many rows.
                unsafe { block.run(b_of(panel, &block.ks), &target) };
            }
            let at = |row: usize| (rows.start + row) * p.n + cols.start;
            if let Some(then) = then {
                let sums = sums.as_mut_slice().chunks_exact_mut(nr).enumerate();
                then.apply(kernels.isa, cols.start, &mut sums.map(|(row, sums)| (at(row), &mut sums[..cols.len()])));
            }
            // SAFETY: tasks write disjoint blocks of C.
            unsafe { round_rows(kernels.isa, sums.as_slice(), (nr, cols.len()), c, at) };
        }
    });
}

/// Copies what a task reads of A in a block of the reduction, unless it reads in place.
fn prepare<S: Stored>(p: &Product<S>, read_a: ReadA, rows: &Range<usize>, ks: &Range<usize>, to: &mut [f32]) {
    let per_word = p.kernels.per_word();
    let elements = ks.start * per_word..p.k.min(ks.end * per_word);
    match read_a {
        ReadA::Rows(..) | ReadA::Columns(..) | ReadA::Shared(_) => {}
        ReadA::Copied => copy_a(p.kernels, &p.a, rows.clone(), elements, to),
        ReadA::Packed => pack_a(p.kernels, &p.a, rows.clone(), elements, to),
    }
}

/// Some rows of A by one cache block of the reduction, in words.
struct Block<'a, S> {
    p: &'a Product<'a, S>,
    rows: Range<usize>,
    ks: Range<usize>,
    read_a: ReadA<'a>,
    held: &'a [f32],
}

/// Where a block's sums go: the first one, the distance between rows, and how many columns.
struct Target {
    c: *mut f32,
    stride: usize,
    cols: usize,
    accumulate: bool,
}

impl<S: Stored> Block<'_, S> {
    /// Multiplies the block by one panel of B, given with the distance of its rows.
    ///
    /// # Safety
    /// The target has room for these rows, which no other thread may access, and whole vectors of `b`
    /// must be readable at each step.
    unsafe fn run(&self, (b, b_step): (&[f32], usize), target: &Target) {
        let kernels = self.p.kernels;
        let mut held = match self.read_a {
            ReadA::Shared(all) => &all[self.rows.start * kernels.words(self.p.k) + self.rows.len() * self.ks.start..],
            _ => self.held,
        };
        let mut tile = Tile {
            steps: self.ks.len(),
            b: b.as_ptr(),
            b_step,
            cols: target.cols,
            accumulate: target.accumulate,
            ..Tile::EMPTY
        };
        for rows in even_parts(self.rows.clone(), kernels.mr.min(MAX_MR)) {
            let (first, count) = (rows.start - self.rows.start, rows.len());
            for (i, c) in tile.c[..count].iter_mut().enumerate() {
                *c = target.c.wrapping_add((first + i) * target.stride);
            }
            let kernel = match self.read_a {
                ReadA::Rows(words, stride) => {
                    for (a, row) in tile.a.iter_mut().zip(rows) {
                        *a = words.as_ptr().wrapping_add(row * stride + self.ks.start);
                    }
                    kernels.by_rows(count, target.cols)
                }
                ReadA::Columns(words, stride) => {
                    tile.a[0] = words.as_ptr().wrapping_add(rows.start + self.ks.start * stride);
                    tile.a_step = stride;
                    kernels.by_panel(count, target.cols)
                }
                ReadA::Copied => {
                    for (i, a) in tile.a[..count].iter_mut().enumerate() {
                        *a = held.as_ptr().wrapping_add((first + i) * self.ks.len());
                    }
                    kernels.by_rows(count, target.cols)
                }
                ReadA::Packed | ReadA::Shared(_) => {
                    tile.a[0] = held.as_ptr();
                    tile.a_step = count;
                    held = &held[count * self.ks.len()..];
                    kernels.by_panel(count, target.cols)
                }
            };
            // SAFETY: A, B and C hold this tile, and `Kernels::of` checked the processor.
            unsafe { kernel(&tile) };
        }
    }
}
