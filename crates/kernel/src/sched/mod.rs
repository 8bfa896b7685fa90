// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scheduling policy and CPU affinity of one thread.

mod affinity;
mod attr;
mod error;
mod policy;
mod syscall;

pub use affinity::{affinity, set_affinity};
pub use attr::{SchedAttr, sched_attr, set_sched_attr};
pub use error::SchedError;
pub use policy::Policy;

use crate::pid::Tid;

/// The calling thread.
pub fn current_tid() -> Tid {
    Tid(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs())
}
