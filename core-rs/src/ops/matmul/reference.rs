//! The definition, element by element.

use crate::dtype::Float;
use crate::shape::MatmulShape;

pub fn run<T: Float>(s: &MatmulShape, a: &[T], b: &[T], y: &mut [T]) {
    for batch in 0..s.batch {
        let (a, b) = (&a[batch * s.m * s.k..], &b[batch * s.k * s.n..]);
        for (i, j) in (0..s.m).flat_map(|i| (0..s.n).map(move |j| (i, j))) {
            let product = |l: usize| {
                let a = if s.transpose_a { a[l * s.m + i] } else { a[i * s.k + l] };
                let b = if s.transpose_b { b[j * s.k + l] } else { b[l * s.n + j] };
                a * b
            };
            y[(batch * s.m + i) * s.n + j] = (0..s.k).map(product).sum();
        }
    }
}
