// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small netlink client: enough of rtnetlink and generic netlink to ask about devices, their
//! NAPI instances and their features. Requests are answered at once by the kernel; nothing here
//! waits for events.
//!
//! A netlink socket belongs to the network namespace of the thread that opens it.

mod attribute;
mod error;
mod generic;
mod message;
mod socket;

pub use error::NetlinkError;

pub(crate) use attribute::{AttributeWriter, attributes, number_u32, text};
pub(crate) use generic::Family;
pub(crate) use socket::Socket;

/// The bytes do not have the form of netlink messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;
