// SPDX-License-Identifier: MIT OR Apache-2.0
//! Enforcers: backends that make the kernel honour reservations.
//!
//! An [`Enforcer`] turns a capsule into a control group and a thread into a member of it. It
//! decides nothing (admission is `theory`'s, order of changes is `host`'s) and remembers nothing
//! (what a thread was before is a [`Found`], which the caller keeps).
//!
//! | backend | group | guarantee |
//! |---|---|---|
//! | [`ScxEnforcer`] | our own sched_ext scheduler | hard, EDF on each CPU, fixed priorities inside |
//! | [`Rtgroup`] | cgroup v1 `cpu`, real-time budget | hard, rate monotonic, fixed priorities inside |
//! | [`QuotaEnforcer`] | cgroup v1 or v2 `cpu`, fair-class quota | none: a cap and a weight |
//!
//! Every capsule is one group directly under the root of its hierarchy, nested capsules included:
//! real-time groups nested in each other replenish unsynchronised, so that a child inside a
//! throttled parent would have no guarantee worth the name.

mod claim;
mod enforcer;
mod error;
mod found;
mod groups;
mod placement;
mod quota;
mod rtgroup;
pub mod scx;
mod supply;

pub use claim::{Claim, ClaimedGroup};
pub use enforcer::{Enforcer, enforcer};
pub use error::EnforcerError;
pub use found::{Found, FoundGroup};
pub use groups::{GROUP_PREFIX, group_name};
pub use placement::Placement;
pub use quota::QuotaEnforcer;
pub use rtgroup::Rtgroup;
pub use scx::{ScxEnforcer, ScxError};
pub use supply::Supply;
