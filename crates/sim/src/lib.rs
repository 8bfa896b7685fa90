// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulator of hosts with capsules: discrete events, seeded, on the scheduler's own code.
//!
//! ```text
//!   scenario.toml -> Scenario -> run(scheduler) -> Outcome      one machine, one scheduler
//!                                   |                            table, JSON
//!                                   +-> Trace                   who ran when
//! ```
//!
//! The capsule scheduler in it is `evenkeel-policy`, unchanged; beside it stand models of what
//! Linux has (real-time groups, EEVDF, fixed priorities, `cpu.max`), so that one scenario can be
//! looked at under each. Workloads are threads inside capsules; packets reach them through a
//! network context, and interrupts take time from whoever runs.
//!
//! The words: a *workload* is one thread and what makes it work; a *job* is one piece of that work,
//! and its *response time* runs from its arrival until it is done; *supply* is CPU time that a
//! capsule's threads really ran; *stolen* is time that interrupts took while one was to run.
//!
//! Part of the pure ring: no I/O, no clock, no threads. The same scenario with the same seed gives
//! the same run, event for event. What it refuses to do: promise. A simulation shows what happened
//! to this scenario; what must hold for every scenario is `evenkeel-theory`'s to say.

#![forbid(unsafe_code)]

pub mod bench;
mod calendar;
mod engine;
mod histogram;
mod outcome;
mod random;
mod record;
mod run;
pub mod scenario;
mod scheduler;
pub mod shortfall;
pub mod trace;

pub mod calibration;
pub mod cluster;
pub mod form;
pub mod tasks;

pub use outcome::{CapsuleOutcome, Events, Outcome, WorkloadOutcome};
pub use run::{SimError, TraceLimit, run, run_traced};
pub use scenario::Scenario;
pub use scheduler::{Refusal, SchedulerKind};
