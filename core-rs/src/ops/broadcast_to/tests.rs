use super::*;
use crate::geometry::strided::broadcast_strides;
use crate::ops::Row;

#[test]
fn broadcasts_match_the_definition() {
    for (from, to) in [
        (&[][..], &[100, 333][..]),
        (&[3, 1, 1, 65], &[3, 20, 17, 65]),
        (&[65], &[3, 20, 17, 65]),
        (&[3, 20, 17, 1], &[3, 20, 17, 65]),
        (&[1, 20, 1, 5], &[30, 20, 17, 5]),
        (&[20, 1, 5, 1], &[2, 20, 3, 5, 70]),
        (&[0, 1], &[0, 4]),
    ] {
        let (from, to) = (Shape::new("test", from).unwrap(), Shape::new("test", to).unwrap());
        let x: Vec<i32> = (0..from.len() as i32).collect();
        let strides = broadcast_strides(from, to);
        let wanted: Vec<i32> = (0..to.len())
            .map(|mut i| {
                let mut at = 0;
                for axis in (0..to.rank()).rev() {
                    at += i % to.dims()[axis] * strides[axis];
                    i /= to.dims()[axis];
                }
                x[at]
            })
            .collect();
        let mut y = vec![-1; to.len()];
        run(&ThreadPool::new(2), from, &x, to, &mut y);
        assert!(y == wanted, "{from} to {to}");
    }
}

#[test]
fn only_x_may_give_way() {
    let check = |from: &[usize], to: &[f64]| {
        let shape = Shape::new("test", from).unwrap();
        let metas = [Some(Meta::new(shape, crate::dtype::Dtype::U8))];
        let op = BroadcastTo::parse(&mut Params::new("broadcast_to", to)).unwrap();
        op.outputs(&Inputs::new(&Row { name: "broadcast_to", inputs: &["x"], mutates: &[false], view: false }, &metas))
            .is_ok()
    };
    assert!(check(&[3, 1], &[2.0, 3.0, 4.0]) && check(&[], &[]));
    assert!(!check(&[3], &[1.0]) && !check(&[2, 3], &[3.0]) && !check(&[2], &[3.0]));
}
