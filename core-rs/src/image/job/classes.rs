//! Whether what was found is a data set that training or evaluation can use, and what its classes are.

use super::Fault;
use super::order::Writers;
use super::prepare::{Most, Options};
use crate::image::source::Split;
use crate::image::source::layout::Listing;
use crate::image::source::left_out::{LeftOut, Reason};
use crate::image::source::name::Name;
use crate::shown::shown;
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::UnicodeNormalization;

/// How many of several are named.
const NAMED: usize = 10;

/// The first of some texts, and how many more there are.
fn named(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let first: Vec<String> = all.take(NAMED).collect();
    let rest = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{}{rest}", first.join("; "))
}

/// The classes, sorted.
pub fn classes_of<File>(options: &Options, listing: &Listing<File>) -> Result<Vec<Name>, Fault> {
    require_classes(options, listing)?;
    let all: BTreeSet<&Name> = listing.classes.iter().map(|(_, class)| class).collect();
    Ok(all.into_iter().cloned().collect())
}

/// Fails where the classes are none that can be trained on and measured with.
pub fn require_classes<File>(options: &Options, listing: &Listing<File>) -> Result<(), Fault> {
    let source = shown(&options.source.to_string_lossy());
    let of = |split: Split| -> BTreeSet<&Name> {
        let own = listing.classes.iter().filter(|(part, _)| *part == split);
        own.map(|(_, class)| class).collect()
    };
    for split in Split::ALL.into_iter().filter(|split| options.sizes[*split as usize].is_some()) {
        if of(split).is_empty() {
            return Err(Fault::data(format!(
                "{source}: Expected {}/<class>/<image>.jpg (or .jpeg, .png, .webp), found no such folder",
                split.name()
            )));
        }
    }
    let mut images: BTreeMap<(Split, &Name), u64> = BTreeMap::new();
    listing.classes.iter().for_each(|(split, class)| _ = images.insert((*split, class), 0));
    listing.images.iter().for_each(|(place, _)| *images.entry((place.split, &place.class)).or_default() += 1);
    // Of a set that is split, a class may well have none to measure with.
    let needed = |split: Split| options.layout.split.is_none() || split != Split::Val;
    let empty = images.iter().find(|((split, _), count)| **count == 0 && needed(*split));
    if let Some(((split, class), _)) = empty {
        return Err(Fault::data(empty_class(&source, options, *split, class, &listing.left_out)));
    }
    let train = of(Split::Train);
    for part in [Split::Val, Split::Test] {
        let own = of(part);
        let strange: Vec<&Name> = own.difference(&train).copied().collect();
        if train.is_empty() || strange.is_empty() {
            continue;
        }
        let names = strange.iter().map(|class| match twin(class, &train) {
            None => shown(&class.text()),
            Some(twin) => format!(
                "{} (train has the same letters in another Unicode form: {} there, {} here)",
                shown(&class.text()),
                spelled(twin),
                spelled(class)
            ),
        });
        return Err(Fault::data(format!(
            "{source}: Expected the classes of {} in train too, did not find {}",
            part.name(),
            named(names)
        )));
    }
    Ok(())
}

/// Why a class is empty: what is in its folder all the same.
fn empty_class(source: &str, options: &Options, split: Split, class: &Name, left_out: &[LeftOut]) -> String {
    let text = class.text();
    let within = |path: &str| {
        let parts: Vec<&str> = path.split('/').collect();
        parts.iter().rev().skip(1).any(|part| *part == text)
    };
    let mut reasons: BTreeMap<Reason, usize> = BTreeMap::new();
    for LeftOut { path, reason } in left_out {
        if within(path) && (options.layout.split.is_some() || path.contains(&format!("{}/", split.name()))) {
            *reasons.entry(*reason).or_default() += 1;
        }
    }
    let mut why: Vec<String> = reasons.iter().map(|(reason, count)| format!("{} {count}", reason.name())).collect();
    if reasons.contains_key(&Reason::Depth) {
        why.push("images in folders of it count with the option `nested`".to_string());
    }
    let why = if why.is_empty() { String::new() } else { format!("; left out: {}", why.join(", ")) };
    let cure = if options.layout.split.is_some() && why.is_empty() { ": add images, or split otherwise" } else { "" };
    let place = match options.layout.split {
        Some(_) => format!("the part to train on of {}", shown(&text)),
        None => format!("{}/{}", split.name(), shown(&text)),
    };
    format!("{source}: Expected images in every class, found none in {place}{why}{cure}")
}

/// A name of the same letters, composed otherwise.
fn twin<'a>(class: &Name, others: &BTreeSet<&'a Name>) -> Option<&'a Name> {
    let form = |name: &Name| name.text().nfc().collect::<String>();
    let own = form(class);
    others.iter().copied().find(|other| form(other) == own)
}

/// A name in ASCII.
fn spelled(name: &Name) -> String {
    let text = name.text();
    let letters = text.chars().map(|c| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() });
    format!("\"{}\"", letters.collect::<String>())
}

/// Fails where too many images cannot be read, or none of a class: each file for itself, as it is looked at when it is there.
pub fn require_readable(options: &Options, writers: &Writers) -> Result<(), Fault> {
    for (split, writer) in Split::ALL.into_iter().zip(writers) {
        let Some(writer) = writer else { continue };
        let (good, bad) = (writer.images(), writer.unreadable());
        if bad.is_empty() {
            continue;
        }
        let reasons = named(bad.iter().map(|flawed| shown(&format!("{}: {}", flawed.place.path(), flawed.reason))));
        if !options.most_unreadable.allows(bad.len() as u64, (good + bad.len()) as u64) {
            let most = match options.most_unreadable {
                Most::Share(share) => format!("{} %", (share * 1e6).round() / 1e4),
                Most::Count(count) => count.to_string(),
            };
            return Err(Fault::data(format!(
                "{} of {} images of {} cannot be read, more than {most}; the first: {reasons}: `data.describe` with `list` \
                 names all, `maxUnreadable` allows more",
                bad.len(),
                good + bad.len(),
                split.name(),
            )));
        }
        let readable: BTreeSet<&Name> = writer.classes().collect();
        if let Some(flawed) = bad.iter().find(|flawed| !readable.contains(&flawed.place.class)) {
            let class = &flawed.place.class;
            let own: Vec<_> = bad.iter().filter(|flawed| flawed.place.class == *class).collect();
            let all =
                named(own.iter().map(|flawed| shown(&format!("{}: {}", flawed.place.file.text(), flawed.reason))));
            return Err(Fault::data(format!(
                "No image of {}/{} can be read, the first as: {all}",
                split.name(),
                shown(&class.text())
            )));
        }
    }
    Ok(())
}
