//! How a matrix product is cut into blocks: from its shape alone, never the thread count, so
//! that results do not depend on it.

use std::ops::Range;

/// The `index`th of `parts` nearly equal ranges that make up `0..len`.
pub fn even_part(len: usize, parts: usize, index: usize) -> Range<usize> {
    let (base, extra) = (len / parts, len % parts);
    let start = index * base + index.min(extra);
    start..start + base + usize::from(index < extra)
}

/// Nearly equal ranges of at most `limit` that make up `range`.
pub fn even_parts(range: Range<usize>, limit: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = range.len().div_ceil(limit);
    (0..parts).map(move |i| {
        let part = even_part(range.len(), parts, i);
        range.start + part.start..range.start + part.end
    })
}

/// A grid of tasks over the rows and column panels of C.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Ranges of rows.
    pub row_blocks: usize,
    /// Ranges of column panels.
    pub panel_groups: usize,
}

/// Rows per task at most, so that its block of A stays in the L2 cache.
const MAX_ROWS: usize = 144;
/// Multiply-adds below which a task costs more to hand out than it gains (a few us).
const TASK_WORK: usize = 1 << 18;
/// Tasks are cut no finer once there are this many.
const ENOUGH_TASKS: usize = 48;

impl Grid {
    /// Cuts `m` rows by `panels` column panels, `work` multiply-adds altogether.
    pub fn new(m: usize, panels: usize, work: usize, mr: usize) -> Grid {
        let wanted = (work / TASK_WORK).clamp(1, ENOUGH_TASKS);
        let mut grid = Grid { row_blocks: m.div_ceil(MAX_ROWS), panel_groups: 1 };
        while grid.tasks() < wanted {
            let rows = m.div_ceil(grid.row_blocks);
            let group = panels.div_ceil(grid.panel_groups);
            // Wide groups reuse packed A more; tall blocks reuse each panel of B more. A
            // single block of rows has little to pack, so its groups may be narrow.
            let narrow = grid.row_blocks == 1 || work / grid.tasks() > 8 * TASK_WORK;
            if group >= 64 || (group >= 16 && rows <= 8 * mr) {
                grid.panel_groups *= 2;
            } else if rows > 8 * mr {
                grid.row_blocks *= 2;
            } else if narrow && group > 1 {
                grid.panel_groups = (grid.panel_groups * 2).min(panels);
            } else {
                break;
            }
        }
        grid
    }

    /// The same with at most so many rows a task.
    pub fn with_rows(self, m: usize, most: usize) -> Grid {
        Grid { row_blocks: self.row_blocks.max(m.div_ceil(most)), ..self }
    }

    /// The number of tasks.
    pub fn tasks(&self) -> usize {
        self.row_blocks * self.panel_groups
    }
}

/// How many pieces to cut a long reduction into, when C alone gives too few tasks.
pub fn reduction_pieces(m: usize, n: usize, k: usize) -> usize {
    /// Shorter pieces would spend too much on adding up partial results.
    const MIN_PIECE: usize = 384;
    /// Floats in all partial results together (4 MiB).
    const MAX_PARTIAL: usize = 1 << 20;
    let tasks = m.div_ceil(48) * n.div_ceil(128);
    let work = m * n * k;
    let wanted = (32 / tasks).min(work / TASK_WORK);
    let pieces = wanted.next_power_of_two().min(k / MIN_PIECE).min(MAX_PARTIAL / (m * n).max(1));
    // A power of two, which the usual numbers of threads share evenly.
    1 << pieces.max(1).ilog2()
}
