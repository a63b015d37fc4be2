//! What runs ops: memory, records, queues, captures and the handles that JavaScript holds.

pub mod arena;
pub mod backend;
pub mod capture;
pub mod command;
pub mod command_context;
pub mod handles;
pub mod held;
pub mod mapped_file;
pub mod memory;
pub mod owner;
pub mod placement;
pub mod profile;
pub mod queue;
pub mod read;
pub mod record;
pub mod replay;
pub mod source;
pub mod tensor;
#[cfg(test)]
mod tests;
