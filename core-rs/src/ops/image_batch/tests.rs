use super::*;

/// The definition, pixel by pixel.
fn reference(op: &ImageBatch, [h, w, c]: [usize; 3], images: &[u8], index: &[i32]) -> Vec<f32> {
    let mut result = Vec::new();
    for &number in index {
        let Move { dx, dy, mirrored } = op.draw(number as u32);
        for y in 0..h as i64 {
            for x in 0..w as i64 {
                let (from_y, from_x) = (y + dy, if mirrored { w as i64 - 1 - x } else { x } + dx);
                let inside = (0..h as i64).contains(&from_y) && (0..w as i64).contains(&from_x);
                let at = ((number as i64 * h as i64 + from_y) * w as i64 + from_x) * c as i64;
                result.extend((0..c).map(|k| if inside { images[at as usize + k] as f32 / 255.0 } else { 0.0 }));
            }
        }
    }
    result
}

#[test]
fn batches_match_the_definition() {
    for ([h, w, c], shift, flip) in
        [([7, 9, 1], 2, 0.5), ([6, 5, 3], 4, 0.5), ([5, 4, 2], 3, 1.0), ([40, 33, 3], 0, 0.0), ([4, 3, 1], 9, 0.5)]
    {
        let op = ImageBatch { key: [42, 1], shift, flip };
        let n = 50;
        let images: Vec<u8> = (0..n * h * w * c).map(|i| (i * 37 % 251) as u8).collect();
        let index: Vec<i32> = (0..70).map(|i| i * 3 % n as i32).collect();
        let wanted = reference(&op, [h, w, c], &images, &index);
        for isa in Isa::available() {
            for threads in [1, 2] {
                let mut y = vec![f32::NAN; wanted.len()];
                op.run(isa, &ThreadPool::new(threads), [h, w, c], &images, &index, &mut y);
                assert!(y == wanted, "{h} x {w} x {c}, shift {shift}, {}", isa.name());
            }
        }
    }
}

#[test]
fn moves_reach_both_ends_and_mirror_about_half() {
    let op = ImageBatch { key: [1, 2], shift: 2, flip: 0.5 };
    let moves: Vec<Move> = (0..1000).map(|row| op.draw(row)).collect();
    for at in -2..=2 {
        assert!(moves.iter().any(|m| m.dx == at) && moves.iter().any(|m| m.dy == at));
    }
    assert!((400..600).contains(&moves.iter().filter(|m| m.mirrored).count()));
    assert!(moves.iter().all(|m| m.dx.abs() <= 2 && m.dy.abs() <= 2));
}
