//! The definition: every element of the output from the three that broadcast to it.

use crate::geometry::strided::broadcast_strides;
use crate::shape::Shape;

/// `shapes` are the output's and the inputs'.
pub fn run<T: Copy>(shapes: (Shape, [Shape; 3]), condition: &[f32], a: &[T], b: &[T], y: &mut [T]) {
    let (output, inputs) = shapes;
    let strides = inputs.map(|input| broadcast_strides(input, output));
    for (i, y) in y.iter_mut().enumerate() {
        let (mut rest, mut at) = (i, [0; 3]);
        for axis in (0..output.rank()).rev() {
            let index = rest % output.dims()[axis];
            rest /= output.dims()[axis];
            (0..3).for_each(|n| at[n] += index * strides[n][axis]);
        }
        *y = if condition[at[0]] != 0.0 { a[at[1]] } else { b[at[2]] };
    }
}
