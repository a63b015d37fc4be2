//! What runs ops: memory, records, queues, captures and the handles that JavaScript holds.

pub mod backend;
pub mod capture;
pub mod handles;
pub mod memory;
pub mod now;
pub mod queue;
pub mod record;
pub mod tensor;
#[cfg(test)]
mod tests;
