// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong on a netlink socket.

use std::io;

use rustix::io::Errno;

/// A netlink request failed.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket could not be opened or used.
    #[error("cannot {action} a netlink socket")]
    Socket {
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused the request.
    #[error("the kernel refuses the netlink request '{request}'")]
    Refused {
        /// Which request.
        request: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel lacks a generic netlink family.
    #[error("this kernel has no generic netlink family '{0}'")]
    NoFamily(&'static str),
    /// The answer could not be understood.
    #[error("the kernel's answer to the netlink request '{0}' cannot be understood")]
    Malformed(&'static str),
}

impl NetlinkError {
    /// The kernel's error number, if it was the kernel that refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            NetlinkError::Socket { source, .. } | NetlinkError::Refused { source, .. } => {
                source.raw_os_error()
            }
            NetlinkError::NoFamily(_) | NetlinkError::Malformed(_) => None,
        }
    }

    /// The same as a name.
    pub(crate) fn errno(&self) -> Option<Errno> {
        self.raw_os_error().map(Errno::from_raw_os_error)
    }
}
