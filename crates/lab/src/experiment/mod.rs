// SPDX-License-Identifier: MIT OR Apache-2.0
//! The experiments: each builds its testbed, measures in short windows that alternate between the
//! cases it compares, and sums up what it kept.
//!
//! Rules for all of them:
//!
//! * Cases are compared within one run, and windows of the cases alternate in an order drawn from
//!   the seed, so that a drift of the host falls on all cases alike.
//! * A null comparison (a case against itself, by the same computation) is measured along and
//!   reported: it says how much of a difference is noise.
//! * Every window is kept. One that was disturbed is marked and counts.
//! * Medians over windows; nothing is averaged over cases.
//! * A figure is computed from the raw runs alone ([`crate::measurement`]), by functions that are
//!   tested without a host.

pub mod accuracy;
pub mod deadline;
pub mod flood;
pub mod neighbour;
pub mod share;

mod session;
mod urgency;
mod window;

pub use session::Session;

use evenkeel_model::Span;

/// Length of a measured window: long against all periods used (5 of 100 ms, 25 of 20 ms), and a
/// whole number of each, so that every window holds the same number of budgets whatever its phase.
pub const WINDOW: Span = Span::from_ms(500);

/// Waiting time after a switch between cases: two periods of 100 ms, in which a paused flow
/// drains, a resumed one finds its window again, and debts of the old case are repaid.
pub const SETTLE: Span = Span::from_ms(200);
