use super::*;

#[test]
fn parts_follow_each_other_in_every_row() {
    // More bytes than a chunk, a part without any, rows that chunks cut.
    for (rows, widths) in [(900, [100, 0, 157, 3]), (1, [200_000, 5, 0, 70_001])] {
        let sources: Vec<Vec<u8>> =
            widths.iter().enumerate().map(|(p, w)| (0..rows * w).map(|i| (i * 7 + p * 31) as u8).collect()).collect();
        let mut wanted = Vec::new();
        for row in 0..rows {
            for (source, w) in sources.iter().zip(widths) {
                wanted.extend(&source[row * w..(row + 1) * w]);
            }
        }
        let parts: Vec<Part> = sources.iter().zip(widths).map(|(bytes, width)| Part { bytes, width }).collect();
        let mut y = vec![0; wanted.len()];
        run(&ThreadPool::new(2), &parts, &mut y);
        assert!(y == wanted);
    }
}
