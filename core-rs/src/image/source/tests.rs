use super::archive::{Archive, Caps};
use super::testing::{TarBuilder, Temp, gzip, small, small_tar};
use super::*;
use crate::image::job::Progress;

const CAPS: Caps = Caps { bytes: 1 << 30, entries: 1000 };

/// What an archive of these bytes holds: the paths of its images, or the error.
fn read_with(bytes: &[u8], caps: Caps) -> Result<Vec<String>, String> {
    let temp = Temp::create();
    let path = temp.join("set.tgz");
    std::fs::write(&path, bytes).unwrap();
    let progress = Progress::default();
    let archive = Archive::open(&path, &progress).map_err(|fault| fault.to_string())?;
    let mut found = Vec::new();
    let mut receive = |item: Found| {
        if let Found::Image(place, contents) = item {
            let length = contents.read().map_err(Fault::Bad)?.len();
            found.push(format!("{} {length}", place.path()));
        }
        Ok(())
    };
    let result = archive.read(caps, &progress, &mut receive);
    assert_eq!(temp.names(""), ["set.tgz"], "nothing is unpacked");
    result.map(|_| found).map_err(|fault| fault.to_string())
}

fn read(bytes: &[u8]) -> Result<Vec<String>, String> {
    read_with(bytes, CAPS)
}

fn paths(files: &[(&str, Vec<u8>)]) -> Vec<String> {
    files.iter().map(|(name, bytes)| format!("{name} {}", bytes.len())).collect()
}

#[test]
fn archives_are_read_compressed_or_not() {
    let tar = small_tar().end();
    for bytes in [tar.clone(), gzip(&tar), [gzip(&tar[..700]), gzip(&tar[700..])].concat()] {
        assert_eq!(read(&bytes).unwrap(), paths(&small()));
    }
}

#[test]
fn long_names_come_in_three_ways() {
    let folder = "a/".repeat(60);
    let name = format!("{folder}set/val/cat/{}.jpg", "b".repeat(60));
    let wanted = [format!("val/cat/{}.jpg 2", "b".repeat(60))];
    let gnu =
        TarBuilder::default().entry("././@LongLink", b'L', format!("{name}\0").as_bytes()).file("cut", b"ab").end();
    assert_eq!(read(&gnu).unwrap(), wanted);
    // The length of a pax line counts its own digits.
    let pax = TarBuilder::default()
        .entry("pax", b'x', format!("{} path={name}\n", name.len() + 10).as_bytes())
        .header("cut", b'0', 2, |_| ())
        .body(b"ab")
        .end();
    assert_eq!(read(&pax).unwrap(), wanted);
    let (before, after) = name.split_at(name.len() - 73);
    let prefix = before.trim_end_matches('/');
    let ustar = TarBuilder::default()
        .header(after, b'0', 2, |header| header[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes()))
        .body(b"ab")
        .end();
    assert_eq!(read(&ustar).unwrap(), wanted);
}

#[test]
fn other_files_are_left_alone() {
    let others = [
        "set/README",
        "set/train/loose.jpg",
        "set/train/cat/deep/x.jpg",
        "set/train/cat/._a.jpg",
        "set/train/cat/a.gif",
        "set/test/cat/a.jpg",
    ];
    let tar = others.iter().fold(TarBuilder::default(), |tar, name| tar.file(name, b"other"));
    assert_eq!(read(&tar.end()).unwrap(), Vec::<String>::new());
}

/// A stream of one image with this name.
fn named(name: &str) -> Vec<u8> {
    TarBuilder::default().file(name, b"x").end()
}

#[test]
fn hostile_archives_are_refused_with_the_reason() {
    let tar = || TarBuilder::default().file("set/val/cat/a.jpg", b"abc");
    let bad_sum = {
        let mut bytes = small_tar().end();
        bytes[3 * 512 + 3] ^= 1;
        bytes
    };
    let bad_crc = {
        let mut bytes = gzip(&small_tar().end());
        let at = bytes.len() - 6;
        bytes[at] ^= 0x55;
        bytes
    };
    let zeros = vec![0; 40 << 20];
    let huge = TarBuilder::default().header("val/cat/a.jpg", b'0', 0, |header| {
        header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    });
    let overflow = TarBuilder::default().header("val/cat/a.jpg", b'0', 0, |header| header[124..136].fill(0xFF));
    let no_number = TarBuilder::default().header("val/cat/a.jpg", b'0', 0, |header| header[124..136].fill(b'9'));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("climbing path", named("../val/cat/a.jpg"), "Expected paths inside the archive, got \"../val/cat/a.jpg\""),
        ("climbing inside", named("val/../../val/cat/a.jpg"), "Expected paths inside"),
        ("absolute path", named("/val/cat/a.jpg"), "got the absolute"),
        ("drive", named("C:/val/cat/a.jpg"), "got the absolute"),
        ("backslashes", named("set\\..\\val/cat/a.jpg"), "without backslashes"),
        ("newline", named("val/cat/a\n.jpg"), "control characters"),
        ("symbolic link", tar().entry("set/val/cat/b.jpg", b'2', b"").end(), "got a link: \"set/val/cat/b.jpg\""),
        ("hard link", tar().entry("set/val/cat/b.jpg", b'1', b"").end(), "got a link"),
        (
            "link with a long name",
            tar().entry("long", b'K', b"/etc/passwd\0").entry("b", b'2', b"").end(),
            "got a link",
        ),
        ("device", tar().entry("set/val/cat/b.jpg", b'3', b"").end(), "got a device"),
        ("pipe", tar().entry("set/val/cat/b.jpg", b'6', b"").end(), "got a device"),
        ("sparse file", tar().entry("set/val/cat/b.jpg", b'S', b"").end(), "got a sparse file"),
        ("sparse by pax", tar().entry("p", b'x', b"22 GNU.sparse.major=1\n").end(), "no sparse files"),
        ("unknown kind", tar().entry("set/val/cat/b.jpg", b'Z', b"").end(), "got kind 90"),
        ("folder with contents", tar().entry("set/val/dog/", b'5', b"abc").end(), "a folder with contents"),
        (
            "pax path that climbs",
            tar().entry("p", b'x', b"23 path=../val/c/a.jpg\n").file("b", b"x").end(),
            "inside the archive",
        ),
        ("pax line of length 0", tar().entry("p", b'x', b"0 path=a\n").end(), "a pax header with a wrong line"),
        ("pax line too long", tar().entry("p", b'x', b"999 path=a\n").end(), "a pax header with a wrong line"),
        ("endless name", tar().header("n", b'L', 1 << 32, |_| ()).end(), "names and notes of at most 65536 bytes"),
        (
            "size beyond the stream",
            tar().header("set/val/cat/b.jpg", b'0', 1 << 20, |_| ()).end(),
            "ends inside \"set/val/cat/b.jpg\"",
        ),
        ("size of 2^62", huge.end(), "files of at most"),
        ("size overflows", overflow.end(), "size is no number"),
        ("size of nines", no_number.end(), "size is no number"),
        (
            "name not UTF-8",
            TarBuilder::default().header("a", b'0', 0, |header| header[0] = 0xFF).end(),
            "a path in UTF-8",
        ),
        (
            "two data sets",
            tar().file("other/val/cat/a.jpg", b"x").end(),
            "Expected one data set, got two: in \"set\" and in \"other\"",
        ),
        ("wrong header sum", bad_sum, "comes no tar header"),
        ("no end", tar().unfinished(), "ends without the blocks that end an archive"),
        ("half a header", [tar().unfinished(), vec![1; 100]].concat(), "ends inside a header"),
        ("half a file", tar().unfinished()[..514].to_vec(), "ends inside \"set/val/cat/a.jpg\""),
        ("bomb", gzip(&TarBuilder::default().file("notes", &zeros).end()), "200 bytes out for each byte in"),
        ("wrong sum of the compressed data", bad_crc, "Corrupt"),
        ("rubbish after the end", [gzip(&small_tar().end()), b"rubbish here".to_vec()].concat(), "Corrupt"),
        ("empty", Vec::new(), "it has no entries"),
        ("text", b"<html>404 Not Found</html>".repeat(40), "Neither a folder, a .tgz nor a .tar"),
        ("zip", [b"PK\x03\x04".to_vec(), vec![7; 1000]].concat(), "Neither a folder, a .tgz nor a .tar"),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, bytes, wanted)| match read(bytes) {
            Err(error) if error.contains(wanted) && error.contains("set.tgz: ") => None,
            other => Some(format!("{name}: {other:?}")),
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn caps_on_bytes_and_entries_hold() {
    let tar = small_tar().end();
    let error = read_with(&tar, Caps { bytes: 4096, ..CAPS }).unwrap_err();
    assert!(error.contains("at most 4096 bytes once decompressed"), "{error}");
    let error = read_with(&gzip(&tar), Caps { entries: 3, ..CAPS }).unwrap_err();
    assert!(error.contains("at most 3 entries"), "{error}");
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let tar = small_tar().end();
    let packed = gzip(&tar);
    for (bytes, step) in [(&tar[..tar.len() - 1024], 509), (&packed[..], 97)] {
        for length in (1..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            let error = read(&bytes[..length]).expect_err("cut");
            assert!(["Truncated", "Corrupt", "Neither"].iter().any(|word| error.contains(word)), "{length}: {error}");
        }
    }
}
