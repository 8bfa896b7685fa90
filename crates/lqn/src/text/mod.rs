// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text format of layered queueing networks (`.lqn`, `.in`): sections `G`, `P`, `U`, `T`, `E`,
//! `A`.
//!
//! Grammar: "Layered Queueing Network Solver and Simulator User Manual", chapter on the
//! traditional grammar. Variables (`$name`) may be set to constant expressions before the first
//! section. Refused, with the line: replication, semaphores and locks, values that are
//! arrays of variables.

mod activities;
mod expression;
mod lexer;
mod parser;
mod write;

pub use parser::read;
pub(crate) use parser::{constant, whole};
pub use write::write;
