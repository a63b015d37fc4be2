use super::*;
use crate::cpu::isa::Isa;
use crate::cpu::pool::ThreadPool;

fn op(mode: Mode) -> CropBatch {
    CropBatch { key: [42, 1], size: 16, mode, min_scale: 0.35, flip: 0.5, erase: 0.9, erase_count: 3 }
}

/// Images of these sizes, one after the other, with bytes between them.
fn images(sizes: &[[usize; 2]]) -> (Vec<u8>, Vec<[i32; 4]>) {
    let (mut pixels, mut table) = (Vec::new(), Vec::new());
    for &[h, w] in sizes {
        table.push([0, pixels.len() as i32, h as i32, w as i32]);
        pixels.extend((0..h * w * 3 + 5).map(|i| ((i * 2_654_435_761) >> 13) as u8));
    }
    (pixels, table)
}

#[test]
fn batches_match_the_definition() {
    let (pixels, table) = images(&[[16, 16], [16, 25], [40, 16], [33, 47], [1, 1], [2, 90], [90, 3], [224, 100]]);
    let index: Vec<i32> = (0..24).map(|i| i * 5 % 8).collect();
    let images = Images { pixels: &pixels, table: &table, index: &index };
    images.check().unwrap();
    for mode in [Mode::Centre, Mode::Random, Mode::Resized] {
        for (size, flip, erase, count) in [(16, 0.5, 0.9, 3), (7, 0.0, 0.0, 1), (1, 1.0, 1.0, 1), (33, 0.5, 1.0, 16)] {
            let op = CropBatch { size, flip, erase, erase_count: count, ..op(mode) };
            let wanted = reference::run(&op, &images);
            for isa in Isa::available() {
                for threads in [1, 2] {
                    let mut y = vec![f32::NAN; wanted.len()];
                    cpu::run(&op, isa, &ThreadPool::new(threads), &images, &mut y);
                    assert!(y == wanted, "{mode:?}, size {size}, {}, {threads} threads", isa.name());
                }
            }
        }
    }
}

#[test]
fn windows_lie_inside_and_reach_both_ends() {
    let squares: Vec<Rect> = (0..500).map(|i| op(Mode::Random).plan(i, [20, 16]).window).collect();
    assert!(squares.iter().all(|r| (r.left, r.height, r.width) == (0, 16, 16) && r.top <= 4));
    assert!((0..=4).all(|top| squares.iter().any(|r| r.top == top)));
    assert_eq!(op(Mode::Centre).plan(7, [21, 16]).window, Rect { top: 2, left: 0, height: 16, width: 16 });
    for size in [[200, 100], [31, 30], [1, 1], [1, 50], [300, 2], [3, 4]] {
        for i in 0..300 {
            let Rect { top, left, height, width } = op(Mode::Resized).plan(i, size).window;
            assert!(height > 0 && width > 0 && top + height <= size[0] && left + width <= size[1], "{size:?}");
        }
    }
}

#[test]
fn areas_and_ratios_are_those_of_the_distribution() {
    let windows: Vec<Rect> = (0..20_000).map(|i| op(Mode::Resized).plan(i, [1000, 1000]).window).collect();
    let shares: Vec<f64> = windows.iter().map(|r| (r.height * r.width) as f64 / 1e6).collect();
    // Of a uniform area those that fit are kept: always below 3/4, where any ratio fits.
    let quarter = shares.iter().filter(|&&share| (0.35..0.55).contains(&share)).count();
    let next = shares.iter().filter(|&&share| (0.55..0.75).contains(&share)).count();
    assert!((quarter as f64 / next as f64 - 1.0).abs() < 0.06, "{quarter} {next}");
    assert!(shares.iter().all(|share| (0.349..=1.0).contains(share)));
    let logs = windows.iter().map(|r| (r.width as f64 / r.height as f64).ln());
    let mean = logs.clone().sum::<f64>() / 20_000.0;
    assert!(mean.abs() < 0.01 && logs.into_iter().all(|log| log.abs() < 0.29), "{mean}");
}

#[test]
fn boxes_follow_probability_and_count() {
    let plans: Vec<Plan> =
        (0..10_000).map(|i| CropBatch { size: 128, ..op(Mode::Centre) }.plan(i, [128, 128])).collect();
    for (count, share) in [(0, 0.1), (1, 0.3), (2, 0.3), (3, 0.3)] {
        let found = plans.iter().filter(|plan| plan.count == count).count() as f64 / 10_000.0;
        assert!((found - share).abs() < 0.02, "{count}: {found}");
    }
    // Half of 0.3, of which little is cut off at the border.
    let single = plans.iter().filter(|plan| plan.count == 1).map(|plan| plan.boxes()[0].height * plan.boxes()[0].width);
    let mean = single.clone().sum::<usize>() as f64 / single.count() as f64 / (128.0 * 128.0);
    assert!((mean - 0.15).abs() < 0.01, "{mean}");
    let mirrored = plans.iter().filter(|plan| plan.mirrored).count();
    assert!((4800..5200).contains(&mirrored));
}

#[test]
fn tables_that_point_outside_are_refused() {
    let (pixels, _) = images(&[[4, 5]]);
    let end = pixels.len() as i32;
    for row in
        [[0, 6, 4, 5], [1, 0, 4, 5], [-1, -1, 4, 5], [0, 0, 0, 5], [0, 0, -4, 5], [0, 0, 4, 16_385], [0, end, 1, 1]]
    {
        let images = Images { pixels: &pixels, table: &[row], index: &[0] };
        let error = images.check().unwrap_err().to_string();
        assert!(error.contains("Expected row 0 of `table` as an image within `pixels`, got "), "{error}");
        assert!(error.ends_with(" of 65"), "{error}");
    }
    let images = Images { pixels: &pixels, table: &[[0, 0, 4, 5]], index: &[0, 1] };
    assert!(images.check().unwrap_err().to_string().contains("got 1 at position 1"));
    let images = Images { pixels: &pixels, table: &[[0, 0, 4, 5], [0, 99, 9, 9]], index: &[0, 0] };
    images.check().unwrap();
}
