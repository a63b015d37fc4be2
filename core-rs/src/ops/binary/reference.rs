//! The definition: every element of the output from the two that broadcast to it.

use crate::geometry::strided::broadcast_strides;
use crate::shape::Shape;

/// `shapes` are the output's and the inputs'.
pub fn run<T: Copy, U>(shapes: (Shape, [Shape; 2]), a: &[T], b: &[T], y: &mut [U], f: impl Fn(T, T) -> U) {
    let (output, inputs) = shapes;
    let strides = inputs.map(|input| broadcast_strides(input, output));
    for (i, y) in y.iter_mut().enumerate() {
        let (mut rest, mut at) = (i, [0; 2]);
        for axis in (0..output.rank()).rev() {
            let index = rest % output.dims()[axis];
            rest /= output.dims()[axis];
            (0..2).for_each(|n| at[n] += index * strides[n][axis]);
        }
        *y = f(a[at[0]], b[at[1]]);
    }
}
