// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many hosts: places virtual machines on them, lets them come, go and change size, and says how
//! many found a place and what was left that nobody could use.
//!
//! ```text
//!   cluster.toml -> Cluster -> simulate(policy) -> Outcome   one for each policy, same arrivals
//!                                |
//!      arrivals, departures, resizes (churn)  ->  fleet: which host?  ->  host: which CPUs?
//! ```
//!
//! The words: a *flavour* is a size of machine, its reservation on each of so many CPUs; a machine
//! is *admitted* if some host passes the admission test of its enforcer with the machine in it; a
//! *policy* says which of the hosts that would pass, and which of their CPUs. Room is *unusable* for
//! a flavour if it is free and yet no machine of that flavour could have it, however many came.
//!
//! What it refuses to do: simulate what runs inside the machines (that is [`crate::run`], one host
//! at a time), and guess: every admission is the test of [`evenkeel_theory::placement`], and after a
//! run every host is counted anew.

pub mod bench;
mod churn;
mod description;
mod fleet;
mod host;
mod outcome;
mod read;
mod run;
mod tournament;

pub use description::{
    CPUS_MAX, CPUS_TOTAL_MAX, Churn, Cluster, EVENTS_MAX, FLAVOURS_MAX, Fit, Flavour, HOSTS_MAX,
    HostRule, Hosts, POLICIES_MAX, PlacementPolicy, SCHEMA, Spread, VMS_MAX,
};
pub use outcome::{Count, FlavourOutcome, Outcome, Resizes, Sample};
pub use read::read;
pub use run::simulate;
