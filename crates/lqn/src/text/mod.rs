// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text format of layered queueing networks (`.lqn`, `.in`): sections `G`, `P`, `U`, `T`, `E`,
//! `A`.
//!
//! Grammar: "Layered Queueing Network Solver and Simulator User Manual", chapter on the
//! traditional grammar. Variables (`$name`) may be set to constant expressions, or to lists of
//! values to choose from, before the first section. Refused, with the line: semaphores and locks,
//! bounded queues, joins across entries, variables that follow from results.

mod activities;
mod expression;
mod lexer;
mod parser;
mod write;

pub(crate) use parser::{constant, whole};
pub use parser::{lists, read, read_with};
pub use write::write;
