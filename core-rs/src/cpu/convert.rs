//! From bf16 to f32 and back: whole tensors for a cast, and chunk by chunk around a body in f32.
//!
//! Most kernels convert inside their loops ([`Stored`]). One that goes over its rows several times, or adds up in what it
//! writes, keeps its body in f32 and has each chunk converted by [`in_f32`]: a copy of 64 KiB or so that stays in the cache.

use super::CpuContext;
use super::isa::Isa;
use super::pool::for_each_chunk_mut;
use super::scratch::Scratch;
use crate::dtype::Stored;
use crate::dtype::bf16::{self, Bf16};

/// Elements a chunk.
const CHUNK: usize = 32 * 1024;

/// bf16 to f32, on the pool.
pub fn widen(context: &CpuContext, x: &[Bf16], y: &mut [f32]) {
    for_each_chunk_mut(&context.pool, y, CHUNK, |chunk, y| {
        bf16::widen_all(context.isa, &x[chunk * CHUNK..][..y.len()], y);
    });
}

/// f32 to bf16, on the pool.
pub fn round(context: &CpuContext, x: &[f32], y: &mut [Bf16]) {
    for_each_chunk_mut(&context.pool, y, CHUNK, |chunk, y| {
        bf16::round_all(context.isa, &x[chunk * CHUNK..][..y.len()], y);
    });
}

/// Runs `f` on the numbers of `x` and of `y` in f32: on the slices themselves, or on copies in this thread's scratch, of
/// which that of `y` holds anything at first and is rounded in the end.
pub fn in_f32<S: Stored, R, const N: usize>(
    isa: Isa,
    x: [&[S]; N],
    y: &mut [S],
    f: impl FnOnce([&[f32]; N], &mut [f32]) -> R,
) -> R {
    let copied = if S::as_f32(y).is_some() { 0 } else { y.len() + x.iter().map(|x| x.len()).sum::<usize>() };
    let mut scratch = Scratch::take(copied);
    let mut free = scratch.as_mut_slice();
    let x = x.map(|x| {
        S::as_f32(x).unwrap_or_else(|| {
            let copy = free.split_off_mut(..x.len()).expect("room for every copy");
            S::widen_all(isa, x, copy);
            copy
        })
    });
    if let Some(y) = S::as_f32_mut(y) {
        return f(x, y);
    }
    let result = f(x, free);
    S::round_all(isa, free, y);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds the inputs in place, in two steps.
    fn sum<S: Stored>(isa: Isa, a: &[S], b: &[S], y: &mut [S]) -> usize {
        in_f32(isa, [a, b], y, |[a, b], y| {
            y.copy_from_slice(a);
            y.iter_mut().zip(b).for_each(|(y, &b)| *y += b);
            y.len()
        })
    }

    fn check<S: Stored>(wanted: f32) {
        for len in [0, 1, 77] {
            let (a, b, mut y) = (vec![S::round(256.0); len], vec![S::round(1.5); len], vec![S::round(-1.0); len]);
            assert_eq!(sum(Isa::detect(), &a, &b, &mut y), len);
            assert_eq!(y, vec![S::round(wanted); len]);
        }
    }

    #[test]
    fn a_body_sees_f32_and_is_rounded_once() {
        check::<f32>(257.5);
        // A bf16 above 256 steps by 2.
        check::<Bf16>(258.0);
    }

    #[test]
    fn whole_tensors_come_back() {
        let context = CpuContext::new(2).expect("a CPU");
        let x: Vec<f32> = (0..CHUNK as u32 + 17).map(|i| (i % 251) as f32).collect();
        let (mut narrow, mut back) = (vec![Bf16(0); x.len()], vec![0.0; x.len()]);
        round(&context, &x, &mut narrow);
        widen(&context, &narrow, &mut back);
        assert!(back == x, "whole numbers below 256 are bf16 too");
    }
}
