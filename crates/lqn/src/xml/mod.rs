// SPDX-License-Identifier: MIT OR Apache-2.0
//! The XML format of layered queueing networks (`.lqnx`, `.xml`; schema `lqn-core.xsd`).
//!
//! Results inside a file (`result-*`) are skipped, so solved files read as models. Refused, with
//! the line: semaphores and locks, variables without one constant value.

mod attributes;
mod graphs;
mod read;
mod variables;
mod write;
mod write_graph;
mod write_results;

pub use read::{read, read_with};
pub use write::{write, write_solved};
