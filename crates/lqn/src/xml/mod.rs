// SPDX-License-Identifier: MIT OR Apache-2.0
//! The XML format of layered queueing networks (`.lqnx`, `.xml`; schema `lqn-core.xsd`).
//!
//! Results inside a file (`result-*`) are skipped, so solved files read as models. Refused, with
//! the line: activity graphs, replication, semaphores and locks, attributes that are variables.

mod read;
mod write;

pub use read::read;
pub use write::write;
