// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who ran when, from the kernel's own scheduling events. What is measured this way does not depend
//! on what the scheduler under test says of itself.

mod format;
mod ring;
mod timeline;

pub use format::Formats;
pub use ring::PAGE_BYTES;
pub use timeline::{Run, Timeline};

/// What can be wrong with a trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A page that does not add up.
    #[error("page {index} of the trace is damaged")]
    Page {
        /// Counted from zero.
        index: usize,
    },
    /// An event format without a field.
    #[error("the kernel's event format has no field '{name}'")]
    Field {
        /// The field.
        name: String,
    },
}

impl TraceError {
    fn field(name: &str) -> TraceError {
        TraceError::Field { name: name.to_owned() }
    }
}
