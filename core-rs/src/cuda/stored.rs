//! Compiled kernels kept on disk: compiling them takes longer than the first epochs of a small training.

use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// The environment variable that names the folder; empty for none.
pub const FOLDER: &str = "LIBTRAIN_KERNEL_CACHE";
/// The folder where nothing else is named, below the working folder.
const USUAL_FOLDER: &str = ".cache/kernels";

/// Bytes of a SHA-256.
const SUM: usize = 32;

/// A file of the cache; whatever goes wrong with it, the kernel is compiled again.
pub struct Stored(Option<PathBuf>);

impl Stored {
    /// The file for everything that the machine code depends on.
    pub fn of(parts: &[&str]) -> Stored {
        let folder = std::env::var_os(FOLDER).map_or_else(|| PathBuf::from(USUAL_FOLDER), PathBuf::from);
        if folder.as_os_str().is_empty() {
            return Stored(None);
        }
        let mut sum = Sha256::new();
        for part in parts {
            sum.update((part.len() as u64).to_le_bytes());
            sum.update(part);
        }
        let name: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Stored(Some(folder.join(format!("{name}.cubin"))))
    }

    /// The machine code; `None` where there is none, or where its sum is not the one at its end.
    pub fn read(&self) -> Option<Vec<u8>> {
        let mut bytes = std::fs::read(self.0.as_ref()?).ok()?;
        let code = bytes.len().checked_sub(SUM)?;
        let whole = Sha256::digest(&bytes[..code])[..] == bytes[code..];
        bytes.truncate(code);
        whole.then_some(bytes)
    }

    /// Keeps machine code; a folder that cannot be written keeps none.
    pub fn write(&self, code: &[u8]) {
        let Some(path) = &self.0 else { return };
        let Some(folder) = path.parent() else { return };
        // Another process may write the same file: each writes its own, and renaming is atomic.
        let draft = path.with_extension(format!("{}.part", std::process::id()));
        let bytes = [code, &Sha256::digest(code)[..]].concat();
        let kept = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&draft, bytes));
        if kept.and_then(|()| std::fs::rename(&draft, path)).is_err() {
            let _ = std::fs::remove_file(&draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_none() {
        let folder = std::env::temp_dir().join(format!("libtrain-stored-{}", std::process::id()));
        let stored = Stored(Some(folder.join("kernel.cubin")));
        assert_eq!(stored.read(), None);
        stored.write(b"machine code");
        assert_eq!(stored.read().as_deref(), Some(&b"machine code"[..]));
        std::fs::write(folder.join("kernel.cubin"), b"machine code of another, longer than a sum is").unwrap();
        assert_eq!(stored.read(), None);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_name_depends_on_every_part() {
        let name = |parts: &[&str]| Stored::of(parts).0;
        assert_eq!(name(&["ab", "c"]), name(&["ab", "c"]));
        assert_ne!(name(&["ab", "c"]), name(&["a", "bc"]));
    }
}
