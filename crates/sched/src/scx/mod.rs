// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler that we bring along: hard constant bandwidth servers under partitioned EDF, as a
//! sched_ext scheduler (`src/bpf/`), and this side of it: load, find, tell, ask.

mod control;
mod enforcer;
mod error;
pub mod intf;
mod log;
mod object;
mod raw;
pub mod running;
mod subtree;

pub use control::{PERIOD_MAX, Place, Slot, monotonic_ns, name_of};
pub use enforcer::{ScxEnforcer, escapes};
pub use error::ScxError;
pub use log::{Log, LogEvent, LogRecord, RECORDS_MAX};
pub use object::{Loaded, Pins, Stranger};
