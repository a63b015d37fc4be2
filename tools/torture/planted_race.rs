//! Two threads write one number and nobody orders them: the bug that ThreadSanitizer has to find.

static mut COUNT: u64 = 0;

fn count() {
    for _ in 0..10_000 {
        // SAFETY: none: it is the planted bug.
        unsafe { std::ptr::write_volatile(&raw mut COUNT, std::ptr::read_volatile(&raw const COUNT) + 1) };
    }
}

fn main() {
    let other = std::thread::spawn(count);
    count();
    other.join().expect("it only counts");
}
