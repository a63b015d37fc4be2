use super::archive::{Archive, Caps};
use super::layout::{Layout, Search};
use super::testing::{TarBuilder, Temp, gzip, small, small_tar, write_files};
use super::*;
use crate::image::job::Progress;
use std::collections::BTreeSet;

const CAPS: Caps = Caps { bytes: 1 << 30, entries: 1000 };

/// What an archive of these bytes holds: the paths of its images, or the error.
fn read_with(bytes: &[u8], caps: Caps) -> Result<Vec<String>, String> {
    let temp = Temp::create();
    let path = temp.join("set.tgz");
    std::fs::write(&path, bytes).unwrap();
    let progress = Progress::default();
    let mut found = Vec::new();
    let mut receive = |place: Place, contents: Contents| {
        let length = contents.read().map_err(Fault::Bad)?.len();
        found.push(format!("{} {length}", place.path()));
        Ok(())
    };
    let mut work = || {
        let mut archive = Archive::open(&path, &progress)?;
        let listing = archive.list(caps, &searching(&progress, Layout::default()))?;
        archive.read(listing, caps, &progress, &mut receive)
    };
    let result = work();
    assert_eq!(temp.names(""), ["set.tgz"], "nothing is unpacked");
    result.map(|()| found).map_err(|fault| fault.to_string())
}

/// A search for validation images.
fn searching(progress: &Progress, layout: Layout) -> Search<'_> {
    Search { layout, wanted: [false, true, false], most: 10_000, progress, source: "set.tgz".to_string() }
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
        ("backslashes that climb", named("set\\..\\val/cat/a.jpg"), "Expected paths inside"),
        ("hard link outside", tar().link("set/val/cat/b.jpg", b'1', "../../etc/passwd").end(), "Expected paths inside"),
        ("folder with contents", tar().entry("set/val/dog/", b'5', b"abc").end(), "comes no tar header"),
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
        ("size of 2^62", huge.end(), "ends inside"),
        ("size overflows", overflow.end(), "size is no number"),
        ("size of nines", no_number.end(), "size is no number"),
        (
            "two data sets",
            tar().file("other/val/cat/a.jpg", b"x").end(),
            "Expected one data set, got two: in \"other\" and in \"set\"",
        ),
        ("wrong header sum", bad_sum, "comes no tar header"),
        ("no end", tar().unfinished(), "ends without the blocks that end an archive"),
        ("half a header", [tar().unfinished(), vec![1; 100]].concat(), "ends inside a header"),
        ("half a file", tar().unfinished()[..514].to_vec(), "ends inside \"set/val/cat/a.jpg\""),
        ("bomb", gzip(&TarBuilder::default().file("notes", &zeros).end()), "200 bytes out for each byte in"),
        ("wrong sum of the compressed data", bad_crc, "Corrupt"),
        (
            "rubbish after the end",
            [gzip(&small_tar().end()), b"rubbish here".to_vec()].concat(),
            "Corrupt: other data follow",
        ),
        ("empty", Vec::new(), "it has no entries"),
        ("text", b"<html>404 Not Found</html>".repeat(40), "A page of HTML or XML, no archive"),
        ("zip", [b"PK\x03\x04".to_vec(), vec![7; 1000]].concat(), "A .zip archive, which is not read: unpack it"),
        ("xz", [b"\xFD7zXZ\0".to_vec(), vec![7; 1000]].concat(), "compressed by xz"),
        ("7z", [b"7z\xBC\xAF\x27\x1C".to_vec(), vec![7; 1000]].concat(), "A .7z archive"),
        ("a photograph", [b"\xFF\xD8\xFF\xE0".to_vec(), vec![7; 1000]].concat(), "An image, no data set"),
        ("rubbish", vec![7; 1000], "Neither a folder, a .tgz nor a .tar"),
        (
            "a binary sum",
            {
                let mut bytes = vec![0; 512];
                bytes[148] = 0x80;
                bytes
            },
            "Neither a folder",
        ),
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

/// Images, and what was left out.
#[cfg(unix)]
type Told = (Vec<String>, Vec<String>);

/// The images of a tree, with the reasons and paths of what was left out; as a folder, and as an archive of it.
#[cfg(unix)]
fn both(temp: &Temp, layout: Layout) -> [Result<Told, String>; 2] {
    let tar = std::process::Command::new("tar")
        .args(["--format=pax", "-cf", "set.tar", "-C", "set", "."])
        .current_dir(&**temp)
        .stderr(std::process::Stdio::null())
        .status();
    assert!(tar.is_ok_and(|status| status.success()));
    let progress = Progress::default();
    let search = Search { wanted: [true, true, false], ..searching(&progress, layout) };
    let packed = Archive::open(&temp.join("set.tar"), &progress).and_then(|mut archive| archive.list(CAPS, &search));
    let folder = super::folder::Folder::list(&temp.join("set"), &search).map(|folder| folder.listing);
    fn told<File>(listing: super::layout::Listing<File>) -> Told {
        let images =
            listing.images.iter().map(|(place, _)| format!("{} {}", place.split.name(), place.path())).collect();
        let left = listing.left_out.iter().map(|left| format!("{} {}", left.reason.name(), left.path)).collect();
        (images, left)
    }
    [folder.map(told).map_err(|fault| fault.to_string()), packed.map(told).map_err(|fault| fault.to_string())]
}

#[cfg(unix)]
#[test]
fn a_folder_and_its_archive_are_the_same_set_and_leave_out_the_same() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let temp = Temp::create();
    let root = temp.join("set");
    write_files(&root, &small());
    let more =
        ["README", "extra/x.jpg", "train/loose.jpg", "train/notes.txt", "train/cat/deep/er/x.jpg", "train/cat/._a.jpg"];
    let also =
        ["train/cat/a.gif", "train/cat/b.webp", ".hidden/train/cat/x.jpg", "train/.cache/x.jpg", "train/cat/a\nb.jpg"];
    for name in more.iter().chain(&also) {
        write_files(&root, &[(name, b"bytes".to_vec())]);
    }
    let latin = root.join("train").join(OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir_all(&latin).unwrap();
    std::fs::write(latin.join(OsStr::from_bytes(b"\xff.png")), b"x").unwrap();
    std::fs::hard_link(root.join("train/cat/a.jpg"), root.join("train/dog/hard.jpg")).unwrap();
    symlink("../cat/a.jpg", root.join("train/dog/soft.jpg")).unwrap();
    symlink("../cat/a.jpg", root.join("train/dog/soft.txt")).unwrap();
    symlink("nowhere.jpg", root.join("train/dog/dangling.jpg")).unwrap();
    symlink("loop.jpg", root.join("train/dog/loop.jpg")).unwrap();
    symlink("..", root.join("train/dog/circle")).unwrap();
    symlink("../train/cat", root.join("val/bird")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(root.join("train/dog/pipe.jpg")).status().unwrap().success());
    let [folder, packed] = both(&temp, Layout::default());
    let (images, left_out) = folder.unwrap();
    assert_eq!(
        images,
        [
            "train train/caf\\xE9/\\xFF.png",
            "train train/cat/a\nb.jpg",
            "train train/cat/a.jpg",
            "train train/cat/b.JPEG",
            "train train/cat/b.webp",
            "train train/dog/a.jpeg",
            "train train/dog/c.png",
            "train train/dog/hard.jpg",
            "train train/dog/soft.jpg",
            "val val/bird/a\nb.jpg",
            "val val/bird/a.jpg",
            "val val/bird/b.JPEG",
            "val val/bird/b.webp",
            "val val/cat/y.jpg",
            "val val/dog/z.jpg",
        ]
    );
    for wanted in [
        "hidden .hidden/",
        "outside README",
        "outside extra/",
        "hidden train/.cache/",
        "hidden train/cat/._a.jpg",
        "ending train/cat/a.gif",
        "depth train/cat/deep/er/x.jpg",
        "link train/dog/dangling.jpg",
        "link train/dog/loop.jpg",
        "special train/dog/pipe.jpg",
        "ending train/dog/soft.txt",
        "depth train/loose.jpg",
        "ending train/notes.txt",
        "depth val/bird/deep/er/x.jpg",
        "depth train/dog/circle/cat/a.jpg",
        "link train/dog/circle/dog/",
    ] {
        assert!(left_out.iter().any(|left| left == wanted), "{wanted}: {left_out:#?}");
    }
    assert_eq!(packed.unwrap(), (images, left_out));
    // With nested classes the same files are images.
    let nested = Layout { nested: true, ..Layout::default() };
    let [folder, packed] = both(&temp, nested);
    let (images, left_out) = folder.unwrap();
    assert!(images.contains(&"train train/cat/deep/er/x.jpg".to_string()), "{images:#?}");
    assert!(left_out.contains(&"link train/dog/circle/dog/".to_string()), "{left_out:#?}");
    assert_eq!(packed.unwrap(), (images, left_out));
}

#[cfg(unix)]
#[test]
fn sets_that_no_rule_fits_are_refused_alike_and_others_are_found() {
    let split = Layout { split: Some(0.5), ..Layout::default() };
    let cases: [(&[&str], Layout, &str); 9] = [
        (
            &["train/cat/a.jpg", "val/cat/a.jpg", "valid/cat/b.jpg"],
            Layout::default(),
            "Expected one of val/ and valid/, got both",
        ),
        (&["train/cat/a.jpg"], Layout::default(), "Expected val/<class>/<image>.jpg"),
        (&["train/cat/a.jpg"], Layout::default(), "by `split`, say 0.2"),
        (&["cat/a.jpg", "dog/a.jpg"], Layout::default(), "by `split`, say 0.2"),
        (&["train/cat/a.jpg", "validation/cat/a.jpg"], split, "Expected no `split` with a folder validation/"),
        (&["a/train/cat/a.jpg", "b/train/cat/a.jpg"], Layout::default(), "got two: in \"a\" and in \"b\""),
        (&["cat/a.jpg", "test/cat/a.jpg"], split, "got a folder test/ among them"),
        (&["cat.jpg"], Layout::default(), "Expected train/<class>/<image>.jpg"),
        (&["README"], Layout::default(), "Expected train/<class>/<image>.jpg"),
    ];
    for (files, layout, wanted) in cases {
        let temp = Temp::create();
        files.iter().for_each(|name| write_files(&temp.join("set"), &[(name, b"x".to_vec())]));
        for error in both(&temp, layout).map(|found| found.unwrap_err()) {
            assert!(error.starts_with("set.tgz: ") && error.contains(wanted), "{files:?}: {error}");
        }
    }
    let found: [(&[&str], Layout, usize); 5] = [
        (&["train/cat/a.jpg", "valid/cat/b.jpg"], Layout::default(), 2),
        (&["photos/train/cat/a.jpg", "photos/validation/cat/b.jpg", "notes.txt"], Layout::default(), 2),
        (&["cat/a.jpg", "cat/b.jpg", "dog/a.jpg"], split, 3),
        (&["photos/flowers/cat/a.jpg", "photos/flowers/dog/b.jpg"], split, 2),
        (&["train/cat/a.jpg", "train/dog/b.jpg", "test/cat/c.jpg"], split, 2),
    ];
    for (files, layout, count) in found {
        let temp = Temp::create();
        files.iter().for_each(|name| write_files(&temp.join("set"), &[(name, b"x".to_vec())]));
        let [folder, packed] = both(&temp, layout).map(Result::unwrap);
        assert_eq!(folder.0.len(), count, "{folder:?}");
        assert_eq!(folder, packed);
    }
}

#[cfg(unix)]
#[test]
fn an_image_of_a_set_that_is_split_stays_where_it_is() {
    let names: Vec<String> = (0..400).map(|i| format!("c{}/{i}.jpg", i % 3)).collect();
    let split = Layout { split: Some(0.2), ..Layout::default() };
    let parts = |names: &[String], under: &str| -> BTreeSet<String> {
        let temp = Temp::create();
        names.iter().for_each(|name| write_files(&temp.join("set").join(under), &[(name, b"x".to_vec())]));
        let [folder, packed] = both(&temp, split).map(Result::unwrap);
        assert_eq!(folder, packed);
        folder.0.into_iter().collect()
    };
    let all = parts(&names, "");
    let some = parts(&names[..200], "");
    assert!(some.is_subset(&all));
    let val = all.iter().filter(|line| line.starts_with("val ")).count();
    assert!((50..=110).contains(&val), "{val} of 400");
    // By the path below the classes' folder.
    let ends = |lines: &BTreeSet<String>| -> BTreeSet<String> {
        lines.iter().map(|line| line.replace("train/", "")).collect()
    };
    assert_eq!(ends(&parts(&names, "train")), ends(&all));
}

#[test]
fn links_devices_and_notes_in_archives_are_no_reason_to_refuse_them() {
    let tar = TarBuilder::default()
        .entry("pax_global_header", b'g', b"52 comment=0123456789012345678901234567890123456789\n")
        .file("set/README", b"read me")
        .file("set/val/cat/a.jpg", b"abc")
        .link("set/val/cat/hard.jpg", b'1', "set/val/cat/a.jpg")
        .header("set/val/cat/size.jpg", b'1', 3, |header| header[157..174].copy_from_slice(b"set/val/cat/a.jpg"))
        .link("set/val/cat/soft.jpg", b'2', "a.jpg")
        .link("set/val/cat/early.jpg", b'2', "../dog/late.jpg")
        .link("set/val/cat/gone.jpg", b'1', "set/val/cat/none.jpg")
        .link("set/val/cat/out.jpg", b'2', "/etc/passwd")
        .link("set/val/cat/up.jpg", b'2', "../../../../x.jpg")
        .entry("long", b'K', b"../dog/late.jpg\0")
        .link("set/val/cat/long.jpg", b'2', "cut")
        .entry("set/val/cat/null.jpg", b'3', b"")
        .entry("set/val/cat/pipe.jpg", b'6', b"")
        .entry("set/val/cat/holes.jpg", b'S', b"stored")
        .entry("p", b'x', b"22 GNU.sparse.major=1\n")
        .file("set/val/cat/sparse.jpg", b"map and bytes")
        .entry("set/val/cat/vendor.jpg", b'Z', b"bytes")
        .entry("label", b'V', b"")
        .file("set/val/dog/late.jpg", b"late!")
        .file("set/val/cat/twice.jpg", b"x")
        .file("set/val/cat/twice.jpg", b"again")
        .file("set/val/cat/a.jpg/below.jpg", b"x");
    let mut found = read(&tar.clone().end()).unwrap();
    found.sort();
    let wanted = ["a.jpg 3", "early.jpg 5", "hard.jpg 3", "long.jpg 5", "size.jpg 3", "soft.jpg 3", "twice.jpg 5"];
    let mut wanted: Vec<String> = wanted.iter().map(|name| format!("val/cat/{name}")).collect();
    wanted.push("val/dog/late.jpg 5".to_string());
    assert_eq!(found, wanted);
    let temp = Temp::create();
    std::fs::write(temp.join("set.tar"), tar.end()).unwrap();
    let progress = Progress::default();
    let mut archive = Archive::open(&temp.join("set.tar"), &progress).unwrap();
    let listing = archive.list(CAPS, &searching(&progress, Layout::default())).unwrap();
    let mut reasons: Vec<String> =
        listing.left_out.iter().map(|left| format!("{} {}", left.reason.name(), left.path)).collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "link set/val/cat/gone.jpg",
            "link set/val/cat/out.jpg",
            "link set/val/cat/up.jpg",
            "outside set/README",
            "replaced set/val/cat/twice.jpg",
            "special set/val/cat/a.jpg/below.jpg",
            "special set/val/cat/holes.jpg",
            "special set/val/cat/null.jpg",
            "special set/val/cat/pipe.jpg",
            "special set/val/cat/sparse.jpg",
            "special set/val/cat/vendor.jpg",
        ]
    );
}

#[test]
fn padding_after_the_end_is_read_over() {
    let tar = small_tar().end();
    let padded = [gzip(&tar), vec![0; 1000]].concat();
    let members = [gzip(&tar[..700]), gzip(&tar[700..1500]), gzip(&tar[1500..]), vec![0; 1 << 20]].concat();
    for bytes in [padded, members, [tar.clone(), vec![0; 20_000]].concat()] {
        assert_eq!(read(&bytes).unwrap(), paths(&small()));
    }
}

/// Thousands of archives with bytes changed, cut out and put in: each is read, or refused with a reason.
#[test]
fn no_archive_makes_the_reader_fail_otherwise_than_by_an_error() {
    let tar = TarBuilder::default()
        .entry("p", b'x', b"25 path=val/cat/long.jpg\n")
        .file("cut", b"ab")
        .entry("././@LongLink", b'L', b"val/cat/longer.jpg\0")
        .file("cut", b"ab")
        .link("val/cat/hard.jpg", b'1', "val/cat/long.jpg")
        .link("val/dog", b'2', "cat")
        .entry("val/cat/holes.jpg", b'S', b"stored")
        .end();
    let packed = gzip(&tar);
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut draw = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let temp = Temp::create();
    let path = temp.join("set.tar");
    let (mut read, mut refused) = (0, 0);
    for round in 0..3000 {
        let mut bytes = if round % 4 == 0 { packed.clone() } else { tar.clone() };
        for _ in 0..=draw(4) {
            let at = draw(bytes.len());
            match draw(6) {
                0 => bytes[at] ^= 1 << draw(8),
                1 => bytes[at] = [0, 0x20, 0x2F, 0x7F, 0x80, 0xFF][draw(6)],
                2 => bytes.truncate(at.max(1)),
                // A header's field of numbers, with its sum made right below.
                3 if at + 512 < bytes.len() => {
                    bytes[at / 512 * 512 + 124 + draw(12)] = [b'7', 0x80, 0xFF, b' ', 0][draw(5)]
                }
                4 if at + 512 < bytes.len() => bytes[at / 512 * 512 + 156] = draw(256) as u8,
                _ => bytes.insert(at, draw(256) as u8),
            }
            if bytes.len() < 64 {
                break;
            }
        }
        if round % 4 != 0 && round % 5 != 0 {
            for header in bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
                header[148..156].fill(b' ');
                let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
                header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let progress = Progress::default();
        let caps = Caps { bytes: 1 << 20, entries: 100 };
        let outcome = Archive::open(&path, &progress).and_then(|mut archive| {
            let listing = archive.list(caps, &searching(&progress, Layout { nested: true, ..Layout::default() }))?;
            archive.read(listing, caps, &progress, &mut |_, contents| contents.read().map(|_| ()).map_err(Fault::Bad))
        });
        match outcome {
            Ok(()) => read += 1,
            Err(Fault::Bad(reason)) if reason.contains(": ") && !reason.contains('\n') => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(read > 50 && refused > 500, "{read} read, {refused} refused");
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_read() {
    let temp = Temp::create();
    let pipe = temp.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), std::path::Path::new("/dev/zero")] {
        let error = Archive::open(path, &Progress::default()).err().unwrap().to_string();
        assert!(error.ends_with("Expected a folder, a .tgz or a .tar"), "{error}");
        let error = regular::open(path).unwrap_err().to_string();
        assert_eq!(error, "Expected a regular file");
    }
    // 20 GB of nothing: refused by the beginning, and as an image by its size.
    let sparse = temp.join("sparse.jpg");
    std::fs::File::create(&sparse).unwrap().set_len(20 << 30).unwrap();
    let stamp = Stamp::of(&std::fs::metadata(&sparse).unwrap());
    assert!(regular::read(&sparse, &stamp).unwrap_err().contains("Expected a file of at most"));
}
