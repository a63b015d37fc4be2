//! Errors, which cross the C ABI as a status code and fields (`abi/buffers.rs`).

use crate::budget::{HOLDERS, Refused, Source};
use std::borrow::Cow;
use std::fmt;

/// Status codes of every export; `lib/ffi/errors.ts` maps them to error classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    Ok = 0,
    /// A number, buffer or parameter out of its range.
    InvalidArgument = 1,
    /// Shapes that do not fit together.
    Shape = 2,
    /// Dtypes that do not fit together.
    Dtype = 3,
    /// A handle that was disposed, or never existed.
    StaleHandle = 4,
    /// A handle that belongs to another queue (another device or Worker).
    ForeignHandle = 5,
    OutOfMemory = 6,
    /// An earlier record failed while it ran.
    Late = 7,
    Panic = 8,
    /// The device has no kernel for this op or dtype.
    Unsupported = 9,
    DeviceUnavailable = 10,
    /// The call does not fit the queue's state (capture nested, recording ended twice, …).
    State = 11,
    /// A file, archive or image that cannot be used, or a disk that takes no more.
    Data = 12,
}

/// What a call can fail with; `op` is the op's or export's name.
#[derive(Clone, Debug)]
pub enum Error {
    InvalidArgument {
        op: &'static str,
        message: String,
    },
    Shape {
        op: &'static str,
        message: String,
    },
    Dtype {
        op: &'static str,
        message: String,
    },
    StaleHandle {
        op: &'static str,
        what: &'static str,
        index: usize,
    },
    ForeignHandle {
        op: &'static str,
        index: usize,
    },
    OutOfMemory {
        op: &'static str,
        memory: Box<Refused>,
    },
    Late {
        op: &'static str,
        record: u64,
        message: String,
        /// Whether the device went with it.
        lost: bool,
        /// Where memory is what it failed for.
        memory: Option<Box<Refused>>,
    },
    Panic {
        op: &'static str,
        message: String,
    },
    Unsupported {
        op: &'static str,
        message: String,
    },
    /// `message` goes on after "the device was asked for, but".
    DeviceUnavailable {
        message: String,
    },
    /// The device is of no use to this process any more.
    DeviceLost {
        op: &'static str,
        message: String,
    },
    State {
        op: &'static str,
        message: String,
    },
    Data {
        op: &'static str,
        message: String,
    },
}

impl Error {
    pub fn argument(op: &'static str, message: impl Into<String>) -> Self {
        Error::InvalidArgument { op, message: message.into() }
    }

    pub fn shape(op: &'static str, message: impl Into<String>) -> Self {
        Error::Shape { op, message: message.into() }
    }

    pub fn dtype(op: &'static str, message: impl Into<String>) -> Self {
        Error::Dtype { op, message: message.into() }
    }

    pub fn unsupported(op: &'static str, message: impl Into<String>) -> Self {
        Error::Unsupported { op, message: message.into() }
    }

    /// What an op without a CUDA side says on a CUDA queue.
    pub fn no_cuda_kernel(op: &'static str) -> Self {
        Error::unsupported(op, "This op has no CUDA kernel yet")
    }

    /// What the system or a driver refused; `free` is what it has left, where it can tell.
    pub fn no_memory(op: &'static str, asked: usize, free: Option<usize>) -> Self {
        let free = free.map(|free| free as u64);
        let by = [0; HOLDERS];
        let memory = Refused { asked: asked as u64, held: 0, free, budget: 0, source: Source::System, by };
        Error::OutOfMemory { op, memory: Box::new(memory) }
    }

    pub fn state(op: &'static str, message: impl Into<String>) -> Self {
        Error::State { op, message: message.into() }
    }

    pub fn data(op: &'static str, message: impl Into<String>) -> Self {
        Error::Data { op, message: message.into() }
    }

    pub fn status(&self) -> Status {
        match self {
            Error::InvalidArgument { .. } => Status::InvalidArgument,
            Error::Shape { .. } => Status::Shape,
            Error::Dtype { .. } => Status::Dtype,
            Error::StaleHandle { .. } => Status::StaleHandle,
            Error::ForeignHandle { .. } => Status::ForeignHandle,
            Error::OutOfMemory { .. } => Status::OutOfMemory,
            Error::Late { .. } => Status::Late,
            Error::Panic { .. } => Status::Panic,
            Error::Unsupported { .. } => Status::Unsupported,
            Error::DeviceUnavailable { .. } | Error::DeviceLost { .. } => Status::DeviceUnavailable,
            Error::State { .. } => Status::State,
            Error::Data { .. } => Status::Data,
        }
    }
}

impl Error {
    /// The op or export that failed; a device that is not there fails no op.
    pub fn op(&self) -> Option<&'static str> {
        match self {
            Error::InvalidArgument { op, .. }
            | Error::Shape { op, .. }
            | Error::Dtype { op, .. }
            | Error::StaleHandle { op, .. }
            | Error::ForeignHandle { op, .. }
            | Error::OutOfMemory { op, .. }
            | Error::Late { op, .. }
            | Error::Panic { op, .. }
            | Error::Unsupported { op, .. }
            | Error::DeviceLost { op, .. }
            | Error::State { op, .. }
            | Error::Data { op, .. } => Some(op),
            Error::DeviceUnavailable { .. } => None,
        }
    }

    /// What is wrong, without the op's name and a record's number.
    pub fn reason(&self) -> Cow<'_, str> {
        match self {
            Error::InvalidArgument { message, .. }
            | Error::Shape { message, .. }
            | Error::Dtype { message, .. }
            | Error::Unsupported { message, .. }
            | Error::DeviceUnavailable { message }
            | Error::State { message, .. }
            | Error::Data { message, .. }
            | Error::Late { message, .. } => message.into(),
            Error::StaleHandle { what, index, .. } => {
                format!("Expected a live {what} as handle {index}, got one that was disposed or never existed").into()
            }
            Error::ForeignHandle { index, .. } => format!(
                "Expected a tensor of this device and Worker as handle {index}, got one of another: copy its values with data() and tensor()"
            )
            .into(),
            Error::OutOfMemory { memory, .. } => memory.reason().into(),
            Error::DeviceLost { message, .. } => {
                format!("{message}: the GPU is lost to this process: start it anew, from its last checkpoint").into()
            }
            Error::Panic { message, .. } => format!("Internal error: {message}; please report it").into(),
        }
    }

    /// What is known of the memory that was refused.
    pub fn memory(&self) -> Option<&Refused> {
        match self {
            Error::OutOfMemory { memory, .. } | Error::Late { memory: Some(memory), .. } => Some(memory),
            _ => None,
        }
    }

    /// Whether the device is of no use to this process any more.
    pub fn is_lost(&self) -> bool {
        matches!(self, Error::DeviceLost { .. } | Error::Late { lost: true, .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(op) = self.op() {
            write!(f, "{op}(): ")?;
        }
        f.write_str(&self.reason())?;
        match self {
            Error::Late { record, .. } => write!(f, " (record {record})"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;
