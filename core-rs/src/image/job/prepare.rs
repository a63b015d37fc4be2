//! The job itself: find what is there, decode what is missing, write it.

use super::order::{Order, Writers};
use super::{Fault, Phase, Progress};
use crate::cpu::isa::Isa;
use crate::image::cache::{About, Cache, CacheWriter, hex, name_of};
use crate::image::decode::decode;
use crate::image::limits::Limits;
use crate::image::resize::{Resizer, to_short_side};
use crate::image::source::archive::{Archive, Caps};
use crate::image::source::folder::Folder;
use crate::image::source::{Contents, Found, Place, Split};
use crate::json::{Object, array};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What to prepare, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data set's folder, or its archive.
    pub source: PathBuf,
    /// Where the cache files go.
    pub folder: PathBuf,
    /// Short side of the images of `train` and `val`, 0 for the size they have; `None` leaves the split out.
    pub sizes: [Option<usize>; 2],
    /// Whether a single unreadable image is an error.
    pub strict: bool,
    /// The largest share of unreadable images, 0 to 1.
    pub most_unreadable: f64,
    pub threads: usize,
    pub caps: Caps,
}

enum Source {
    Folder(Folder),
    Archive(Archive),
}

impl Source {
    fn open(path: &Path, progress: &Progress) -> Result<Source, Fault> {
        match path.is_dir() {
            true => Ok(Source::Folder(Folder::list(path, progress)?)),
            false => Ok(Source::Archive(Archive::open(path, progress)?)),
        }
    }

    fn key(&self) -> [u8; 32] {
        match self {
            Source::Folder(folder) => folder.key,
            Source::Archive(archive) => archive.key,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Source::Folder(folder) => folder.bytes,
            Source::Archive(archive) => archive.bytes,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Source::Folder(_) => "folder",
            Source::Archive(_) => "archive",
        }
    }
}

/// A cache file that the job answers for.
struct Target {
    split: Split,
    size: usize,
    key: String,
    name: String,
    path: PathBuf,
    reused: bool,
}

/// One image for the threads.
type Task = (u64, Place, Contents);

/// What the source held beside the images that were decoded.
#[derive(Default)]
struct Seen {
    /// Images of every class of every split, decoded or not.
    images: BTreeMap<(Split, String), u64>,
    ignored: u64,
}

/// Prepares the files; gives a JSON text about them.
pub fn prepare(options: &Options, progress: &Progress) -> Result<String, Fault> {
    let start = Instant::now();
    progress.enter(Phase::Looking);
    let source = Source::open(&options.source, progress)?;
    let (kind, bytes, key) = (source.kind(), source.bytes(), source.key());
    let mut targets = targets(options, &key);
    for target in &mut targets {
        target.reused = Cache::open(&target.path).is_ok_and(|cache| acceptable(options, &cache));
    }
    let mut ignored = 0;
    if targets.iter().any(|target| !target.reused) {
        let (seen, mut writers) = decode_all(source, options, &targets, progress)?;
        ignored = seen.ignored;
        let classes = classes_of(options, &seen, &writers)?;
        progress.enter(Phase::Writing);
        let name = options.source.file_name().unwrap_or_default().to_string_lossy();
        for target in &targets {
            let Some(writer) = &mut writers[target.split as usize] else { continue };
            writer.finish(&About {
                key: &target.key,
                source_kind: kind,
                source_name: &name,
                source_bytes: bytes,
                source_key: &key,
                split: target.split.name(),
                size: target.size,
                classes: &classes,
            })?;
            progress.check()?;
        }
        for writer in writers.into_iter().flatten() {
            writer.commit()?;
        }
    }
    let files = targets.iter().map(describe).collect::<Result<Vec<_>, Fault>>()?;
    let source = Object::new().text("kind", kind).value("bytes", bytes).text("key", &hex(&key)).end();
    let done = Object::new().value("source", source).value("files", array(files)).value("ignored", ignored);
    Ok(done.value("seconds", format_args!("{:.3}", start.elapsed().as_secs_f64())).end())
}

fn targets(options: &Options, key: &[u8; 32]) -> Vec<Target> {
    let wanted = Split::ALL.into_iter().filter_map(|split| Some((split, options.sizes[split as usize]?)));
    wanted
        .map(|(split, size)| {
            let (key, name) = name_of(key, split, size);
            Target { split, size, key, path: options.folder.join(&name), name, reused: false }
        })
        .collect()
}

/// Whether a file that is there keeps the rules about unreadable images.
fn acceptable(options: &Options, cache: &Cache) -> bool {
    let (good, bad) = (cache.images() as f64, cache.unreadable() as f64);
    bad == 0.0 || (!options.strict && bad <= options.most_unreadable * (good + bad))
}

/// The entry of a file in the job's text.
fn describe(target: &Target) -> Result<String, Fault> {
    let cache = Cache::open(&target.path).map_err(Fault::Bad)?;
    let about = Object::new()
        .text("split", target.split.name())
        .value("size", target.size)
        .text("path", &target.path.to_string_lossy())
        .value("reused", target.reused)
        .value("images", cache.images())
        .value("unreadable", cache.unreadable())
        .value("bytes", cache.bytes());
    Ok(about.end())
}

/// Reads the source on this thread and decodes on others.
fn decode_all(
    source: Source,
    options: &Options,
    targets: &[Target],
    progress: &Progress,
) -> Result<(Seen, Writers), Fault> {
    // Before the phase: whoever looks between the two must not take the bytes of the one before for this one's.
    progress.expect_bytes(source.bytes());
    progress.enter(Phase::Decoding);
    let mut writers: Writers = [None, None];
    let mut sizes = [0; 2];
    for target in targets.iter().filter(|target| !target.reused) {
        writers[target.split as usize] = Some(CacheWriter::create(&options.folder, &target.name)?);
        sizes[target.split as usize] = target.size;
    }
    let wanted = [writers[0].is_some(), writers[1].is_some()];
    let order = Order::new(writers, options.threads, options.strict, progress);
    let mut seen = Seen::default();
    let (sender, receiver) = sync_channel::<Task>(options.threads * 2);
    let receiver = Mutex::new(receiver);
    let result = std::thread::scope(|scope| {
        // Gone at the end of the scope's own work, so that the threads end.
        let sender = sender;
        for _ in 0..options.threads {
            let (receiver, order) = (&receiver, &order);
            let worker = std::thread::Builder::new().name("libtrain-decode".to_string());
            worker
                .spawn_scoped(scope, move || work(receiver, order, sizes))
                .map_err(|error| Fault::data(format!("Cannot start a thread: {error}")))?;
        }
        let (mut number, mut places) = (0, HashSet::new());
        let mut receive = |found: Found| {
            let (place, contents) = match found {
                Found::Class(place) => {
                    seen.images.entry((place.split, place.class)).or_default();
                    return Ok(());
                }
                Found::Image(place, contents) => (place, contents),
            };
            *seen.images.entry((place.split, place.class.clone())).or_default() += 1;
            if !places.insert(place.clone()) {
                return Err(Fault::data(format!("Expected every image once, got {} twice", place.path())));
            }
            if wanted[place.split as usize] {
                order.admit(number)?;
                // It fails only once every thread is gone.
                let _ = sender.send((number, place, contents));
                number += 1;
            }
            Ok(())
        };
        match source {
            Source::Folder(folder) => folder.read(progress, &mut receive),
            Source::Archive(archive) => {
                seen.ignored = archive.read(options.caps, progress, &mut receive)?;
                Ok(())
            }
        }
    });
    let finished = order.finish();
    result?;
    Ok((seen, finished?))
}

/// Decodes tasks until no more come.
fn work(receiver: &Mutex<Receiver<Task>>, order: &Order, sizes: [usize; 2]) {
    let (isa, mut resizer) = (Isa::detect(), Resizer::default());
    loop {
        let task = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, place, contents)) = task else { return };
        if order.is_over() {
            continue;
        }
        let size = sizes[place.split as usize];
        let image = catch_unwind(AssertUnwindSafe(|| {
            let stop = || order.is_cancelled();
            let decoded = decode(isa, &contents.read()?, &Limits::default(), &stop);
            let image = decoded.map_err(|refusal| refusal.to_string())?.image;
            let own = [image.height, image.width];
            Ok((to_short_side(isa, &mut resizer, image, size)?, own))
        }));
        order.put(number, (place, image.unwrap_or_else(|_| Err("The decoder failed; please report it".to_string()))));
    }
}

/// The classes, sorted; fails where the data is not what training or evaluation can use.
fn classes_of(options: &Options, seen: &Seen, writers: &Writers) -> Result<Vec<String>, Fault> {
    let of = |split: Split| seen.images.range((split, String::new())..).take_while(move |((s, _), _)| *s == split);
    for split in Split::ALL.into_iter().filter(|split| options.sizes[*split as usize].is_some()) {
        if of(split).next().is_none() {
            return Err(Fault::data(format!(
                "{}: Expected {}/<class>/<image>.jpg (or .jpeg, .png), found no such folder",
                options.source.display(),
                split.name()
            )));
        }
    }
    if let Some((split, class)) = seen.images.iter().find_map(|(place, &images)| (images == 0).then_some(place)) {
        return Err(Fault::data(format!("Expected images in every class, found none in {}/{class}", split.name())));
    }
    let train: BTreeSet<&String> = of(Split::Train).map(|((_, class), _)| class).collect();
    let val: BTreeSet<&String> = of(Split::Val).map(|((_, class), _)| class).collect();
    if let (false, Some(class)) = (train.is_empty(), val.difference(&train).next()) {
        return Err(Fault::data(format!("Expected the classes of val in train too, did not find {class}")));
    }
    check_unreadable(options, writers)?;
    for writer in writers.iter().flatten() {
        let readable: BTreeSet<&str> = writer.classes().collect();
        if let Some((place, reason)) =
            writer.unreadable().iter().find(|(place, _)| !readable.contains(place.class.as_str()))
        {
            let folder = format!("{}/{}", place.split.name(), place.class);
            return Err(Fault::data(format!(
                "No image of {folder} can be read, the first as: {}: {reason}",
                place.file
            )));
        }
    }
    Ok(train.union(&val).map(|class| class.to_string()).collect())
}

/// Each file for itself, as [`acceptable`] looks at it when it is there: what was made once is taken the next time.
fn check_unreadable(options: &Options, writers: &Writers) -> Result<(), Fault> {
    for (split, writer) in Split::ALL.into_iter().zip(writers) {
        let Some(writer) = writer else { continue };
        let (good, bad) = (writer.images(), writer.unreadable());
        let Some((place, reason)) = bad.first() else { continue };
        if bad.len() as f64 > options.most_unreadable * (good + bad.len()) as f64 {
            return Err(Fault::data(format!(
                "{} of {} images of {} cannot be read, more than {} %; the first: {}: {reason}",
                bad.len(),
                good + bad.len(),
                split.name(),
                options.most_unreadable * 100.0,
                place.path()
            )));
        }
    }
    Ok(())
}
