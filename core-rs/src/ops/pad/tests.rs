use super::*;

#[test]
fn a_padded_box_matches_the_definition() {
    let (from, before, after) = ([3, 30, 29, 5], [1, 2, 0, 1], [0, 3, 7, 0]);
    let to: [usize; 4] = std::array::from_fn(|i| from[i] + before[i] + after[i]);
    let shape = |dims: &[usize]| Shape::new("test", dims).unwrap();
    let x: Vec<i32> = (0..shape(&from).len() as i32).collect();
    let mut wanted = vec![-7; shape(&to).len()];
    for (i, value) in wanted.iter_mut().enumerate() {
        let index = [i / to[3] / to[2] / to[1], i / to[3] / to[2] % to[1], i / to[3] % to[2], i % to[3]];
        let inside: Vec<usize> =
            (0..4).filter_map(|a| index[a].checked_sub(before[a]).filter(|&i| i < from[a])).collect();
        if let [n, h, w, c] = inside[..] {
            *value = x[((n * from[1] + h) * from[2] + w) * from[3] + c];
        }
    }
    let pad = Pad { value: -7.0, before: before.to_vec(), after: after.to_vec() };
    let mut y = vec![0; wanted.len()];
    pad.run(&ThreadPool::new(2), shape(&from), &x, shape(&to), &mut y);
    assert!(y == wanted);
}

#[test]
fn scalars_and_empty_tensors() {
    let pad = Pad { value: 1.0, before: vec![], after: vec![] };
    let mut y = [0.0f32];
    pad.run(&ThreadPool::new(1), Shape::scalar(), &[3.0], Shape::scalar(), &mut y);
    assert_eq!(y, [3.0]);

    let pad = Pad { value: 1.0, before: vec![1, 0], after: vec![1, 2] };
    let shape = |dims: &[usize]| Shape::new("test", dims).unwrap();
    let mut y = [0.0f32; 8];
    pad.run(&ThreadPool::new(1), shape(&[2, 0]), &[], shape(&[4, 2]), &mut y);
    assert_eq!(y, [1.0; 8]);
}
