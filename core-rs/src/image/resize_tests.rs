use super::super::fixtures::{names, pixels};
use super::*;

/// The input of the fixtures, as `make_images.py` makes it.
fn noise(height: usize, width: usize) -> Vec<u8> {
    (0..height * width * CHANNELS).map(|i| ((i as u64 * 2_654_435_761 % (1 << 32)) >> 13) as u8).collect()
}

fn size(text: &str) -> [usize; 2] {
    let (height, width) = text.split_once('x').unwrap();
    [height.parse().unwrap(), width.parse().unwrap()]
}

#[test]
fn every_size_gives_the_pixels_of_pil() {
    let cases: Vec<String> = names(".ppm").into_iter().filter(|name| name.starts_with("resize_")).collect();
    assert!(cases.len() > 10);
    let mut resizer = Resizer::default();
    for isa in Isa::available() {
        for name in &cases {
            let wanted = pixels(name.trim_end_matches(".ppm"));
            let (from, to) = name["resize_".len()..].trim_end_matches(".ppm").split_once('_').unwrap();
            let ([h, w], to) = (size(from), size(to));
            let input = noise(h, w);
            let mut out = vec![0; to[0] * to[1] * CHANNELS];
            resizer.resize(isa, Window::new(&input, w, [0, 0], [h, w]), to, &mut out);
            assert!(out == wanted.pixels, "{name}, {}", isa.name());
        }
    }
}

#[test]
fn a_window_is_resized_as_if_it_were_cut_out() {
    let ([h, w], [top, left], part) = ([20, 30], [3, 5], [11, 17]);
    let image = noise(h, w);
    let cut: Vec<u8> = (top..top + part[0])
        .flat_map(|y| image[(y * w + left) * CHANNELS..][..part[1] * CHANNELS].iter().copied())
        .collect();
    let mut resizer = Resizer::default();
    for to in [[5, 9], [11, 9], [5, 17], [11, 17], [40, 40]] {
        let mut results = [vec![0; to[0] * to[1] * CHANNELS], vec![0; to[0] * to[1] * CHANNELS]];
        resizer.resize(Isa::detect(), Window::new(&image, w, [top, left], part), to, &mut results[0]);
        resizer.resize(Isa::detect(), Window::new(&cut, part[1], [0, 0], part), to, &mut results[1]);
        assert!(results[0] == results[1], "{to:?}");
    }
}

#[test]
fn short_sides_round_as_python_does() {
    assert_eq!(short_side([333, 500], 128), [128, 192]);
    assert_eq!(short_side([500, 333], 128), [192, 128]);
    assert_eq!(short_side([224, 224], 128), [128, 128]);
    // 5 * 0.5 = 2.5 goes to 2, 7 * 0.5 = 3.5 to 4.
    assert_eq!(short_side([2, 5], 1), [1, 2]);
    assert_eq!(short_side([2, 7], 1), [1, 4]);
}

#[test]
fn size_zero_keeps_an_image() {
    let image = Image { height: 4, width: 6, pixels: noise(4, 6) };
    let same = to_short_side(Isa::detect(), &mut Resizer::default(), image.clone(), 0).unwrap();
    assert_eq!(same, image);
    let thin = Image { height: 1, width: 1000, pixels: noise(1, 1000) };
    assert!(
        to_short_side(Isa::detect(), &mut Resizer::default(), thin, 128)
            .unwrap_err()
            .contains("makes it 128000 x 128: Expected at most 65535 pixels a side")
    );
}
