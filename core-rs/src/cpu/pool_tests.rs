use super::*;

#[test]
fn split_rounds_up() {
    assert_eq!(split(0, 4), 0);
    assert_eq!(split(8, 4), 2);
    assert_eq!(split(9, 4), 3);
    assert_eq!(chunk_range(9, 4, 2), 8..9);
}

#[test]
fn every_chunk_runs_once_and_is_counted() {
    for threads in [1, 2, 5] {
        let pool = ThreadPool::new(threads);
        assert_eq!(pool.threads(), threads);
        for chunks in [0, 1, 2, 3, 100] {
            let before: u64 = pool.chunks_by_thread().iter().sum();
            let hits: Vec<_> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
            pool.run(chunks, &|i| {
                hits[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(hits.iter().all(|hit| hit.load(Ordering::Relaxed) == 1));
            let after: u64 = pool.chunks_by_thread().iter().sum();
            assert_eq!(after - before, chunks as u64);
        }
    }
}

#[test]
fn two_chunks_run_at_once_on_two_threads() {
    let pool = ThreadPool::new(2);
    let here = AtomicUsize::new(0);
    // Each chunk waits for the other, however late its thread wakes up on a busy machine.
    pool.run(2, &|_| {
        here.fetch_add(1, Ordering::SeqCst);
        let start = Instant::now();
        while here.load(Ordering::SeqCst) < 2 {
            assert!(start.elapsed() < Duration::from_secs(60), "the other thread did not come");
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    assert_eq!(pool.chunks_by_thread(), [1, 1]);
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_survives() {
    for threads in [1, 2, 4] {
        let pool = ThreadPool::new(threads);
        for bad in [0, 7, 63] {
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.run(64, &|i| assert!(i != bad, "chunk {i}"));
            }));
            let message = result.unwrap_err().downcast::<String>().unwrap();
            assert_eq!(*message, format!("chunk {bad}"));
            let sum = AtomicUsize::new(0);
            pool.run(10, &|i| {
                sum.fetch_add(i, Ordering::Relaxed);
            });
            assert_eq!(sum.load(Ordering::Relaxed), 45);
        }
    }
}

#[test]
fn nested_runs_are_serial_and_in_order() {
    let pool = ThreadPool::new(3);
    pool.run(8, &|_| {
        let outer = std::thread::current().id();
        let order = Mutex::new(Vec::new());
        pool.run(5, &|i| {
            assert_eq!(std::thread::current().id(), outer);
            lock(&order).push(i);
        });
        assert_eq!(*lock(&order), [0, 1, 2, 3, 4]);
    });
    assert_eq!(pool.chunks_by_thread().iter().sum::<u64>(), 48);
}

#[test]
fn several_callers_share_a_pool() {
    let pool = ThreadPool::new(2);
    let sum = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    pool.run(7, &|i| {
                        sum.fetch_add(i, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    assert_eq!(sum.load(Ordering::Relaxed), 4 * 500 * 21);
}

#[test]
fn many_small_runs() {
    let pool = ThreadPool::new(2);
    let sum = AtomicUsize::new(0);
    for round in 0..100_000 {
        pool.run(3, &|i| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        if round % 5000 == 0 {
            // Long enough for the worker to fall asleep.
            std::thread::sleep(SPIN * 4);
        }
    }
    assert_eq!(sum.load(Ordering::Relaxed), 300_000);
}

#[test]
fn chunks_of_slices_are_disjoint_and_complete() {
    let pool = ThreadPool::new(2);
    let (mut a, mut b, mut c) = (vec![0_usize; 1001], vec![0_u8; 1001], vec![0.0_f32; 1001]);
    for_each_chunk_mut3(&pool, &mut a, &mut b, &mut c, 10, |i, a, b, c| {
        assert_eq!((a.len(), b.len()), (c.len(), c.len()));
        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
            *a += i;
            *b += 1;
            *c += 0.5;
        }
    });
    assert!(a.iter().enumerate().all(|(at, &i)| i == at / 10));
    assert!(b.iter().all(|&b| b == 1) && c.iter().all(|&c| c == 0.5));

    let seen = Mutex::new(Vec::new());
    pool.run_ranges(25, 10, &|range| lock(&seen).push(range));
    let mut seen = seen.into_inner().unwrap();
    seen.sort_by_key(|range| range.start);
    assert_eq!(seen, [0..10, 10..20, 20..25]);
}
