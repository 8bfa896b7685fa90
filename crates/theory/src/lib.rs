// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exact schedulability analysis: given what is reserved and what is asked, does it fit, and if
//! not, why not and what would.
//!
//! Part of the pure ring: no I/O, no clock, no threads, integers in nanoseconds. Rounding goes
//! against whoever asks, never against a capsule that is already admitted. Every iteration has a
//! written bound.
//!
//! The words: a *server* is the scheduling entity of one capsule on one CPU; a *response time* is
//! the longest time from the start of a server's period until it has had its whole budget, if it
//! has had work all the while; a *verdict* is an answer with its reasons. What this crate refuses
//! to do: guess. An analysis names its paper and the assumptions that Linux breaks, and a verdict
//! carries those that matter to it as notes.

#![forbid(unsafe_code)]

mod alternatives;
pub mod bench;
mod check;
mod demand;
mod flatten;
mod granularity;
mod held;
mod inside;
mod multi_supply;
pub mod placement;
mod quota;
mod response;
mod rtgroup;
mod scx;
mod search;
mod server_supply;
mod smallest;
mod supply;
mod task;
mod verdict;
mod words;

pub use check::{
    CapsuleReport, CheckError, CheckNote, CheckReport, Component, Needed, PartReport, TaskReport,
    Wanted, check,
};
pub use demand::{demand_bound, request_bound};
pub use flatten::{FlattenError, Nested, flatten, flatten_per_cpu};
pub use granularity::in_whole_microseconds;
pub use held::{Held, Limits, NestedRequest, Request, rate_monotonic_order};
pub use inside::{
    Misfit, NoBound, Scheduler, edf_misfit, edf_response_time, fits_inside,
    fixed_priority_response_time, fixed_priority_response_times, global_misfits, misfits,
    partition_by_cpu, response_time, server_as_task,
};
pub use multi_supply::{MultiSupply, parallel_supply};
pub use quota::admit_quota;
pub use response::{
    deferrable_response_time, deferrable_response_time_with_overrun, deferrable_response_times,
};
pub use rtgroup::{RTGROUP_CAPSULES_MAX, admit_rtgroup, admit_rtgroup_nested};
pub use scx::{BEST_EFFORT_MIN, admit_scx, admit_scx_nested};
pub use server_supply::{BoundedDelay, Supply, SupplyError};
pub use smallest::{
    Grid, GridError, Smallest, smallest_budget, smallest_for_latency, smallest_for_tasks,
    smallest_reservation,
};
pub use supply::{consumption_bound, supply_bound};
pub use task::{Task, TaskError, deadline_monotonic};
pub use verdict::{Change, CpuVerdict, Holder, HostHolder, HostSum, Note, Reason, Verdict};
