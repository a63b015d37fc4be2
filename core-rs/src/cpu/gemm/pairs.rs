//! Pairs of bf16 as words of 32 bits: the first of two elements that follow each other in a reduction in the lower half.

use super::pack::copy_strided;
use crate::dtype::Bf16;

/// Two adjacent bf16.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Pair(u32);

impl Pair {
    /// The bits as the float that kernels pass on and never compute with.
    fn word(self) -> f32 {
        f32::from_bits(self.0)
    }
}

/// Two elements as a word.
#[inline(always)]
pub fn word(first: Bf16, second: Bf16) -> f32 {
    f32::from_bits(u32::from(first.0) | u32::from(second.0) << 16)
}

/// The elements as words where they lie, if they begin at one; an odd last element is left out.
pub fn words(elements: &[Bf16]) -> Option<&[f32]> {
    // SAFETY: any bits of two bf16 are a float's, and only what is aligned for floats is taken.
    let (before, words, _) = unsafe { elements.align_to::<f32>() };
    before.is_empty().then_some(words)
}

/// The elements of words.
pub fn elements(words: &[f32]) -> &[Bf16] {
    // SAFETY: any bits of a float are two bf16's, which are aligned for fewer bytes.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), 2 * words.len()) }
}

/// [`words`] as whole numbers, with which copies keep every bit.
fn pairs(elements: &[Bf16]) -> Option<&[Pair]> {
    // SAFETY: any bits of two bf16 are a pair's, and only what is aligned for it is taken.
    let (before, pairs, _) = unsafe { elements.align_to::<Pair>() };
    before.is_empty().then_some(pairs)
}

/// Copies `dst[o * dst_stride + i]` = the pair of elements `2 o` and `2 o + 1` of the reduction, for every one of `inner`;
/// with an odd length 0 stands beside the last.
pub fn copy(
    (src, start): (&[Bf16], usize),
    (len, k_stride): (usize, usize),
    (inner, inner_stride): (usize, usize),
    dst: &mut [f32],
    dst_stride: usize,
) {
    if len == 0 || inner == 0 {
        return;
    }
    let src = &src[start..];
    let whole = len / 2;
    if k_stride == 1
        && (inner_stride.is_multiple_of(2) || inner == 1)
        && let Some(pairs) = pairs(src)
    {
        copy_strided((pairs, 0), Pair::word, (whole, 1), (inner, inner_stride / 2), dst, dst_stride);
    } else if inner_stride == 1 {
        interleave(src, (whole, k_stride), inner, dst, dst_stride);
    } else {
        for (o, to) in dst.chunks_mut(dst_stride).take(whole).enumerate() {
            for (i, to) in to[..inner].iter_mut().enumerate() {
                let at = 2 * o * k_stride + i * inner_stride;
                *to = word(src[at], src[at + k_stride]);
            }
        }
    }
    if len % 2 == 1 {
        let last = &src[(len - 1) * k_stride..];
        for (i, to) in dst[whole * dst_stride..][..inner].iter_mut().enumerate() {
            *to = word(last[i * inner_stride], Bf16(0));
        }
    }
}

/// Rows `2 o` and `2 o + 1` of `inner` adjacent elements, `stride` apart, as one row of words, for each of `whole`.
fn interleave(src: &[Bf16], (whole, stride): (usize, usize), inner: usize, dst: &mut [f32], dst_stride: usize) {
    // Rows of whole tiles and panels are copied by code of their size, without a loop.
    match inner {
        12 => return interleave_rows::<12>(src, (whole, stride), dst, dst_stride),
        32 => return interleave_rows::<32>(src, (whole, stride), dst, dst_stride),
        _ => {}
    }
    for (o, to) in dst.chunks_mut(dst_stride).take(whole).enumerate() {
        interleave_row(&src[2 * o * stride..][..inner], &src[(2 * o + 1) * stride..][..inner], &mut to[..inner]);
    }
}

fn interleave_rows<const N: usize>(src: &[Bf16], (whole, stride): (usize, usize), dst: &mut [f32], dst_stride: usize) {
    for (o, to) in dst.chunks_mut(dst_stride).take(whole).enumerate() {
        let first: &[Bf16; N] = src[2 * o * stride..].first_chunk().expect("a whole row");
        let second: &[Bf16; N] = src[(2 * o + 1) * stride..].first_chunk().expect("a whole row");
        let to: &mut [f32; N] = to.first_chunk_mut().expect("a whole row");
        interleave_row(first, second, to);
    }
}

/// Elements that are interleaved in registers.
const BLOCK: usize = 4;

#[inline(always)]
fn interleave_row(first: &[Bf16], second: &[Bf16], to: &mut [f32]) {
    let ((firsts, first), (seconds, second)) = (first.as_chunks::<BLOCK>(), second.as_chunks::<BLOCK>());
    let (tos, to) = to.as_chunks_mut::<BLOCK>();
    for (to, (&first, &second)) in tos.iter_mut().zip(firsts.iter().zip(seconds)) {
        *to = interleaved(first, second);
    }
    to.iter_mut().zip(first.iter().zip(second)).for_each(|(to, (&a, &b))| *to = word(a, b));
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn interleaved(first: [Bf16; BLOCK], second: [Bf16; BLOCK]) -> [f32; BLOCK] {
    use std::arch::x86_64::{_mm_cvtsi64_si128, _mm_unpacklo_epi16};
    use std::mem::transmute;
    // SAFETY: four elements have 64 bits and four words 128; the instructions are in every x86-64 processor.
    unsafe {
        let [first, second] = [first, second].map(|four| _mm_cvtsi64_si128(transmute::<[Bf16; BLOCK], i64>(four)));
        transmute(_mm_unpacklo_epi16(first, second))
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn interleaved(first: [Bf16; BLOCK], second: [Bf16; BLOCK]) -> [f32; BLOCK] {
    std::array::from_fn(|i| word(first[i], second[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_gives_the_same_words() {
        let src: Vec<Bf16> = (0..400).map(|i| Bf16(i as u16 * 163)).collect();
        for len in [1usize, 2, 5, 8, 37] {
            for inner in [1, 3, 4, 8] {
                for (k_stride, inner_stride) in [(1, 40), (1, 41), (inner, 1), (inner + 2, 1), (3, 2)] {
                    for start in [0, 1] {
                        let mut words = vec![f32::NAN; len.div_ceil(2) * (inner + 1)];
                        let fits = start + (len - 1) * k_stride + (inner - 1) * inner_stride < src.len();
                        if !fits {
                            continue;
                        }
                        copy((&src, start), (len, k_stride), (inner, inner_stride), &mut words, inner + 1);
                        for (k, i) in (0..len.next_multiple_of(2)).flat_map(|k| (0..inner).map(move |i| (k, i))) {
                            let bits = words[k / 2 * (inner + 1) + i].to_bits();
                            let got = if k % 2 == 0 { bits as u16 } else { (bits >> 16) as u16 };
                            let want = if k < len { src[start + k * k_stride + i * inner_stride].0 } else { 0 };
                            assert_eq!(got, want, "{len} {inner} {k_stride} {inner_stride} {start} at {k} {i}");
                        }
                    }
                }
            }
        }
    }
}
