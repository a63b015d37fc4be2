use super::*;
use crate::cpu::isa::Isa;
use crate::dtype::{Bf16, Stored};
use crate::ops::testing::{check, noise, stored, stored_wide};

#[test]
fn rows_are_copied_in_the_order_of_the_index() {
    let (rows, width) = (11, 777);
    let table: Vec<u8> = (0..rows * width).map(|i| (i * 13 / 7) as u8).collect();
    let index: Vec<i32> = (0..500).map(|i| i * 5 % 11).collect();
    let wanted: Vec<u8> = index.iter().flat_map(|&i| &table[i as usize * width..][..width]).copied().collect();
    let mut y = vec![0; wanted.len()];
    run(&ThreadPool::new(2), &table, rows, &index, &mut y);
    assert!(y == wanted);
}

#[test]
fn a_bad_index_is_named() {
    assert!(check_index("op", &[0, 2, 1], 3).is_ok());
    assert!(check_index("op", &[], 0).is_ok());
    for (index, wanted) in [(vec![0, -1], "got -1 at position 1"), (vec![5, 3], "within the 3 rows")] {
        let message = check_index("op", &index, 3).unwrap_err().to_string();
        assert!(message.contains(wanted), "{message}");
    }
}

#[test]
fn a_row_gets_the_sum_of_the_places_that_took_it() {
    sums::<f32>();
    sums::<Bf16>();
}

fn sums<S: Stored>() {
    for (rows, width, count) in [(7, 5, 40), (3, 20_001, 9), (1, 300, 513), (1000, 33, 10), (4, 1, 0), (5, 0, 3)] {
        let index: Vec<i32> = (0..count).map(|i| (i * i * 7 % rows) as i32).collect();
        let dy = stored::<S>(&noise(count * width));
        let mut want = vec![f64::NAN; rows * width];
        backward::reference(&index, rows, &stored_wide(&dy), &mut want);
        check(&want, |isa, pool, dtable| backward::run(isa, pool, &index, rows, &dy, dtable));
    }
}

#[test]
fn many_places_of_one_row_are_summed_in_double() {
    let (count, index) = (1 << 20, vec![0; 1 << 20]);
    let mut dtable = [0.0];
    backward::run(Isa::detect(), &ThreadPool::new(1), &index, 1, &vec![0.1; count], &mut dtable);
    assert_eq!(dtable[0], (f64::from(0.1f32) * count as f64) as f32);
}
