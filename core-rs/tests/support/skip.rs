//! Tests that this machine cannot run are counted, not lost.

use std::io::Write;

/// Says that a test is skipped and why, and notes it in the file that `LIBTRAIN_SKIP_LOG` names: "name\treason" a line.
pub fn skip(test: &str, reason: &str) {
    println!("skipped {test}: {reason}");
    let Some(path) = std::env::var_os("LIBTRAIN_SKIP_LOG") else { return };
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("LIBTRAIN_SKIP_LOG");
    // One write, so that tests that run side by side do not mix their lines.
    log.write_all(format!("{test}\t{reason}\n").as_bytes()).expect("LIBTRAIN_SKIP_LOG");
}
