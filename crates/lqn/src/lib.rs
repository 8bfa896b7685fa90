// SPDX-License-Identifier: MIT OR Apache-2.0
//! Layered queueing networks (LQNs): software and hardware servers that call each other, and what
//! they wait for.
//!
//! | word | meaning |
//! |---|---|
//! | processor | what executes: a CPU, a NIC engine, a link, or a pure delay |
//! | task | a server (or load generator) with threads that runs on one processor |
//! | entry | one service of a task; it has up to three phases |
//! | phase 1 | what a caller waits for; phases 2 and 3 run after the reply |
//! | activity | a step of an entry that forks, joins or loops instead of having phases |
//! | call | synchronous (caller blocks), asynchronous, or forwarded (another server replies) |
//! | reference task | a task nobody calls: its threads cycle for ever and are the load |
//!
//! Build a [`Model`] with [`Builder`], or read one with [`text::read`] or [`xml::read`]; both give
//! the same checked value. Solve it with [`mva::solve`] (analytic, milliseconds) or
//! [`sim::simulate`] (discrete events, confidence intervals). Both give [`Results`].
//!
//! Part of the pure ring: no I/O, no clock, no threads. Times are plain numbers in a unit the
//! model chooses; rates are per that unit.

#![forbid(unsafe_code)]

pub mod architecture;
pub mod bench;
mod builder;
mod check;
mod check_graph;
mod error;
mod graph;
mod knob;
mod model;
pub mod mva;
mod parameters;
mod read_error;
mod replicate;
mod results;
pub mod sim;
pub mod text;
pub mod xml;

pub use builder::Builder;
pub use error::{Element, ElementKind, ModelError, Problem};
pub use knob::{Knob, KnobError};
pub use model::{
    Activity, ActivityId, Call, CallKind, CallOrder, Entry, EntryId, Fan, Fork, Forward, Group,
    GroupId, Join, Limits, Model, Multiplicity, PHASES_MAX, Phase, Precedence, Processor,
    ProcessorDiscipline, ProcessorId, Settings, Task, TaskDiscipline, TaskId,
};
pub use parameters::Parameters;
pub use read_error::ReadError;
pub use results::{
    ActivityResult, CallResult, EntryResult, Estimate, PhaseResult, ProcessorResult, Results,
    TaskResult,
};
