use super::*;

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
