// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network contexts: whose thread does the packet work of a VM.
//!
//! | context | path of a packet to the VM | who pays |
//! |---|---|---|
//! | `shared` | uplink, softirq, bridge, tap | whoever is interrupted |
//! | `dedicated` | the VM's own netdev, its NAPI kernel thread, tap or vhost | the VM |
//!
//! `shared` is what a host does by itself: there is nothing to set up. `dedicated` takes a netdev
//! that belongs to one VM alone (a virtual function, a veth end), lets it aggregate (GRO) in a
//! kernel thread of its own (threaded NAPI) and puts that thread into the VM's capsule. It is taken
//! back to what was found, exactly.
//!
//! This crate changes one netdev at a time and remembers nothing: what a netdev was before is a
//! [`NetdevFound`], which the caller keeps.

mod dedicated;
mod error;
mod found;

pub use dedicated::{GRO_FLUSH_TIMEOUT, NAPI_DEFER_HARD_IRQS, Target, disengage, engage, state_of};
pub use error::NetctxError;
pub use found::{KthreadFound, NetdevFound, NetdevState, inspect};
