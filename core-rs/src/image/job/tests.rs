use super::prepare::Options;
use super::*;
use crate::image::cache::{Cache, Part};
use crate::image::fixtures::{file, pixels};
use crate::image::source::archive::Caps;
use crate::image::source::layout::Layout;
use crate::image::source::testing::{TarBuilder, Temp, gzip, small, small_tar, write_files};
use crate::image::{Image, resize};
use std::fs;
use std::time::{Duration, Instant};

fn options(temp: &Temp, source: &str) -> Options {
    Options {
        source: temp.join(source),
        folder: temp.join("cache"),
        sizes: [Some(16), Some(0), None],
        layout: Layout::default(),
        strict: false,
        most_unreadable: Most::Share(0.01),
        threads: 2,
        caps: Caps { bytes: 1 << 30, entries: 10_000 },
    }
}

fn run(options: &Options) -> Outcome {
    let job = Job::start(options.clone()).unwrap();
    let start = Instant::now();
    loop {
        if let Some(outcome) = job.look(|_, outcome| outcome.cloned()) {
            return outcome;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the job hangs");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The reason why a job fails; nothing may be left in the cache folder.
fn fails(temp: &Temp, options: &Options) -> String {
    let error = run(options).expect_err("a failing job").to_string();
    assert_eq!(temp.names("cache"), Vec::<String>::new(), "{error}");
    error
}

/// A data set as a folder, with files added or replaced.
fn folder(more: &[(&str, Vec<u8>)]) -> Temp {
    let temp = Temp::create();
    write_files(&temp.join("set"), &small());
    write_files(&temp.join("set"), more);
    temp
}

fn cached(temp: &Temp, start: &str) -> Cache {
    let name = temp.names("cache").into_iter().find(|name| name.starts_with(start)).expect("a cache file");
    Cache::open(&temp.join("cache").join(name)).unwrap()
}

fn numbers(cache: &Cache, part: Part) -> Vec<i32> {
    cache.part(part).as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect()
}

/// The images of a cache, in the order of its table.
fn images(cache: &Cache) -> Vec<Image> {
    let table = numbers(cache, Part::Table);
    let mapped = cache.map_pixels(0).unwrap();
    let rows = table.as_chunks::<4>().0.iter();
    rows.map(|&[high, low, height, width]| {
        let (height, width, offset) = (height as usize, width as usize, (high as usize) << 32 | low as u32 as usize);
        let pixels = mapped[offset..offset + height * width * 3].to_vec();
        Image { height, width, pixels }
    })
    .collect()
}

#[test]
fn folders_and_archives_become_the_same_images() {
    let temp = folder(&[]);
    fs::write(temp.join("set.tgz"), gzip(&small_tar().end())).unwrap();
    fs::write(temp.join("set.tar"), small_tar().end()).unwrap();
    let mut wanted: Option<(Vec<Image>, Vec<Image>)> = None;
    for source in ["set", "set.tgz", "set.tar"] {
        let _ = fs::remove_dir_all(temp.join("cache"));
        let text = run(&options(&temp, source)).unwrap();
        assert!(text.contains("\"images\":4") && text.contains("\"reused\":false"), "{text}");
        let (train, val) = (cached(&temp, "train-16-"), cached(&temp, "val-source-"));
        assert_eq!((numbers(&train, Part::Labels), numbers(&val, Part::Labels)), (vec![0, 0, 1, 1], vec![0, 1]));
        let header = std::str::from_utf8(train.part(Part::Header)).unwrap();
        let paths = "\"paths\":[\"train/cat/a.jpg\",\"train/cat/b.JPEG\",\"train/dog/a.jpeg\",\"train/dog/c.png\"]";
        assert!(header.contains(paths) && header.contains("\"classes\":[\"cat\",\"dog\"]"), "{header}");
        let found = (images(&train), images(&val));
        assert_eq!(*wanted.get_or_insert_with(|| found.clone()), found, "{source}");
        assert_eq!(found.1, [pixels("baseline_422"), pixels("cmyk")]);
        let shape = resize::short_side([45, 67], 16);
        assert_eq!([found.0[1].height, found.0[1].width], shape);
    }
}

#[test]
fn the_bytes_do_not_depend_on_the_threads() {
    let temp = Temp::create();
    // Images of very different cost, so that they overtake each other.
    let kinds = ["progressive_444.jpg", "png_rgb.png", "small_1x1.jpg", "grey.jpg"];
    let names: Vec<(String, Vec<u8>)> =
        (0..200).map(|i| (format!("val/c{}/{i}.jpg", i % 7), file(kinds[i % kinds.len()]))).collect();
    let tar = names.iter().fold(TarBuilder::default(), |tar, (name, bytes)| tar.file(name, bytes));
    fs::write(temp.join("set.tar"), tar.end()).unwrap();
    let mut wanted = None;
    for threads in [1, 2, 5] {
        let _ = fs::remove_dir_all(temp.join("cache"));
        run(&Options { threads, sizes: [None, Some(32), None], ..options(&temp, "set.tar") }).unwrap();
        let bytes = fs::read(temp.join("cache").join(&temp.names("cache")[0])).unwrap();
        assert!(*wanted.get_or_insert_with(|| bytes.clone()) == bytes, "{threads} threads");
    }
}

#[test]
fn a_second_run_decodes_nothing_and_damaged_files_are_made_again() {
    let temp = folder(&[]);
    let options = options(&temp, "set");
    run(&options).unwrap();
    let names = temp.names("cache");
    let text = run(&options).unwrap();
    assert_eq!(text.matches("\"reused\":true").count(), 2, "{text}");
    // A damaged file, an unfinished one, and another size.
    let path = temp.join("cache").join(&names[0]);
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    fs::write(temp.join("cache/train-16-0.pixels.1-0.partial"), "x").unwrap();
    let text = run(&options).unwrap();
    assert_eq!((text.matches("\"reused\":true").count(), temp.names("cache")), (1, names.clone()), "{text}");
    assert!(fs::read(&path).unwrap() == whole);
    run(&Options { sizes: [None, Some(8), None], ..options.clone() }).unwrap();
    assert_eq!(temp.names("cache").len(), 3);
    // A changed file is another data set.
    fs::write(temp.join("set/val/cat/y.jpg"), file("baseline_444.jpg")).unwrap();
    assert_eq!(run(&options).unwrap().matches("\"reused\":false").count(), 2);
    assert_eq!(temp.names("cache").len(), 5);
}

#[test]
fn validation_alone_needs_no_train_folder() {
    let temp = folder(&[]);
    let only_val = Options { sizes: [None, Some(16), None], ..options(&temp, "set") };
    let text = run(&only_val).unwrap();
    assert!(!text.contains("\"train\""), "{text}");
    fs::remove_dir_all(temp.join("set/train")).unwrap();
    run(&only_val).unwrap();
    let error = run(&options(&temp, "set")).unwrap_err().to_string();
    assert!(error.contains("Expected train/<class>/<image>.jpg"), "{error}");
}

#[test]
fn unreadable_images_are_listed_or_refused() {
    let cut = file("baseline_420.jpg")[..500].to_vec();
    let temp = folder(&[("train/cat/cut.jpg", cut)]);
    let lenient = Options { most_unreadable: Most::Share(0.2), ..options(&temp, "set") };
    let error = fails(&temp, &options(&temp, "set"));
    assert!(
        error.contains("1 of 5 images of train cannot be read, more than 1 %; the first: train/cat/cut.jpg: Truncated"),
        "{error}"
    );
    let error = fails(&temp, &Options { strict: true, ..lenient.clone() });
    assert!(error.starts_with("train/cat/cut.jpg: Truncated"), "{error}");
    let text = run(&lenient).unwrap();
    assert!(text.contains("\"images\":4,\"unreadable\":1"), "{text}");
    let train = cached(&temp, "train-16-");
    let header = std::str::from_utf8(train.part(Part::Header)).unwrap();
    assert!(header.contains("\"unreadable\":[{\"path\":\"train/cat/cut.jpg\",\"reason\":\"Truncated"), "{header}");
    assert!(run(&lenient).unwrap().contains("\"reused\":true,\"images\":4,\"unreadable\":1"));
    // A file made by lenient rules does not count under strict ones.
    assert!(run(&Options { strict: true, ..lenient }).is_err());
}

#[test]
fn the_share_of_unreadable_images_is_that_of_each_part() {
    let more = [("val/cat/cut.jpg", file("baseline_420.jpg")[..500].to_vec())];
    let temp = folder(&more);
    // One of three of val, one of seven in all: what is refused alone is refused together with train.
    let limit = Options { most_unreadable: Most::Share(0.2), ..options(&temp, "set") };
    for sizes in [[Some(16), Some(0), None], [None, Some(0), None]] {
        let error = fails(&temp, &Options { sizes, ..limit.clone() });
        assert!(error.contains("1 of 3 images of val cannot be read, more than 20 %"), "{error}");
    }
}

#[test]
fn data_that_cannot_be_used_is_refused() {
    let temp = folder(&[("val/bird/a.jpg", file("grey.jpg"))]);
    assert!(
        fails(&temp, &options(&temp, "set")).contains("Expected the classes of val in train too, did not find bird")
    );
    let temp = folder(&[]);
    fs::create_dir_all(temp.join("set/train/empty")).unwrap();
    assert!(fails(&temp, &options(&temp, "set")).contains("found none in train/empty"));
    let temp = folder(&[("val/cat/y.jpg", b"no image".to_vec())]);
    let error = fails(&temp, &Options { most_unreadable: Most::Share(0.5), ..options(&temp, "set") });
    assert!(
        error.contains("No image of val/cat can be read, the first as: y.jpg: Neither a JPEG nor a PNG"),
        "{error}"
    );
    assert!(fails(&temp, &options(&temp, "nowhere")).contains("There is no such file or folder"));
    fs::create_dir_all(temp.join("bare")).unwrap();
    assert!(fails(&temp, &options(&temp, "bare")).contains("found no such folder"));
    fs::write(temp.join("cut.tgz"), &gzip(&small_tar().end())[..2000]).unwrap();
    assert!(fails(&temp, &options(&temp, "cut.tgz")).contains("cut.tgz: Truncated: the compressed data ends early"));
}

#[test]
fn a_cancelled_job_ends_soon_and_leaves_nothing() {
    let temp = Temp::create();
    let image = file("progressive_444.jpg");
    let tar = (0..3000).fold(TarBuilder::default(), |tar, i| tar.file(&format!("val/a/{i}.jpg"), &image));
    fs::write(temp.join("set.tar"), tar.end()).unwrap();
    let job = Job::start(Options { sizes: [None, Some(64), None], ..options(&temp, "set.tar") }).unwrap();
    while job.look(|progress, outcome| progress.decoded.load(Ordering::Relaxed) == 0 && outcome.is_none()) {
        std::thread::sleep(Duration::from_millis(1));
    }
    job.cancel();
    let start = Instant::now();
    while job.look(|_, outcome| outcome.is_none()) {
        assert!(start.elapsed() < Duration::from_secs(60), "the job does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(job.look(|_, outcome| outcome.cloned()), Some(Err(Fault::Cancelled)));
    assert_eq!(temp.names("cache"), Vec::<String>::new());
}

/// Runs itself again in a shell that allows files of 64 KiB only.
#[cfg(unix)]
#[test]
fn a_disk_that_takes_no_more_leaves_nothing() {
    const INNER: &str = "LIBTRAIN_TEST_SMALL_FILES";
    if std::env::var_os(INNER).is_some() {
        let temp = Temp::create();
        write_files(
            &temp.join("set"),
            &[("val/a/1.jpg", file("resize_101x99_100x98.ppm")), ("val/a/2.jpg", file("grey.jpg"))],
        );
        let big =
            Options { sizes: [None, Some(300), None], most_unreadable: Most::Share(0.6), ..options(&temp, "set") };
        let error = fails(&temp, &big);
        assert!(error.ends_with(".pixels: The system allows no more bytes there"), "{error}");
        return;
    }
    let test = "image::job::tests::a_disk_that_takes_no_more_leaves_nothing";
    let status = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INNER, "1")
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn what_is_left_out_is_told_each_time_of_folders_and_archives_alike() {
    let temp = folder(&[("train/cat/x.gif", b"GIF89a".to_vec()), ("train/dog/deep/x.jpg", file("grey.jpg"))]);
    let others = [("set/train/cat/x.gif", b"GIF89a".to_vec()), ("set/train/dog/deep/x.jpg", file("grey.jpg"))];
    let tar = others.iter().fold(small_tar(), |tar, (name, bytes)| tar.file(name, bytes));
    fs::write(temp.join("set.tgz"), gzip(&tar.end())).unwrap();
    let wanted = r#"{"path":"train/cat/x.gif","reason":"ending"},{"path":"train/dog/deep/x.jpg","reason":"depth"}"#;
    for _ in 0..2 {
        let text = run(&options(&temp, "set")).unwrap();
        assert!(text.contains(&format!(r#""leftOut":[{wanted}]"#)), "{text}");
    }
    let archived = wanted.replace("\"path\":\"", "\"path\":\"set/");
    let text = run(&options(&temp, "set.tgz")).unwrap();
    let csv = r#"{"path":"set/noisy_imagenette.csv","reason":"outside"}"#;
    assert!(text.contains(&format!(r#""leftOut":[{csv},{archived}]"#)), "{text}");
    // Made before: the caches say it.
    assert!(run(&options(&temp, "set.tgz")).unwrap().contains("\"leftOut\":null"));
    assert!(std::str::from_utf8(cached(&temp, "val-").part(Part::Header)).unwrap().contains("\"reason\":\"depth\""));
}

#[test]
fn images_that_are_in_both_parts_are_told_and_those_that_come_twice_are_counted() {
    let same = file("grey.jpg");
    let temp = folder(&[("val/dog/same.jpg", same.clone()), ("train/dog/again.jpg", same)]);
    let text = run(&options(&temp, "set")).unwrap();
    // val: cat/y, dog/same, dog/z; train: cat/a is grey.jpg, and so is dog/again.
    assert!(text.contains("\"shared\":[[1,0]]"), "{text}");
    assert_eq!(text.matches("\"repeated\":1").count(), 1, "{text}");
    assert!(run(&options(&temp, "set")).unwrap().contains("\"shared\":[[1,0]]"));
}

#[cfg(unix)]
#[test]
fn a_file_that_was_changed_behind_its_size_and_time_is_another() {
    let temp = folder(&[]);
    run(&options(&temp, "set")).unwrap();
    let path = temp.join("set/train/cat/a.jpg");
    let before = fs::metadata(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before.modified().unwrap());
    assert_eq!(run(&options(&temp, "set")).unwrap().matches("\"reused\":false").count(), 2);
}

/// The `contents` that a cache's header has.
fn contents(temp: &Temp, start: &str) -> String {
    let cache = cached(temp, start);
    let header = std::str::from_utf8(cache.part(Part::Header)).unwrap();
    header.split_once("\"contents\":\"").unwrap().1[..64].to_string()
}

#[test]
fn contents_are_the_same_wherever_they_lie() {
    let temp = folder(&[]);
    fs::write(temp.join("set.tgz"), gzip(&small_tar().end())).unwrap();
    let mut all = Vec::new();
    for source in ["set", "set.tgz"] {
        run(&options(&temp, source)).unwrap();
        all.push(contents(&temp, "train-16-"));
        fs::remove_dir_all(temp.join("cache")).unwrap();
    }
    fs::write(temp.join("set/train/cat/a.jpg"), file("baseline_444.jpg")).unwrap();
    run(&options(&temp, "set")).unwrap();
    assert_eq!(all[0], all[1]);
    assert_ne!(all[0], contents(&temp, "train-16-"));
}

#[test]
fn a_number_of_unreadable_images_may_be_allowed_and_ten_are_named() {
    let broken: Vec<(String, Vec<u8>)> =
        (10..22).map(|i| (format!("train/cat/z{i}.jpg"), b"no image".to_vec())).collect();
    let temp = folder(&[]);
    broken.iter().for_each(|(name, bytes)| write_files(&temp.join("set"), &[(name, bytes.clone())]));
    let error = fails(&temp, &Options { most_unreadable: Most::Count(11), ..options(&temp, "set") });
    assert!(error.starts_with("12 of 16 images of train cannot be read, more than 11; the first: train/cat/z10.jpg: "));
    assert!(error.contains("z19.jpg: ") && !error.contains("z20.jpg") && error.contains("; and 2 more: "), "{error}");
    run(&Options { most_unreadable: Most::Count(12), ..options(&temp, "set") }).unwrap();
}

#[test]
fn a_class_in_another_unicode_form_is_told_as_such() {
    let image = file("grey.jpg");
    let temp = folder(&[("train/caf\u{e9}/a.jpg", image.clone()), ("val/cafe\u{301}/a.jpg", image)]);
    let error = fails(&temp, &options(&temp, "set"));
    let wanted = "did not find cafe\u{301} (train has the same letters in another Unicode form: \"caf\\u{e9}\" there, \
                  \"cafe\\u{301}\" here)";
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn names_are_shown_escaped_and_kept_as_they_are() {
    let temp =
        folder(&[("train/a\u{1b}[31m\n/1.jpg", file("grey.jpg")), ("val/a\u{1b}[31m\n/1.jpg", b"no image".to_vec())]);
    let error = fails(&temp, &Options { most_unreadable: Most::Count(9), ..options(&temp, "set") });
    assert!(error.contains("No image of val/a\\x1b[31m\\x0a can be read"), "{error}");
    fs::write(temp.join("set/val/a\u{1b}[31m\n/1.jpg"), file("grey.jpg")).unwrap();
    run(&options(&temp, "set")).unwrap();
    let cache = cached(&temp, "train-16-");
    let header = std::str::from_utf8(cache.part(Part::Header)).unwrap();
    assert!(header.contains("\"classes\":[\"a\\u001b[31m\\u000a\","), "{header}");
}
