//! Linear filters of images that act on rows and columns apart, each as a sparse matrix along one axis.

use crate::cpu::isa::{Arch, Isa};
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;
use crate::dtype::Stored;

/// Floats that a chunk reads and writes: some 30 microseconds of work.
const CHUNK: usize = 64 * 1024;

/// How many rows make a chunk when one row reads and writes `work` floats.
pub fn rows_per_chunk(work: usize) -> usize {
    (CHUNK / work.max(1)).max(1)
}

/// One term of a weighted sum along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    pub source: usize,
    pub weight: f32,
}

/// A sparse matrix along one axis: the terms that each result sums.
pub struct Axis {
    sources: usize,
    /// Where the terms of each result start, and the end of the last.
    starts: Vec<usize>,
    terms: Vec<Term>,
}

impl Axis {
    /// From (source, weight) of each result, sources below `sources`.
    pub fn new<I: Iterator<Item = (usize, f64)>>(sources: usize, results: impl Iterator<Item = I>) -> Axis {
        let (mut starts, mut terms) = (vec![0], Vec::new());
        for result in results {
            terms.extend(result.map(|(source, weight)| Term { source, weight: weight as f32 }));
            starts.push(terms.len());
        }
        Axis { sources, starts, terms }
    }

    pub fn sources(&self) -> usize {
        self.sources
    }

    pub fn results(&self) -> usize {
        self.starts.len() - 1
    }

    /// What result `index` sums.
    pub fn terms(&self, index: usize) -> &[Term] {
        &self.terms[self.starts[index]..self.starts[index + 1]]
    }

    /// Results and sources exchanged.
    pub fn transposed(&self) -> Axis {
        let mut starts = vec![0; self.sources + 1];
        self.terms.iter().for_each(|term| starts[term.source + 1] += 1);
        (0..self.sources).for_each(|i| starts[i + 1] += starts[i]);
        let mut next = starts.clone();
        let mut terms = self.terms.clone();
        for result in 0..self.results() {
            for term in self.terms(result) {
                terms[next[term.source]] = Term { source: result, weight: term.weight };
                next[term.source] += 1;
            }
        }
        Axis { sources: self.results(), starts, terms }
    }
}

/// A separable filter of images [n, rows, cols, c].
pub struct Separable {
    pub rows: Axis,
    pub cols: Axis,
    pub c: usize,
}

impl Separable {
    /// The filter that takes gradients of the results to gradients of the sources.
    pub fn transposed(&self) -> Separable {
        Separable { rows: self.rows.transposed(), cols: self.cols.transposed(), c: self.c }
    }

    /// Floats in a row of sources.
    pub fn source_len(&self) -> usize {
        self.cols.sources() * self.c
    }

    /// Floats in a row of results.
    pub fn result_len(&self) -> usize {
        self.cols.results() * self.c
    }

    /// Filters whole images, of which `result` must hold some.
    pub fn apply<S: Stored>(&self, isa: Isa, pool: &ThreadPool, source: &[S], result: &mut [S]) {
        let (source_len, result_len) = (self.source_len(), self.result_len());
        let image_len = self.rows.sources() * source_len;
        let rows = rows_per_chunk(result_len + source_len * self.rows.terms.len() / self.rows.results());
        for_each_chunk_mut(pool, result, rows * result_len, |chunk, result| {
            let mut sum = Scratch::take(source_len);
            let sum = sum.as_mut_slice();
            for (i, result) in result.chunks_exact_mut(result_len).enumerate() {
                let (image, row) = ((chunk * rows + i) / self.rows.results(), (chunk * rows + i) % self.rows.results());
                let source = &source[image * image_len..][..image_len];
                self.row(isa, row, |row| &source[row * source_len..][..source_len], sum, result);
            }
        });
    }

    /// One row of results, from source rows of `source_len()` numbers; `sum` holds one such row meanwhile.
    pub fn row<'a, S: Stored, R: Stored>(
        &self,
        isa: Isa,
        row: usize,
        source: impl Fn(usize) -> &'a [S],
        sum: &mut [f32],
        result: &mut [R],
    ) {
        let mut parts = self.rows.terms(row).iter().map(|term| (source(term.source), term.weight));
        match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => return result.fill(R::round(0.0)),
            (Some(a), None, _) => sum_of_one(isa, a, sum),
            (Some(a), Some(b), None) => sum_of_two(isa, a, b, sum),
            (Some(a), Some(b), Some(c)) => sum_of_three(isa, a, b, c, sum),
        }
        parts.for_each(|part| add(isa, part, sum));
        filter_row(isa, sum, &self.cols, self.c, result);
    }
}

/// A row and its weight.
type Part<'a, S> = (&'a [S], f32);

multiversion! {
    fn sum_of_one<A, S: Stored>(a: Part<S>, sum: &mut [f32]) {
        sum.iter_mut().zip(a.0).for_each(|(sum, x)| *sum = x.widen() * a.1);
    }
}

multiversion! {
    fn sum_of_two<A, S: Stored>(a: Part<S>, b: Part<S>, sum: &mut [f32]) {
        for (sum, (x, y)) in sum.iter_mut().zip(a.0.iter().zip(b.0)) {
            *sum = A::madd(y.widen(), b.1, x.widen() * a.1);
        }
    }
}

multiversion! {
    fn sum_of_three<A, S: Stored>(a: Part<S>, b: Part<S>, c: Part<S>, sum: &mut [f32]) {
        for (sum, (x, (y, z))) in sum.iter_mut().zip(a.0.iter().zip(b.0.iter().zip(c.0))) {
            *sum = A::madd(z.widen(), c.1, A::madd(y.widen(), b.1, x.widen() * a.1));
        }
    }
}

multiversion! {
    fn add<A, S: Stored>(part: Part<S>, sum: &mut [f32]) {
        sum.iter_mut().zip(part.0).for_each(|(sum, x)| *sum = A::madd(x.widen(), part.1, *sum));
    }
}

multiversion! {
    /// Filters one row [cols, c] along its columns.
    fn filter_row<A, R: Stored>(row: &[f32], cols: &Axis, c: usize, result: &mut [R]) {
        let bounds = cols.starts.iter().zip(&cols.starts[1..]);
        for (result, (&start, &end)) in result.chunks_exact_mut(c).zip(bounds) {
            let terms = &cols.terms[start..end];
            let mut at = 0;
            while at < c {
                at += match c - at {
                    16.. => block::<A, R, 16>(row, terms, c, at, result),
                    8.. => block::<A, R, 8>(row, terms, c, at, result),
                    4.. => block::<A, R, 4>(row, terms, c, at, result),
                    _ => block::<A, R, 1>(row, terms, c, at, result),
                };
            }
        }
    }
}

/// `L` channels of one pixel from channel `at` on; returns `L`.
#[inline(always)]
fn block<A: Arch, R: Stored, const L: usize>(
    row: &[f32],
    terms: &[Term],
    c: usize,
    at: usize,
    result: &mut [R],
) -> usize {
    let mut sum = [0.0; L];
    for term in terms {
        let pixel: &[f32; L] = row[term.source * c + at..].first_chunk().expect("a source within the row");
        for l in 0..L {
            sum[l] = A::madd(pixel[l], term.weight, sum[l]);
        }
    }
    let result: &mut [R; L] = result[at..].first_chunk_mut().expect("L channels left");
    // A loop, as `map` of an array might not be inlined, nor then vectorised.
    for l in 0..L {
        result[l] = R::round(sum[l]);
    }
    L
}
