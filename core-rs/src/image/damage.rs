//! What is wrong with a file that has pixels all the same.

/// The first thing that was found.
#[derive(Default)]
pub struct Damage(Option<String>);

impl Damage {
    /// Keeps a reason, unless there is one.
    #[cold]
    pub fn note(&mut self, reason: impl FnOnce() -> String) {
        self.0.get_or_insert_with(reason);
    }

    pub fn into_reason(self) -> Option<String> {
        self.0
    }
}
