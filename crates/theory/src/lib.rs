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
mod flatten;
mod granularity;
mod held;
pub mod placement;
mod quota;
mod response;
mod rtgroup;
mod supply;
mod verdict;
mod words;

pub use flatten::{FlattenError, Nested, flatten};
pub use granularity::in_whole_microseconds;
pub use held::{Held, Limits, NestedRequest, Request, rate_monotonic_order};
pub use quota::admit_quota;
pub use response::{
    deferrable_response_time, deferrable_response_time_with_overrun, deferrable_response_times,
};
pub use rtgroup::{RTGROUP_CAPSULES_MAX, admit_rtgroup, admit_rtgroup_nested};
pub use supply::{consumption_bound, supply_bound};
pub use verdict::{Change, CpuVerdict, Holder, HostHolder, HostSum, Note, Reason, Verdict};
