use super::*;
use crate::image::Image;
use crate::image::job::{Fault, Job, Made};
use crate::image::source::Place;
use crate::image::source::testing::Temp;
use std::fs;

/// A small cache file and its bytes.
fn made(temp: &Temp) -> (std::path::PathBuf, Vec<u8>) {
    let mut writer = CacheWriter::create(temp, "val.pixels").unwrap();
    for (class, size) in [("b", 3), ("a", 5)] {
        let place = Place { split: Split::Val, class: class.into(), file: "1.png".into(), folder: Some("val") };
        let pixels = vec![size as u8; size * size * 3];
        let image = Image { height: size, width: size, pixels };
        let made = Made { image, source: [2 * size, size], damage: None };
        writer.add(place, [size as u8; DIGEST], Ok(made)).unwrap();
    }
    assert!(temp.names("").contains(&format!("val.pixels.{}-0.partial", std::process::id())));
    let classes = ["a".into(), "b".into()];
    let about = About {
        key: "key",
        source_kind: "folder",
        source_name: "a \"name\"",
        source_bytes: 1,
        source_key: &[7; 32],
        split: "val",
        size: 0,
        classes: &classes,
        left_out: &[],
        linked: 0,
    };
    writer.finish(&about).unwrap();
    let path = writer.commit().unwrap();
    assert_eq!(temp.names(""), ["val.pixels"]);
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

/// Puts other bytes in the place of a file that may only be read.
fn replace(path: &std::path::Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

#[cfg(unix)]
#[test]
fn a_finished_file_may_only_be_read_and_can_be_made_again() {
    use std::os::unix::fs::PermissionsExt;
    let temp = Temp::create();
    for _ in 0..2 {
        let (path, _) = made(&temp);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!((mode & 0o222, mode & 0o400), (0, 0o400));
        assert!(Cache::open(&path).is_ok());
    }
}

#[test]
fn what_was_written_is_read() {
    let temp = Temp::create();
    let (path, bytes) = made(&temp);
    let cache = Cache::open(&path).unwrap();
    assert_eq!((cache.images(), cache.unreadable(), cache.bytes()), (2, 0, bytes.len() as u64));
    let table: Vec<u8> = [[0, 27, 5, 5], [0, 0, 3, 3]].concat().into_iter().flat_map(i32::to_le_bytes).collect();
    assert_eq!(cache.part(Part::Table), table);
    assert_eq!(cache.part(Part::Labels), [0, 0, 0, 0, 1, 0, 0, 0]);
    let pixels = cache.map_pixels(0).unwrap();
    assert_eq!((pixels.len(), pixels[27]), (PAGE, 5));
    assert_eq!(cache.part(Part::Digests), [[5; DIGEST], [3; DIGEST]].concat());
    assert_eq!(cache.part(Part::Sums), sums::xxh64(&pixels).to_le_bytes());
    let header = std::str::from_utf8(cache.part(Part::Header)).unwrap();
    assert!(
        header.starts_with("{\"format\":\"libtrain pixels\"") && header.contains("\"name\":\"a \\\"name\\\"\""),
        "{header}"
    );
    assert!(header.contains("\"heights\":[6,10,10],\"widths\":[3,5,5]"), "{header}");
}

#[test]
fn damaged_files_are_refused() {
    let temp = Temp::create();
    let (path, bytes) = made(&temp);
    // Every bit of the numbers, the sum and what follows the pixels counts.
    for at in (0..NUMBERS + SUM).chain(2 * PAGE..bytes.len()) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        replace(&path, &damaged);
        assert!(Cache::open(&path).is_err(), "byte {at}");
    }
    for length in [0, 50, 4096, bytes.len() - 1] {
        replace(&path, &bytes[..length]);
        assert!(Cache::open(&path).is_err(), "{length} bytes");
    }
    replace(&path, &[&bytes[..], b"more"].concat());
    assert!(Cache::open(&path).err().unwrap().contains("Damaged"));
    assert!(Cache::open(&temp.join("none")).err().unwrap().contains("Cannot be opened"));
}

#[test]
fn a_table_that_points_outside_is_refused_even_with_a_right_sum() {
    let temp = Temp::create();
    let (path, bytes) = made(&temp);
    let table = 2 * PAGE;
    for (at, value) in
        [(table, 1u32), (table + 4, 4090), (table + 8, 0), (table + 8, 60_000), (table + 12, 400), (table + 32, 2)]
    {
        let mut forged = bytes.clone();
        forged[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let numbers: [u8; NUMBERS] = forged[..NUMBERS].try_into().unwrap();
        let sum = sum_of(&numbers, &forged[table..]);
        forged[NUMBERS..NUMBERS + SUM].copy_from_slice(&sum);
        replace(&path, &forged);
        assert!(Cache::open(&path).err().unwrap().contains("points outside"), "{at} {value}");
    }
}

#[test]
fn another_process_at_work_is_left_alone() {
    let temp = Temp::create();
    let first = CacheWriter::create(&temp, "val.pixels").unwrap();
    let second = CacheWriter::create(&temp, "val.pixels").unwrap();
    assert_eq!(temp.names("").len(), 2);
    drop(first);
    assert_eq!(temp.names("").len(), 1);
    drop(second);
    assert_eq!(temp.names("").len(), 0);
}

/// What the check of a cache comes to, once it has come to something.
fn checked(job: &Job) -> std::result::Result<String, Fault> {
    loop {
        if let Some(outcome) = job.look(|_, outcome| outcome.cloned()) {
            return outcome;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn writable(path: &std::path::Path) -> fs::File {
    let mut rights = fs::metadata(path).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a file of the test alone")]
    rights.set_readonly(false);
    fs::set_permissions(path, rights).unwrap();
    fs::File::options().write(true).open(path).unwrap()
}

#[cfg(unix)]
#[test]
fn the_pixels_are_checked_in_the_background_and_again_where_the_file_changes() {
    use std::os::unix::fs::FileExt;
    let temp = Temp::create();
    let (path, _) = made(&temp);
    let cache = Cache::open(&path).unwrap();
    let job = Job::watch(Watched::new(&cache).unwrap()).unwrap();
    assert_eq!(checked(&job), Ok(String::new()));
    // Only touched: read again, and found whole.
    let file = writable(&path);
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(checked(&job), Ok(String::new()));
    let error = |job: &Job| checked(job).unwrap_err().to_string();
    let is = format!("The cache \"{}\" is damaged: ", path.display());
    file.write_at(&[9], PAGE as u64 + 30).unwrap();
    let wanted = format!("{is}its pixels are not those that were written: remove it, and it is made again");
    assert_eq!(error(&job), wanted);
    // Found at opening too, which looks at no pixels itself.
    let again = Job::watch(Watched::new(&Cache::open(&path).unwrap()).unwrap()).unwrap();
    assert_eq!(error(&again), wanted);
    let bytes = cache.bytes();
    file.set_len(PAGE as u64).unwrap();
    assert_eq!(error(&job), format!("{is}it had {bytes} bytes, and now {PAGE}: remove it, and it is made again"));
}
