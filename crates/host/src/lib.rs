// SPDX-License-Identifier: MIT OR Apache-2.0
//! Desired, observed, plan, apply: the only crate that changes a host.
//!
//! ```text
//!  Request -> plan (pure: change, bands) -> Plan -> apply -> kernel
//!               ^ facts, record, VM threads            |
//!               |                                      v
//!             State  <---- journal before, record after
//! ```
//!
//! * The kernel's groups are the guarantee. The state file ([`store`]) is the record of how to
//!   undo it: what every thread and netdev was before it was touched, written before the touch.
//! * Whoever changes something holds the lock. A process that dies in the middle leaves a journal;
//!   the next change clears it first ([`recover`]).
//! * [`Host`] is all there is to call; requests, plans and views are plain data.

mod admission;
mod adopt;
mod apply;
mod bands;
mod change;
pub mod doctor;
mod error;
mod facts;
mod findings;
mod host;
mod launch;
mod list;
mod members;
mod plan;
mod plan_attach;
mod plan_create;
mod plan_delete;
mod plan_set;
mod recover;
mod release;
mod request;
mod revive;
mod run;
mod show;
mod signals;
mod state;
mod store;
mod subtree;
mod supply;
pub mod trace;
mod view;

pub use doctor::{DoctorReport, Finding, Severity, doctor};
pub use error::HostError;
pub use host::{Host, HostOptions, Outcome};
pub use plan::{Direction, Plan, Step};
pub use request::{AttachRequest, CreateRequest, EnforcerChoice, Request, RunRequest, SetRequest};
pub use run::RunOutcome;
pub use state::{NetdevRecord, ThreadRecord, VmRecord};
pub use store::{STATE_DIR, STATE_DIR_VARIABLE};
pub use view::{
    CapsuleStatus, CapsuleSummary, CapsuleView, CpuSupply, NetdevView, OverrunView, Priorities,
    RunView, SupplyView, ThreadView, VmView,
};
