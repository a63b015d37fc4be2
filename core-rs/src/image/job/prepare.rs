//! The job itself: find what is there, decode what is missing, write it.

use super::classes::{classes_of, require_classes, require_readable};
use super::order::{Decoded, Made, Order, Writers};
use super::{Fault, Phase, Progress};
use crate::cpu::isa::Isa;
use crate::image::cache::{About, Cache, CacheWriter, DIGEST, Part, hex, name_of};
use crate::image::decode::{Decoded as Whole, decode};
use crate::image::limits::Limits;
use crate::image::resize::{Resizer, to_short_side};
use crate::image::source::archive::{Archive, Caps, EntryNumber};
use crate::image::source::folder::{Folder, FoundFile};
use crate::image::source::layout::{Layout, Listing, Search};
use crate::image::source::left_out::LeftOut;
use crate::image::source::{Contents, Place, Split};
use crate::json::{Object, array};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How many images of a part may not be readable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Most {
    /// A share of them, 0 to 1.
    Share(f64),
    Count(u64),
}

impl Most {
    /// Whether so many of so many are within it.
    pub fn allows(self, unreadable: u64, all: u64) -> bool {
        match self {
            Most::Share(share) => unreadable as f64 <= share * all as f64,
            Most::Count(count) => unreadable <= count,
        }
    }
}

/// What to prepare, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data set's folder, or its archive.
    pub source: PathBuf,
    /// Where the cache files go.
    pub folder: PathBuf,
    /// Short side of the images of each part, 0 for the size they have; `None` leaves the part out.
    pub sizes: [Option<usize>; 3],
    pub layout: Layout,
    /// Whether a single image that is unreadable or damaged is an error.
    pub strict: bool,
    pub most_unreadable: Most,
    pub threads: usize,
    pub caps: Caps,
}

enum Source {
    Folder(Folder),
    Archive(Box<Archive>),
}

impl Source {
    fn open(options: &Options, search: &Search) -> Result<Source, Fault> {
        let path: &Path = &options.source;
        match path.is_dir() {
            true => Ok(Source::Folder(Folder::list(path, search)?)),
            false => Ok(Source::Archive(Box::new(Archive::open(path, search.progress)?))),
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

/// A source whose images are found.
enum Listed {
    Folder(Listing<FoundFile>),
    Archive(Box<Archive>, Listing<EntryNumber>),
}

impl Listed {
    fn of(source: Source, options: &Options, search: &Search) -> Result<Listed, Fault> {
        match source {
            Source::Folder(folder) => Ok(Listed::Folder(folder.listing)),
            Source::Archive(mut archive) => {
                let listing = archive.list(options.caps, search)?;
                Ok(Listed::Archive(archive, listing))
            }
        }
    }

    /// Takes away what is said beside the images.
    fn take_facts(&mut self) -> (Vec<LeftOut>, u64) {
        match self {
            Listed::Folder(Listing { left_out, linked, .. }) | Listed::Archive(_, Listing { left_out, linked, .. }) => {
                (std::mem::take(left_out), *linked)
            }
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

/// Prepares the files; gives a JSON text about them.
pub fn prepare(options: &Options, progress: &Progress) -> Result<String, Fault> {
    let start = Instant::now();
    progress.enter(Phase::Looking);
    let search = Search {
        layout: options.layout,
        wanted: options.sizes.map(|size| size.is_some()),
        most: options.caps.entries,
        progress,
        source: options.source.to_string_lossy().into_owned(),
    };
    let source = Source::open(options, &search)?;
    let (kind, bytes, key) = (source.kind(), source.bytes(), source.key());
    let mut targets = targets(options, &key);
    for target in &mut targets {
        target.reused = Cache::open(&target.path).is_ok_and(|cache| acceptable(options, &cache));
    }
    // A folder was listed to know its key, and tells what is there now; an archive's caches say what was in it.
    let mut left_out = match &source {
        Source::Folder(folder) => Some(folder.listing.left_out.clone()),
        Source::Archive(_) => None,
    };
    if targets.iter().any(|target| !target.reused) {
        let mut listed = Listed::of(source, options, &search)?;
        let classes = match &listed {
            Listed::Folder(listing) => classes_of(options, listing)?,
            Listed::Archive(_, listing) => classes_of(options, listing)?,
        };
        let (told, linked) = listed.take_facts();
        let mut writers = decode_all(listed, bytes, options, &targets, progress)?;
        require_readable(options, &writers)?;
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
                left_out: &told,
                linked,
            })?;
            progress.check()?;
        }
        for writer in writers.into_iter().flatten() {
            writer.commit()?;
        }
        left_out = Some(told);
    } else if let Source::Folder(folder) = &source {
        require_classes(options, &folder.listing)?;
    }
    let caches = targets
        .iter()
        .map(|target| Cache::open(&target.path).map_err(Fault::Bad))
        .collect::<Result<Vec<_>, Fault>>()?;
    let files = targets.iter().zip(&caches).map(|(target, cache)| describe(target, cache));
    let source = Object::new().text("kind", kind).value("bytes", bytes).text("key", &hex(&key)).end();
    let left_out = left_out.map_or("null".to_string(), |all| array(all.iter().map(LeftOut::json)));
    let done = Object::new()
        .value("source", source)
        .value("files", array(files))
        .value("leftOut", left_out)
        .value("shared", shared(&targets, &caches));
    Ok(done.value("seconds", format_args!("{:.3}", start.elapsed().as_secs_f64())).end())
}

fn targets(options: &Options, key: &[u8; 32]) -> Vec<Target> {
    let wanted = Split::ALL.into_iter().filter_map(|split| Some((split, options.sizes[split as usize]?)));
    wanted
        .map(|(split, size)| {
            let (key, name) = name_of(key, options.layout, split, size);
            Target { split, size, key, path: options.folder.join(&name), name, reused: false }
        })
        .collect()
}

/// Whether a file that is there keeps the rules about unreadable images.
fn acceptable(options: &Options, cache: &Cache) -> bool {
    let (good, bad) = (cache.images() as u64, cache.unreadable());
    let strict = options.strict && bad + cache.damaged() > 0;
    !strict && options.most_unreadable.allows(bad, good + bad)
}

/// The entry of a file in the job's text.
fn describe(target: &Target, cache: &Cache) -> String {
    let about = Object::new()
        .text("split", target.split.name())
        .value("size", target.size)
        .text("path", &target.path.to_string_lossy())
        .value("reused", target.reused)
        .value("images", cache.images())
        .value("unreadable", cache.unreadable())
        .value("damaged", cache.damaged())
        .value("repeated", repeated(cache))
        .value("bytes", cache.bytes());
    about.end()
}

fn digests(cache: &Cache) -> &[[u8; DIGEST]] {
    cache.part(Part::Digests).as_chunks::<DIGEST>().0
}

/// Images whose file is the same, byte for byte, as one before in the same part.
fn repeated(cache: &Cache) -> usize {
    let mut all = digests(cache).to_vec();
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    count - all.len()
}

/// Images of validation whose file is also one to train on: the row of each, and the first such row.
fn shared(targets: &[Target], caches: &[Cache]) -> String {
    let of = |split: Split| targets.iter().zip(caches).find(|(target, _)| target.split == split);
    let (Some((_, train)), Some((_, val))) = (of(Split::Train), of(Split::Val)) else { return array([0; 0]) };
    let mut rows: HashMap<[u8; DIGEST], usize> = HashMap::with_capacity(train.images());
    for (row, digest) in digests(train).iter().enumerate() {
        rows.entry(*digest).or_insert(row);
    }
    let both = digests(val).iter().enumerate().filter_map(|(row, digest)| Some((row, *rows.get(digest)?)));
    array(both.map(|(val, train)| format!("[{val},{train}]")))
}

/// Reads the source on this thread and decodes on others.
fn decode_all(
    source: Listed,
    bytes: u64,
    options: &Options,
    targets: &[Target],
    progress: &Progress,
) -> Result<Writers, Fault> {
    // Before the phase: whoever looks between the two must not take the bytes of the one before for this one's.
    progress.expect_bytes(bytes);
    progress.enter(Phase::Decoding);
    let mut writers: Writers = [None, None, None];
    let mut sizes = [0; 3];
    for target in targets.iter().filter(|target| !target.reused) {
        writers[target.split as usize] = Some(CacheWriter::create(&options.folder, &target.name)?);
        sizes[target.split as usize] = target.size;
    }
    let wanted = [0, 1, 2].map(|split: usize| writers[split].is_some());
    let order = Order::new(writers, options.threads, options.strict, progress);
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
        let mut number = 0;
        let mut receive = |place: Place, contents: Contents| {
            if wanted[place.split as usize] {
                order.admit(number)?;
                // It fails only once every thread is gone.
                let _ = sender.send((number, place, contents));
                number += 1;
            }
            Ok(())
        };
        match source {
            Listed::Folder(listing) => Folder::read(listing, progress, &mut receive),
            Listed::Archive(archive, listing) => archive.read(listing, options.caps, progress, &mut receive),
        }
    });
    let finished = order.finish();
    result?;
    finished
}

/// Decodes tasks until no more come.
fn work(receiver: &Mutex<Receiver<Task>>, order: &Order, sizes: [usize; 3]) {
    let (isa, mut resizer) = (Isa::detect(), Resizer::default());
    loop {
        let task = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, place, contents)) = task else { return };
        if order.is_over() {
            continue;
        }
        let size = sizes[place.split as usize];
        let mut digest = [0; DIGEST];
        let image = catch_unwind(AssertUnwindSafe(|| {
            let bytes = contents.read()?;
            digest.copy_from_slice(&Sha256::digest(&bytes[..])[..DIGEST]);
            let decoded = decode(isa, &bytes, &Limits::default(), &|| order.is_over());
            let Whole { image, damage } = decoded.map_err(|refusal| refusal.to_string())?;
            let source = [image.height, image.width];
            Ok(Made { image: to_short_side(isa, &mut resizer, image, size)?, source, damage })
        }));
        let image = image.unwrap_or_else(|_| Err("The decoder failed; please report it".to_string()));
        order.put(number, Decoded { place, digest, image });
    }
}
