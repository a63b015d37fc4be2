use super::*;
use crate::ops::testing::{check, noise, stored, stored_wide, wide};

#[test]
fn every_storage_order_matches_the_definition() {
    for (batch, m, n, k) in [(1, 7, 5, 9), (3, 17, 33, 20), (2, 1, 4, 0), (0, 3, 3, 3), (2, 0, 3, 3), (1, 64, 10, 50)] {
        for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)] {
            let s = MatmulShape { batch, m, n, k, transpose_a, transpose_b };
            let (a, b) = (noise(batch * m * k), noise(batch * k * n + 1)[1..].to_vec());
            let mut y = vec![0.0; batch * m * n];
            reference::run(&s, &wide(&a), &wide(&b), &mut y);
            check(&y, |isa, pool, y| super::cpu::run::<f32>(isa, pool, &s, &a, &b, y));
            reference::run(&s, &stored_wide(&stored::<Bf16>(&a)), &stored_wide(&stored::<Bf16>(&b)), &mut y);
            check(&y, |isa, pool, y| super::cpu::run::<Bf16>(isa, pool, &s, &stored(&a), &stored(&b), y));
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let shape = |dims: &[usize]| Shape::new("matmul", dims).unwrap();
    let product = Matmul { transpose_a: false, transpose_b: true };
    let sizes = |a: &[usize], b: &[usize]| product.sizes("matmul", shape(a), shape(b));
    assert_eq!(sizes(&[2, 3], &[4, 3]).unwrap().n, 4);
    assert_eq!(sizes(&[5, 2, 3], &[5, 4, 3]).unwrap().batch, 5);
    let message = sizes(&[2, 3], &[3, 4]).unwrap_err().to_string();
    assert_eq!(
        message,
        "matmul(): Expected `b` transposed with 3 rows, the columns of `a`, got 4: shapes [2, 3] and [3, 4]"
    );
    assert!(sizes(&[2, 3], &[1, 4, 3]).is_err() && sizes(&[2, 2, 3], &[3, 4, 3]).is_err());
}
