//! Element-wise ops over fixed chunks of the pool.

use super::Function;
use crate::cpu::CpuContext;
use crate::cpu::pool::for_each_chunk_mut;
use crate::dtype::Stored;
use crate::runtime::record::Io;

/// Elements a chunk: at most 64 KiB an operand, so that three fit in the L2 cache.
const CHUNK: usize = 16 * 1024;

pub fn run<F: Function, S: Stored>(function: &F, io: &Io, context: &CpuContext) {
    let (x, y) = (io.input::<S>(0), io.output::<S>(0));
    let dy = if F::INPUTS == 2 { io.input(1) } else { &[] };
    for_each_chunk_mut(&context.pool, y, CHUNK, |chunk, y| {
        let range = chunk * CHUNK..chunk * CHUNK + y.len();
        let dy = if F::INPUTS == 2 { &dy[range.clone()] } else { dy };
        function.slice(context.isa, &x[range], dy, y);
    });
}
