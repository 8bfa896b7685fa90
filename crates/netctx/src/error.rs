// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong with a network context.

use evenkeel_kernel::FileError;
use evenkeel_kernel::netdev::NetdevError;
use evenkeel_kernel::process::ProcessError;
use evenkeel_model::Span;
use evenkeel_sched::EnforcerError;

/// A dedicated context could not be set up or taken back.
#[derive(Debug, thiserror::Error)]
pub enum NetctxError {
    /// The netdev is not there, cannot do threaded NAPI, or refused.
    #[error(transparent)]
    Netdev(#[from] NetdevError),
    /// It has no NAPI instance, though threaded NAPI is on.
    #[error(
        "the network device '{netdev}' cannot do threaded NAPI: it has no NAPI instance; bring it \
         up (ip link set {netdev} up) if it is down"
    )]
    NoNapi {
        /// Which device.
        netdev: String,
    },
    /// A NAPI instance has no thread after a while.
    #[error(
        "the network device '{netdev}' has no thread for its NAPI instance {napi} after {waited}"
    )]
    NoThread {
        /// Which device.
        netdev: String,
        /// Which instance.
        napi: u32,
        /// How long we waited.
        waited: Span,
    },
    /// A NAPI thread could not be put into the capsule or back.
    #[error(transparent)]
    Enforcer(#[from] EnforcerError),
    /// Which CPUs are online could not be read.
    #[error(transparent)]
    Facts(FileError),
    /// A NAPI thread could not be looked at.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl NetctxError {
    /// Whether the netdev or thread that was named does not exist (any more).
    pub fn is_gone(&self) -> bool {
        match self {
            NetctxError::Netdev(error) => error.is_gone(),
            NetctxError::Enforcer(error) => error.is_gone(),
            NetctxError::Process(error) => error.is_gone(),
            NetctxError::Facts(_) | NetctxError::NoNapi { .. } | NetctxError::NoThread { .. } => {
                false
            }
        }
    }
}
