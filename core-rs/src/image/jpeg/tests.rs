use super::super::fixtures::{file, names, pixels};
use super::super::limits::Limits;
use super::super::png;
use crate::cpu::isa::Isa;
use crate::image::Image;
use crate::image::decode::decode;
use crate::random::philox;

fn best(bytes: &[u8]) -> Result<Image, String> {
    with(Isa::detect(), bytes)
}

fn with(isa: Isa, bytes: &[u8]) -> Result<Image, String> {
    decode(isa, bytes, &Limits::default(), &|| false)
        .map(|decoded| decoded.image)
        .map_err(|refusal| refusal.to_string())
}

#[test]
fn every_kind_decodes_to_the_pixels_of_libjpeg_turbo() {
    let names = names(".jpg");
    assert!(names.len() > 20);
    for name in names {
        let wanted = pixels(name.trim_end_matches(".jpg"));
        for isa in Isa::available() {
            let image = with(isa, &file(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(image == wanted, "{name}, {}", isa.name());
        }
    }
}

#[test]
fn every_png_decodes_to_the_pixels_of_pil() {
    let names = names(".png");
    assert!(names.len() > 12);
    for name in names {
        let image = best(&file(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(image == pixels(name.trim_end_matches(".png")), "{name}");
    }
}

#[test]
fn orientation_in_exif_is_ignored_as_by_pil_and_fastai() {
    let image = best(&file("orientation_6.jpg")).unwrap();
    assert_eq!((image.height, image.width), (45, 67));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for name in ["baseline_420.jpg", "progressive_444.jpg", "restarts.jpg", "grey.jpg", "cmyk.jpg", "png_rgb.png"] {
        let whole = file(name);
        for length in 0..whole.len() - 1 {
            let error = best(&whole[..length]).expect_err(name);
            let why = ["Truncated", "empty", "Neither", "Corrupt"];
            assert!(why.iter().any(|word| error.contains(word)), "{name} cut at {length}: {error}");
        }
    }
}

#[test]
fn damaged_files_are_refused_or_decoded_but_never_more() {
    for (number, name) in
        ["baseline_422.jpg", "progressive_420.jpg", "ycck.jpg", "png_palette.png"].into_iter().enumerate()
    {
        let whole = file(name);
        for trial in 0..800 {
            let mut bytes = whole.clone();
            for i in 0..3 {
                let [at, value, ..] = philox([number as u32, trial], [i, 0, 0, 0]);
                let at = at as usize % bytes.len();
                bytes[at] = value as u8;
            }
            if let Ok(image) = best(&bytes) {
                assert_eq!(image.pixels.len(), image.height * image.width * 3);
                assert!(image.height * image.width <= Limits::default().pixels as usize);
            }
        }
    }
}

/// A JPEG's start and frame header.
fn frame(height: u16, width: u16) -> Vec<u8> {
    let ([h1, h0], [w1, w0]) = (height.to_be_bytes(), width.to_be_bytes());
    vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, h1, h0, w1, w0, 1, 1, 0x11, 0]
}

#[test]
fn bombs_are_refused_by_their_header() {
    for (height, width) in [(65_535, 65_535), (16_384, 16_384), (0, 5)] {
        let error = best(&frame(height, width)).unwrap_err();
        let why = [format!("got {} (the limit `pixels`)", width as usize * height as usize), "got 5 x 0".to_string()];
        assert!(why.contains(&error.split_once(", ").unwrap().1.to_string()), "{error}");
    }
    let mut bytes = file("png_rgb.png");
    bytes[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
    assert!(best(&bytes).unwrap_err().contains("got 4294836225 (the limit `pixels`)"));
    assert_eq!(&bytes[..8], &png::MAGIC);
}

#[test]
fn too_many_scans_are_refused() {
    let bytes = file("grey_progressive.jpg");
    let start = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let end = start + 2 + bytes[start + 2..].windows(2).position(|pair| pair[0] == 0xFF && pair[1] == 0xC4).unwrap();
    let repeated = [&bytes[..start], &bytes[start..end].repeat(1001), &bytes[end..]].concat();
    assert_eq!(best(&repeated).unwrap_err(), "Expected at most 1000 scans, got 1001 (the limit `scans`)");
}

#[test]
fn what_is_not_supported_is_named() {
    let with = |at: usize, value: u8| {
        let mut bytes = file("baseline_444.jpg");
        let start = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        bytes[start + at] = value;
        best(&bytes).unwrap_err()
    };
    assert!(with(1, 0xC3).contains("lossless"));
    assert!(with(1, 0xC9).contains("arithmetic"));
    assert!(with(4, 12).contains("8 bits a sample, got 12"));
    assert!(with(9, 2).contains("components, got 2"));
    assert!(with(11, 0x51).contains("sampling factor"));
    assert!(best(b"GIF89a").unwrap_err().contains("Neither a JPEG nor a PNG"));
}
