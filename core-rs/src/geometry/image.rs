//! Batches of images.

use crate::shape::Meta;

/// The axes of a batch, for messages.
pub const IMAGE: &str = "[n, h, w, c]";

/// The sizes of an image whose rank was checked.
pub fn four(meta: Meta) -> [usize; 4] {
    meta.shape.dims().try_into().expect("the rank was checked")
}
