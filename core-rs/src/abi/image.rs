//! Exports about sets of images: prepare one, open its pixel cache.
//!
//! Paths are UTF-8 without a zero at the end; whether they may be read or written is for TypeScript to ask first (the
//! native side has the rights of the whole process). A job belongs to no queue and runs on threads of its own.

use super::buffers::Out;
use super::guard::export;
use super::op_call::push_tensor;
use super::queue::queue_of;
use super::tensor::refuse_while_recording;
use crate::cpu::context::MAX_THREADS;
use crate::dtype::Dtype;
use crate::error::{Error, Result, Status};
use crate::image::cache::{Cache, PAGE, Part, Watched};
use crate::image::job::{Fault, Job, Most, Options};
use crate::image::limits;
use crate::image::source::archive::Caps;
use crate::image::source::layout::Layout;
use crate::ops::Params;
use crate::runtime::backend::Room;
use crate::runtime::command::Command;
use crate::runtime::handles::{Entry, Handle, table};
use crate::runtime::held;
use crate::runtime::mapped_file::MappedFile;
use crate::runtime::memory::Storage;
use crate::runtime::owner;
use crate::runtime::queue::Queue;
use crate::runtime::source::{HostValues, Source};
use crate::runtime::tensor::Tensor;
use crate::shape::{Meta, Shape};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Whole numbers that an f64 holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn path_of(op: &'static str, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let text = std::str::from_utf8(bytes).ok();
    match text.filter(|text| !text.is_empty() && !text.contains('\0')) {
        Some(text) => Ok(PathBuf::from(text)),
        None => Err(Error::argument(op, format!("Expected `{name}` as a path in UTF-8"))),
    }
}

/// A short side in pixels, 0 for the source's size, or -1 for a split that is left out.
fn size(params: &mut Params, name: &str) -> Result<Option<usize>> {
    let value = params.within(name, -1.0, limits::SIDE as f64)?;
    match value.fract() == 0.0 {
        true => Ok((value >= 0.0).then_some(value as usize)),
        false => Err(Error::argument(params.op(), format!("Expected `{name}` as a whole number, got {value}"))),
    }
}

fn options_of(op: &'static str, values: &[f64], source: PathBuf, folder: PathBuf) -> Result<Options> {
    let mut params = Params::new(op, values);
    let sizes = [size(&mut params, "trainSize")?, size(&mut params, "valSize")?, size(&mut params, "testSize")?];
    let split = params.within("split", 0.0, 1.0)?;
    let layout = Layout { split: (split > 0.0).then_some(split), nested: params.bool("nested")? };
    let strict = params.bool("strict")?;
    let share = params.within("mostUnreadable", 0.0, 1.0)?;
    let count = params.within("mostUnreadableCount", -1.0, EXACT)?;
    let most_unreadable = if count < 0.0 { Most::Share(share) } else { Most::Count(count as u64) };
    let threads = params.within("threads", 0.0, MAX_THREADS as f64)? as usize;
    let caps = Caps {
        bytes: params.within("maxBytes", 1.0, EXACT)? as u64,
        entries: params.within("maxEntries", 1.0, EXACT)? as u64,
    };
    params.finish()?;
    if sizes == [None; 3] {
        return Err(Error::argument(op, "Expected `trainSize`, `valSize` or `testSize` not below 0"));
    }
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get().min(MAX_THREADS)),
        n => n,
    };
    Ok(Options { source, folder, sizes, layout, strict, most_unreadable, threads, caps })
}

export! {
    /// Starts to prepare a data set. `source`: path of a folder or archive, `folder`: where the cache files go.
    ///
    /// `options`, f64: trainSize, valSize, testSize (short side in pixels, 0: as it is, -1: leave the part out), split (share
    /// to validate with where there is no folder for it, 0: none), nested (1: images of a class may lie in folders of its
    /// folder), strict (1: a single image that is unreadable or damaged is an error), mostUnreadable (share, 0.01 for 1 %),
    /// mostUnreadableCount (-1: the share counts), threads (0: one a core), maxBytes (of an archive, once decompressed),
    /// maxEntries. out: the job's handle.
    fn lt_image_job_start(
        source: &[u8],
        folder: &[u8],
        options: &[f64],
    ) |out| {
        let op = "image_job_start";
        out.reserve(2)?;
        let source = path_of(op, "source", source?)?;
        let folder = path_of(op, "folder", folder?)?;
        let options = options_of(op, options?, source, folder)?;
        let handle = table().insert(Entry::Job(Arc::new(Job::start(options)?)));
        owner::owns(handle);
        out.push_handle(handle)
    }
}

export! {
    /// How far a job is. out: state (0 running, 1 done, 2 failed, 3 cancelled), phase (0 hashing or listing, 1 decoding,
    /// 2 writing), the status code that goes with a failure (else 0), six u64: bytes of the source read in this phase,
    /// bytes to read, entries seen, images decoded, images unreadable, bytes of pixels; then a text.
    ///
    /// The text is empty while it runs. Done: JSON {source: {kind: "archive" | "folder", bytes, key}, files: [{split,
    /// size, path, reused, images, unreadable, damaged, repeated, bytes}…], leftOut: [{path, reason}…] or null where the files
    /// say it, shared: [[row of val, row of train]…], seconds}; `key` is the SHA-256 of an archive's bytes, or of a folder's
    /// list of images. The check of a cache gives no text. Failed: one line.
    fn lt_image_job_poll(slot: u32, generation: u32) |out| {
        let job = table().job("image_job_poll", Handle { slot, generation })?;
        job.look(|progress, outcome| {
            let (state, status, text) = match outcome {
                None => (0, Status::Ok, String::new()),
                Some(Ok(text)) => (1, Status::Ok, text.clone()),
                Some(Err(Fault::Cancelled)) => (3, Status::Ok, String::new()),
                Some(Err(fault @ Fault::Bad(_))) => (2, Status::Data, fault.to_string()),
                Some(Err(fault @ Fault::Panic(_))) => (2, Status::Panic, fault.to_string()),
            };
            out.push(state)?;
            out.push(progress.phase.load(Ordering::Relaxed))?;
            out.push(status as u32)?;
            for counter in [
                &progress.bytes,
                &progress.expected_bytes,
                &progress.entries,
                &progress.decoded,
                &progress.failed,
                &progress.written,
            ] {
                out.push_u64(counter.load(Ordering::Relaxed))?;
            }
            out.text(&text)
        })
    }
}

export! {
    /// Asks a job to end soon; poll tells when it has. What it wrote is removed.
    fn lt_image_job_cancel(slot: u32, generation: u32) |_out| {
        table().job("image_job_cancel", Handle { slot, generation })?.cancel();
        Ok(())
    }
}

export! {
    /// Lets go of a job and cancels it where it still runs; a stale handle is no error.
    fn lt_image_job_release(slot: u32, generation: u32) |_out| {
        let handle = Handle { slot, generation };
        let mut table = table();
        let entry = if table.job("image_job_release", handle).is_ok() { table.remove(handle) } else { None };
        drop(table);
        drop(entry);
        Ok(())
    }
}

export! {
    /// Maps a pixel cache. out, as for an op: a ticket of no meaning, 4, and the tensors pixels u8 [pages, 4096] (offsets in
    /// the table count its bytes), table i32 [images, 4] (offset upper half, lower half, height, width), labels i32
    /// [images], header u8 [bytes] (JSON, see `image/cache/mod.rs`); then the handle of a job that checks the pixels against
    /// their sums in the background and watches the file: it fails once that is not what was written.
    ///
    /// On the CPU the pixels are the mapping; writing to them changes no file. On a device with memory of its own they are a
    /// copy, which has to leave `reserve` MiB free there ([`u32::MAX`]: the larger of 2 GiB and a quarter), else it is out of
    /// memory. The others are copies.
    fn lt_image_cache_open(queue_slot: u32, queue_generation: u32, path: &[u8], reserve: u32) |out| {
        let op = "image_cache_open";
        let queue = queue_of(op, queue_slot, queue_generation)?;
        refuse_while_recording(op, &queue, "open a pixel cache")?;
        let cache = Cache::open(&path_of(op, "path", path?)?).map_err(|reason| Error::data(op, reason))?;
        let images = cache.images();
        let pixels = Meta::new(Shape::new(op, &[cache.pixel_bytes() / PAGE, PAGE])?, Dtype::U8);
        let mut parts = Vec::new();
        for part in [Part::Table, Part::Labels, Part::Header] {
            let range = cache.range(part);
            let (dims, dtype) = match part {
                Part::Table => (vec![images, 4], Dtype::I32),
                Part::Labels => (vec![images], Dtype::I32),
                _ => (vec![range.len()], Dtype::U8),
            };
            parts.push((range.start / dtype.size(), Meta::new(Shape::new(op, &dims)?, dtype)));
        }
        let words = parts.iter().map(|(_, meta)| Out::tensor_words(*meta)).sum::<usize>();
        out.reserve(3 + Out::tensor_words(pixels) + words + 2)?;
        let watched = Watched::new(&cache).map_err(|error| Error::data(op, error.to_string()))?;
        let map = || cache.map_pixels(queue.id).map_err(|reason| Error::data(op, reason));
        let mapped = match queue.backend().room()? {
            None => Storage::mapped(map()?, &queue.pool),
            Some(room) => upload(op, &queue, map()?, room, reserve)?,
        };
        let tail = stored(op, &queue, Source::Values(HostValues::copied(op, cache.tail(), &queue)?), cache.tail().len())?;
        let job = table().insert(Entry::Job(Arc::new(Job::watch(watched)?)));
        owner::owns(job);
        out.push_u64(0)?;
        out.push(1 + parts.len() as u32)?;
        push_tensor(&queue, Tensor { storage: mapped, offset: 0, meta: pixels, queue: queue.id }, out)?;
        for (offset, meta) in parts {
            push_tensor(&queue, Tensor { storage: tail.clone(), offset, meta, queue: queue.id }, out)?;
        }
        out.push_handle(job)
    }
}

/// The least that a pixel cache leaves free for training, bytes, where the call does not say.
const RESERVE: usize = 2 << 30;

/// A copy of the pixels on the device, where there is room for it.
fn upload(op: &'static str, queue: &Queue, map: MappedFile, room: Room, reserve: u32) -> Result<Arc<Storage>> {
    let reserve = if reserve == u32::MAX { RESERVE.max(room.total / 4) } else { (reserve as usize) << 20 };
    if room.free < map.len().saturating_add(reserve) {
        return Err(held::explained(Error::no_memory(op, map.len(), Some(room.free)), queue.backend().account()));
    }
    let bytes = map.len();
    stored(op, queue, Source::File(map), bytes)
}

/// Memory of the device with values.
fn stored(op: &'static str, queue: &Queue, source: Source, bytes: usize) -> Result<Arc<Storage>> {
    let storage = Storage::allocate(op, bytes, &queue.pool)?;
    let meta = Meta::new(Shape::new(op, &[bytes])?, Dtype::U8);
    let target = Tensor { storage: storage.clone(), offset: 0, meta, queue: queue.id }.operand();
    queue.push(Command::Write { target, source });
    Ok(storage)
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
