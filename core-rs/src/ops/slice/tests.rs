use super::*;

#[test]
fn boxes_match_the_definition() {
    let shape = Shape::new("test", &[5, 40, 33, 7]).unwrap();
    let x: Vec<i32> = (0..shape.len() as i32).collect();
    let bytes: Vec<u8> = x.iter().flat_map(|x| x.to_le_bytes()).collect();
    for (starts, sizes) in [([0; 4], [5, 40, 33, 7]), ([1, 3, 2, 1], [3, 30, 31, 5]), ([4, 0, 0, 6], [1, 40, 33, 1])] {
        let slice = Slice { starts: starts.to_vec(), sizes: sizes.to_vec() };
        let mut wanted = Vec::new();
        for n in 0..sizes[0] {
            for h in 0..sizes[1] {
                for w in 0..sizes[2] {
                    let at = (((n + starts[0]) * 40 + h + starts[1]) * 33 + w + starts[2]) * 7 + starts[3];
                    wanted.extend(x[at..at + sizes[3]].iter().flat_map(|x| x.to_le_bytes()));
                }
            }
        }
        let mut y = vec![0; wanted.len()];
        slice.run(&ThreadPool::new(2), shape, 4, &bytes, &mut y);
        assert!(y == wanted, "{sizes:?} from {starts:?}");
    }
}
