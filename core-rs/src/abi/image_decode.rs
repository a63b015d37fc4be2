//! Exports that decode one image: a copy of its bytes is taken, decoded on whatever thread calls, and made a tensor.

use super::guard::export;
use super::queue::queue_of;
use super::tensor::{refuse_while_recording, write};
use crate::dtype::Dtype;
use crate::error::Error;
use crate::image::CHANNELS;
use crate::image::limits::{Limits, SIDE};
use crate::image::single::{Outcome, Single};
use crate::ops::Params;
use crate::runtime::handles::{Entry, Handle, table};
use crate::runtime::owner;
use crate::runtime::source::HostValues;
use crate::shape::{Meta, Shape};
use std::sync::Arc;

/// Whole numbers that an f64 holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

export! {
    /// Takes a copy of a file's bytes. `options`, f64: the short side to resize to, pixels (0: as it is), then the limits, 0 for
    /// each default: pixels, side, scans, work (pixels times scans), memory, fileBytes. out: a handle.
    fn lt_image_decode_start(bytes: &[u8], options: &[f64]) |out| {
        let op = "image_decode_start";
        out.reserve(2)?;
        let mut params = Params::new(op, options?);
        let size = params.within("size", 0.0, SIDE as f64)?;
        let mut limits = Limits::default();
        for (name, limit) in [
            ("pixels", &mut limits.pixels),
            ("side", &mut limits.side),
            ("scans", &mut limits.scans),
            ("work", &mut limits.work),
            ("memory", &mut limits.memory),
            ("fileBytes", &mut limits.file_bytes),
        ] {
            match params.within(name, 0.0, EXACT)? as u64 {
                0 => {}
                value => *limit = value,
            }
        }
        params.finish()?;
        let failed = |reason| Error::data(op, reason);
        let single = Single::new(bytes?, size as usize, limits).map_err(failed)?;
        let handle = table().insert(Entry::Single(Arc::new(single)));
        owner::owns(handle);
        out.push_handle(handle)
    }
}

export! {
    /// Decodes; it takes as long as that takes. out: 1 where it was stopped by a release, else 0.
    fn lt_image_decode_run(slot: u32, generation: u32) |out| {
        let op = "image_decode_run";
        out.reserve(1)?;
        // Without the handle's own reference: the last of those stops it.
        let work = table().single(op, Handle { slot, generation })?.work();
        match work.run() {
            Outcome::Done => out.push(0),
            Outcome::Stopped => out.push(1),
            Outcome::Failed(reason) => Err(Error::data(op, reason)),
        }
    }
}

export! {
    /// Makes the tensor u8 [h, w, 3] on a queue and lets go of the handle. out: the tensor, height and width of the file's image,
    /// a text: why the file is damaged, or nothing.
    fn lt_image_decode_take(queue_slot: u32, queue_generation: u32, slot: u32, generation: u32) |out| {
        let op = "image_decode_take";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        refuse_while_recording(op, &queue, "decode an image")?;
        let handle = Handle { slot, generation };
        let work = table().single(op, handle)?.work();
        let decoded = work.take().ok_or_else(|| Error::state(op, "Expected an image that was decoded and not yet taken"))?;
        let damage = decoded.damage.unwrap_or_default();
        out.reserve(10 + damage.len().div_ceil(4))?;
        let image = decoded.image;
        let meta = Meta::new(Shape::new(op, &[image.height, image.width, CHANNELS])?, Dtype::U8);
        write(op, &queue, meta, HostValues::new(op, image.pixels, &queue)?, out)?;
        decoded.source.into_iter().try_for_each(|side| out.push(side as u32))?;
        let entry = table().remove(handle);
        drop(entry);
        out.text(&damage)
    }
}

export! {
    /// Lets go of it, and stops decoding where that is under way; a stale handle is no error.
    fn lt_image_decode_release(slot: u32, generation: u32) |_out| {
        let handle = Handle { slot, generation };
        let mut table = table();
        let entry = if table.single("image_decode_release", handle).is_ok() { table.remove(handle) } else { None };
        drop(table);
        drop(entry);
        Ok(())
    }
}

#[cfg(test)]
#[path = "image_decode_tests.rs"]
mod tests;
