use super::*;

#[test]
fn every_order_of_three_axes_matches_the_definition() {
    let dims = [37, 45, 21];
    let shape = Shape::new("test", &dims).unwrap();
    let x: Vec<i32> = (0..shape.len() as i32).collect();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut wanted = Vec::new();
        for i in 0..dims[order[0]] {
            for j in 0..dims[order[1]] {
                for k in 0..dims[order[2]] {
                    let mut index = [0; 3];
                    (index[order[0]], index[order[1]], index[order[2]]) = (i, j, k);
                    wanted.push(x[(index[0] * dims[1] + index[1]) * dims[2] + index[2]]);
                }
            }
        }
        let mut y = vec![0; x.len()];
        Transpose { permutation: order.to_vec() }.run(&ThreadPool::new(2), shape, &x, &mut y);
        assert!(y == wanted, "{order:?}");
    }
}
