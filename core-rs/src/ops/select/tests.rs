use super::*;
use crate::dtype::{Bf16, Dtype};
use crate::ops::Row;

/// The condition's shape, those of a and b.
const SHAPES: [[&[usize]; 3]; 14] = [
    [&[40_001], &[40_001], &[40_001]],
    [&[40_001], &[40_001], &[]],
    [&[40_001], &[], &[40_001]],
    [&[257, 129], &[], &[]],
    [&[], &[], &[]],
    [&[], &[7, 3], &[3]],
    [&[30, 17], &[4, 2, 30, 17], &[]],
    [&[4, 1, 1, 65], &[4, 2, 30, 65], &[65]],
    [&[5, 1], &[5, 700], &[1, 700]],
    [&[5, 700], &[5, 1], &[700]],
    [&[3, 1, 2], &[1, 5, 2], &[3, 5, 1]],
    [&[1, 30, 1, 17], &[20, 1, 5, 1], &[17]],
    [&[0, 3], &[3], &[]],
    [&[2, 1], &[], &[1, 9]],
];

fn shapes([c, a, b]: [&[usize]; 3]) -> (Shape, [Shape; 3]) {
    let inputs = [c, a, b].map(|dims| Shape::new("test", dims).unwrap());
    let values = broadcast("test", inputs[1], inputs[2]).unwrap();
    (broadcast("test", inputs[0], values).unwrap(), inputs)
}

fn conditions(shape: Shape) -> Vec<f32> {
    (0..shape.len()).map(|i| [0.0, 1.0, 1.0, -0.0, f32::NAN, 0.0, 0.5][i * 5 % 7]).collect()
}

#[test]
fn every_broadcast_matches_the_definition() {
    for dims in SHAPES {
        let (output, inputs) = shapes(dims);
        let condition = conditions(inputs[0]);
        let a: Vec<f32> = (0..inputs[1].len()).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..inputs[2].len()).map(|i| -1.0 - i as f32).collect();
        let mut wanted = vec![f32::NAN; output.len()];
        reference::run((output, inputs), &condition, &a, &b, &mut wanted);
        for threads in [1, 2] {
            let mut got = vec![f32::NAN; output.len()];
            run(&ThreadPool::new(threads), (output, inputs), &condition, [&a, &b], &mut got);
            assert!(got == wanted, "{dims:?}");
        }
    }
}

#[test]
fn any_dtype_can_be_a_condition_and_what_is_not_taken_does_not_matter() {
    let one = Shape::new("test", &[2]).unwrap();
    let mut y = [0.0f32; 2];
    let values: [&[f32]; 2] = [&[1.0, f32::NAN], &[f32::INFINITY, 2.0]];
    let pool = ThreadPool::new(1);
    run(&pool, (one, [one; 3]), &[3i32, 0], values, &mut y);
    assert_eq!(y, [1.0, 2.0]);
    run(&pool, (one, [one; 3]), &[Bf16::round(1.0), Bf16::round(-0.0)], values, &mut y);
    assert_eq!(y, [1.0, 2.0]);
    let mut y = [0u8; 2];
    run(&pool, (one, [one; 3]), &[0u8, 255], [&[1, 2], &[3, 4]], &mut y);
    assert_eq!(y, [3, 2]);
}

static ROW: Row = Row { name: "where", inputs: &["condition", "a", "b"], mutates: &[false; 3], view: false };

#[test]
fn the_values_are_of_one_dtype_and_everything_broadcasts() {
    let outputs = |metas: [(&[usize], Dtype); 3]| {
        let metas = metas.map(|(dims, dtype)| Some(Meta::new(Shape::new("where", dims).unwrap(), dtype)));
        Select.outputs(&Inputs::new(&ROW, &metas)).map(|outputs| (outputs[0].shape.dims().to_vec(), outputs[0].dtype))
    };
    let wanted = (vec![4, 2, 3], Dtype::Bf16);
    assert_eq!(
        outputs([(&[2, 1], Dtype::F32), (&[4, 1, 3], Dtype::Bf16), (&[], Dtype::Bf16)]).map_err(|e| e.to_string()),
        Ok(wanted)
    );
    assert!(outputs([(&[2], Dtype::U8), (&[2], Dtype::F32), (&[2], Dtype::I32)]).is_err());
    assert!(outputs([(&[3], Dtype::F32), (&[2], Dtype::F32), (&[], Dtype::F32)]).is_err());
}
