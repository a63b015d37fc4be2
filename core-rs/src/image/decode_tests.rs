use super::super::fixtures::{file, names, pixels};
use super::*;
use crate::random::philox;
use std::cell::Cell;

fn with(limits: &Limits, bytes: &[u8]) -> Result<Decoded, Refusal> {
    decode(Isa::detect(), bytes, limits, &|| false)
}

fn best(bytes: &[u8]) -> Result<Decoded, Refusal> {
    with(&Limits::default(), bytes)
}

/// All image files, each with its name without the ending.
fn files() -> Vec<(String, Vec<u8>)> {
    let all = [".jpg", ".png", ".webp"].map(|ending| {
        let files = names(ending);
        files.into_iter().map(move |name| (name.trim_end_matches(ending).to_string(), file(&name)))
    });
    all.into_iter().flatten().collect()
}

#[test]
fn every_file_decodes_to_the_pixels_of_pil_and_tells_its_damage() {
    let files = files();
    assert!(files.len() > 110);
    for (name, bytes) in files {
        for isa in Isa::available() {
            let decoded = decode(isa, &bytes, &Limits::default(), &|| false);
            let decoded = decoded.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            assert!(decoded.image == pixels(&name), "{name}, {}", isa.name());
            assert_eq!(decoded.damage.is_some(), name.starts_with("damaged"), "{name}: {:?}", decoded.damage);
        }
    }
}

#[test]
fn damage_has_a_reason() {
    for (name, wanted) in [
        ("damaged_tables.jpg", "Without Huffman tables, decoded with the usual ones"),
        ("damaged_cut_50.jpg", "Ends without its end marker"),
        ("damaged_no_end.jpg", "Ends without its end marker"),
        ("damaged_junk_before_marker.jpg", "6 bytes of no use before marker C0"),
        ("damaged_junk_at_end.jpg", "14 bytes of no use before marker D9"),
        ("damaged_second_scan.jpg", "After the image: Corrupt: a second scan of the same data"),
        ("damaged_version.jpg", "Version 2 of JFIF"),
        ("damaged_adobe.jpg", "Adobe's colour transform 7"),
        ("damaged_restart_lost.jpg", "170 bytes of no use before marker D4"),
        ("damaged_restart_far.jpg", "Marker D6 where restart marker 2 should be"),
        ("damaged_separate.jpg", "Without the scan of component 2"),
        ("damaged_scans_1_420.jpg", "Without its last scans, smoothed"),
        ("damaged_png_cut_early.png", "Data end early, at row 1 of 19"),
        ("damaged_png_no_end.png", "Ends without its end chunk"),
        ("damaged_png_after.png", "4 bytes after its end"),
        ("damaged_png_sum.png", "The sum of its chunk tIME is wrong"),
        ("damaged_png_sum_of_data.png", "The sum of a piece of the data is wrong"),
        ("damaged_png_sum_inside.png", "The sum of its data is wrong"),
        ("damaged_png_more_data.png", "More data than the image has"),
        ("damaged_png_unknown_chunk.png", "A chunk ABCD, which has no meaning"),
    ] {
        assert_eq!(best(&file(name)).unwrap().damage.as_deref(), Some(wanted), "{name}");
    }
}

#[test]
fn orientation_in_exif_is_ignored_as_by_pil_and_fastai() {
    let image = best(&file("orientation_6.jpg")).unwrap().image;
    assert_eq!((image.height, image.width), (45, 67));
}

#[test]
fn a_file_cut_anywhere_is_refused_or_tells_its_damage() {
    for name in
        ["baseline_420.jpg", "progressive_444.jpg", "restarts.jpg", "cmyk.jpg", "png_rgb.png", "webp_alpha_lossy.webp"]
    {
        let whole = file(name);
        let mut decoded = 0;
        for length in 0..whole.len() - 1 {
            match best(&whole[..length]) {
                Ok(Decoded { damage, .. }) => {
                    decoded += 1;
                    assert!(damage.is_some(), "{name} cut at {length}");
                }
                Err(refusal) => {
                    let why = ["Truncated", "empty", "Neither", "Corrupt"];
                    let told = refusal.to_string();
                    assert!(why.iter().any(|word| told.contains(word)), "{name} cut at {length}: {told}");
                }
            }
        }
        assert_eq!(decoded > whole.len() / 2, !name.ends_with("webp"), "{name}: {decoded} of {}", whole.len());
    }
}

#[test]
fn changed_files_never_panic_or_give_more_than_they_may() {
    let limits = Limits { pixels: 300_000, memory: 4_000_000, work: 3_000_000, ..Limits::default() };
    for (number, (name, whole)) in files().into_iter().enumerate() {
        for trial in 0..40 {
            let mut bytes = whole.clone();
            for i in 0..1 + trial % 4 {
                let [at, value, kind, _] = philox([number as u32, trial], [i, 0, 0, 0]);
                // Half of them in the headers
                let within = if kind & 1 == 0 { bytes.len() } else { bytes.len().min(200) };
                let at = at as usize % within;
                match kind >> 1 & 7 {
                    0 => bytes.truncate(at.max(16)),
                    1 => bytes[at] = 0xFF,
                    2 => bytes[at] ^= 1 << (value % 8),
                    3 => {
                        let copied = bytes[at..].to_vec();
                        bytes.extend(copied);
                    }
                    _ => bytes[at] = value as u8,
                }
            }
            if let Ok(Decoded { image, .. }) = with(&limits, &bytes) {
                assert_eq!(image.pixels.len(), image.height * image.width * 3, "{name}");
                assert!(image.height * image.width <= 300_000);
            }
        }
    }
}

/// The limit that is broken, and what the file takes.
fn broken(limits: Limits, bytes: &[u8]) -> (Limit, u64) {
    match with(&limits, bytes) {
        Err(Refusal::Beyond { limit, needs, .. }) => (limit, needs),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_limit_is_kept_and_named() {
    let whole = Limits::default();
    for name in
        ["baseline_420.jpg", "progressive_444.jpg", "png_rgba.png", "webp_lossless.webp", "webp_animated_lossy.webp"]
    {
        let bytes = file(name);
        let Image { height, width, .. } = best(&bytes).unwrap().image;
        let (pixels, side, bytes_of_file) = ((height * width) as u64, width as u64, bytes.len() as u64);
        assert_eq!(broken(Limits { pixels: pixels - 1, ..whole }, &bytes), (Limit::Pixels, pixels), "{name}");
        assert_eq!(broken(Limits { side: side - 1, ..whole }, &bytes), (Limit::Side, side), "{name}");
        let (limit, needs) = broken(Limits { memory: pixels * 3, ..whole }, &bytes);
        assert!(limit == Limit::Memory && needs > pixels * 3, "{name}: {needs}");
        assert!(with(&Limits { memory: needs, ..whole }, &bytes).is_ok());
        let small = Limits { file_bytes: bytes_of_file - 1, ..whole };
        assert_eq!(broken(small, &bytes), (Limit::FileBytes, bytes_of_file), "{name}");
    }
    let bytes = file("progressive_444.jpg");
    let pixels = 45 * 67;
    assert_eq!(broken(Limits { scans: 9, ..whole }, &bytes), (Limit::Scans, 10));
    // Told at the first scan, before the memory that all need
    let first = Limits { scans: 9, memory: 10, ..whole };
    assert_eq!(broken(first, &bytes), (Limit::Scans, 10));
    assert_eq!(broken(Limits { work: pixels * 9, ..whole }, &bytes), (Limit::Work, pixels * 10));
    assert!(with(&Limits { scans: 10, work: pixels * 10, ..whole }, &bytes).is_ok());
    let scanned = (Limit::Work, 8 * 6 * pixels);
    assert_eq!(broken(Limits { work: 8 * 6 * pixels - 1, ..whole }, &file("damaged_arithmetic_2.jpg")), scanned);
    let told = with(&Limits { side: 66, ..whole }, &bytes).unwrap_err().to_string();
    assert_eq!(told, "Expected at most 66 pixels a side, got 67 (the limit `side`)");
}

/// A JPEG with another height and width in its frame header.
fn sized(name: &str, marker: u8, height: u16, width: u16) -> Vec<u8> {
    let mut bytes = file(name);
    let at = bytes.windows(2).position(|pair| pair == [0xFF, marker]).unwrap();
    bytes[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    bytes[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn bombs_are_refused_before_their_memory() {
    let default = Limits::default();
    let jpeg = |height, width| sized("baseline_420.jpg", 0xC0, height, width);
    assert_eq!(broken(default, &jpeg(65_535, 65_535)), (Limit::Pixels, 4_294_836_225));
    let mut bytes = file("png_rgb.png");
    bytes[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
    assert!(best(&bytes).unwrap_err().to_string().contains("header's sum"));
    let bytes = png(65_535, 65_535, &[0x78, 0x9C]);
    assert_eq!(broken(default, &bytes), (Limit::Pixels, 4_294_836_225));
    assert_eq!(broken(default, &png(1, 1 << 20, &[])), (Limit::Side, 1 << 20));
    // A small canvas around a large picture
    let mut bytes = file("webp_alpha_lossy.webp");
    let at = bytes.windows(4).position(|kind| kind == b"VP8 ").unwrap() + 8;
    bytes[at + 6..at + 10].copy_from_slice(&[0xFF, 0x3F, 0xFF, 0x3F]);
    assert_eq!(broken(default, &bytes), (Limit::Pixels, 16_383 * 16_383));
    // 49 million pixels, 240 scans
    let small = file("grey_progressive.jpg");
    let start = small.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let end = start + 2 + small[start + 2..].windows(2).position(|pair| pair == [0xFF, 0xC4]).unwrap();
    let large = sized("grey_progressive.jpg", 0xC2, 7_000, 7_000);
    let bytes = [&large[..start], &large[start..end].repeat(240), &large[end..]].concat();
    let (limit, needs) = broken(default, &bytes);
    assert!(limit == Limit::Work && needs > 49_000_000 * 240, "{needs}");
}

/// A grey PNG with this compressed data.
fn png(height: u32, width: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = png::MAGIC.to_vec();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    for (kind, data) in [(b"IHDR", &header[..]), (b"IDAT", data), (b"IEND", &[])] {
        bytes.extend((data.len() as u32).to_be_bytes());
        let mut crc = flate2::Crc::new();
        [&kind[..], data].into_iter().for_each(|part| crc.update(part));
        [&kind[..], data, &crc.sum().to_be_bytes()].into_iter().for_each(|part| bytes.extend(part));
    }
    bytes
}

#[test]
fn thin_strips_decode() {
    for (height, width) in [(1, 65_535), (65_535, 1), (16_384, 1), (8, 65_500)] {
        let mut data = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        let row = [vec![0], vec![7; width as usize]].concat();
        (0..height).for_each(|_| std::io::Write::write_all(&mut data, &row).unwrap());
        let Decoded { image, damage } = best(&png(height, width, &data.finish().unwrap())).unwrap();
        assert_eq!((image.height, image.width, damage), (height as usize, width as usize, None));
        assert!(image.pixels.iter().all(|&value| value == 7));
    }
    for (height, width) in [(8, 65_500), (65_500, 8), (1, 16_384)] {
        let image = best(&sized("baseline_420.jpg", 0xC0, height, width)).unwrap().image;
        assert_eq!((image.height, image.width), (height as usize, width as usize));
    }
}

#[test]
fn a_stop_is_asked_for_often_and_ends_the_work() {
    let row = [vec![0], vec![7; 500]].concat();
    let mut data = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    (0..500).for_each(|_| std::io::Write::write_all(&mut data, &row).unwrap());
    for (bytes, least) in [
        (sized("baseline_420.jpg", 0xC0, 500, 500), 60),
        (sized("progressive_444.jpg", 0xC2, 500, 500), 200),
        (png(500, 500, &data.finish().unwrap()), 30),
        (file("webp_lossless.webp"), 5),
    ] {
        let asked = Cell::new(0);
        let counts = |after| {
            asked.set(0);
            decode(Isa::detect(), &bytes, &Limits::default(), &|| {
                asked.set(asked.get() + 1);
                asked.get() > after
            })
        };
        assert!(counts(u32::MAX).is_ok());
        let times = asked.get();
        assert!(times >= least, "asked {times} times");
        for after in [0, 1, times / 2, times - 1] {
            assert_eq!(counts(after).unwrap_err(), Refusal::Stopped);
            assert_eq!(asked.get().min(after + 1), after + 1);
        }
    }
}

#[test]
fn what_stands_beside_the_pixels_is_never_decompressed() {
    let mut profile = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut profile, &vec![0; 40 << 20]).unwrap();
    let text = [b"x\0\0".to_vec(), profile.finish().unwrap()].concat();
    let whole = file("png_rgb.png");
    let mut bytes = whole[..33].to_vec();
    for kind in [b"iCCP", b"zTXt"] {
        let mut crc = flate2::Crc::new();
        [&kind[..], &text].into_iter().for_each(|part| crc.update(part));
        bytes.extend((text.len() as u32).to_be_bytes());
        [&kind[..], &text, &crc.sum().to_be_bytes()].into_iter().for_each(|part| bytes.extend(part));
    }
    bytes.extend(&whole[33..]);
    let limits = Limits { memory: 100_000, ..Limits::default() };
    let Decoded { image, damage } = with(&limits, &bytes).unwrap();
    assert!(image == pixels("png_rgb") && damage.is_none());
}

#[test]
fn what_is_not_supported_is_named() {
    let with = |at: usize, value: u8| {
        let mut bytes = file("baseline_444.jpg");
        let start = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        bytes[start + at] = value;
        best(&bytes).unwrap_err().to_string()
    };
    assert!(with(1, 0xC3).contains("lossless"));
    assert!(with(1, 0xCB).contains("lossless"));
    assert!(with(4, 12).contains("8 bits a sample, got 12"));
    assert!(with(9, 2).contains("components, got 2"));
    assert!(with(11, 0x51).contains("sampling factor"));
    assert!(best(b"GIF89a").unwrap_err().to_string().contains("Neither a JPEG nor a PNG nor a WebP"));
}
