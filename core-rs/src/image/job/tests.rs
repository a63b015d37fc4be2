use super::prepare::Options;
use super::*;
use crate::image::cache::{Cache, Part};
use crate::image::fixtures::{file, pixels};
use crate::image::source::archive::Caps;
use crate::image::source::testing::{TarBuilder, Temp, gzip, small, small_tar, write_files};
use crate::image::{Image, resize};
use std::fs;
use std::time::{Duration, Instant};

type Outcome = std::result::Result<String, Fault>;

fn options(temp: &Temp, source: &str) -> Options {
    Options {
        source: temp.join(source),
        folder: temp.join("cache"),
        sizes: [Some(16), Some(0)],
        strict: false,
        most_unreadable: 0.01,
        threads: 2,
        caps: Caps { bytes: 1 << 30, entries: 10_000 },
    }
}

fn run(options: &Options) -> Outcome {
    let job = Job::start(options.clone()).unwrap();
    let start = Instant::now();
    while job.outcome().is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "the job hangs");
        std::thread::sleep(Duration::from_millis(1));
    }
    job.outcome().unwrap().clone()
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
    let rows = table.as_chunks::<4>().0.iter();
    rows.map(|&[high, low, height, width]| {
        let (height, width, offset) = (height as usize, width as usize, (high as usize) << 32 | low as u32 as usize);
        let pixels = cache.part(Part::Pixels)[offset..offset + height * width * 3].to_vec();
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
        run(&Options { threads, sizes: [None, Some(32)], ..options(&temp, "set.tar") }).unwrap();
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
    run(&Options { sizes: [None, Some(8)], ..options.clone() }).unwrap();
    assert_eq!(temp.names("cache").len(), 3);
    // A changed file is another data set.
    fs::write(temp.join("set/val/cat/y.jpg"), file("baseline_444.jpg")).unwrap();
    assert_eq!(run(&options).unwrap().matches("\"reused\":false").count(), 2);
    assert_eq!(temp.names("cache").len(), 5);
}

#[test]
fn validation_alone_needs_no_train_folder() {
    let temp = folder(&[]);
    let only_val = Options { sizes: [None, Some(16)], ..options(&temp, "set") };
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
    let lenient = Options { most_unreadable: 0.2, ..options(&temp, "set") };
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
    let limit = Options { most_unreadable: 0.2, ..options(&temp, "set") };
    for sizes in [[Some(16), Some(0)], [None, Some(0)]] {
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
    let error = fails(&temp, &Options { most_unreadable: 0.5, ..options(&temp, "set") });
    assert!(
        error.contains("No image of val/cat can be read, the first as: y.jpg: Neither a JPEG nor a PNG"),
        "{error}"
    );
    fs::write(temp.join("twice.tar"), small_tar().file("set/val/cat/y.jpg", b"again").end()).unwrap();
    assert!(fails(&temp, &options(&temp, "twice.tar")).contains("got val/cat/y.jpg twice"));
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
    let job = Job::start(Options { sizes: [None, Some(64)], ..options(&temp, "set.tar") }).unwrap();
    while job.progress().decoded.load(Ordering::Relaxed) == 0 && job.outcome().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    job.progress().cancel();
    let start = Instant::now();
    while job.outcome().is_none() {
        assert!(start.elapsed() < Duration::from_secs(5), "the job does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(job.outcome(), Some(&Err(Fault::Cancelled)));
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
        let big = Options { sizes: [None, Some(300)], most_unreadable: 0.6, ..options(&temp, "set") };
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
