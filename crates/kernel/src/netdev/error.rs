// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong with a network device.

use std::io;

use crate::netlink::NetlinkError;
use crate::process::ProcessError;
use crate::pseudo_file::FileError;

/// A network device could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
pub enum NetdevError {
    /// There is none of this name in the calling thread's network namespace (any more).
    #[error("there is no network device '{0}' (any more)")]
    NoSuchNetdev(String),
    /// The name cannot be that of a device.
    #[error("'{0}' cannot name a network device: 1 to 15 bytes without '/', space or ':'")]
    BadName(String),
    /// It has no NAPI instance, so there is nothing to thread.
    #[error(
        "the network device '{netdev}' cannot do threaded NAPI: it has no NAPI instance{}",
        hint(*.up, .kind.as_deref())
    )]
    NoThreadedNapi {
        /// Which device.
        netdev: String,
        /// Whether it is up.
        up: bool,
        /// Its kind, as `ip -d link` shows it.
        kind: Option<String>,
        /// What the kernel said.
        source: FileError,
    },
    /// The kernel is older than 5.12.
    #[error("the network device '{netdev}' has no switch for threaded NAPI (Linux 5.12)")]
    NoThreadedSwitch {
        /// Which device.
        netdev: String,
    },
    /// `/sys` shows another network namespace than the calling thread is in.
    #[error(
        "the network device '{netdev}' is not the one that /sys shows: /sys belongs to another \
         network namespace"
    )]
    OtherNamespace {
        /// Which device.
        netdev: String,
    },
    /// It lacks a feature, or has it fixed.
    #[error("the network device '{netdev}' does not let '{feature}' be switched {}", on_off(*.on))]
    FeatureFixed {
        /// Which device.
        netdev: String,
        /// Which feature, as `ethtool -k` names it in the kernel (`rx-gro`).
        feature: String,
        /// What was asked.
        on: bool,
    },
    /// A change was refused.
    #[error("the kernel refuses to switch '{feature}' of network device '{netdev}' {}", on_off(*.on))]
    FeatureRefused {
        /// Which device.
        netdev: String,
        /// Which feature.
        feature: String,
        /// What was asked.
        on: bool,
        /// What the kernel said.
        source: io::Error,
    },
    /// netlink failed.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A sysfs file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Kernel threads could not be searched.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl NetdevError {
    /// Whether the device does not exist (any more).
    pub fn is_gone(&self) -> bool {
        matches!(self, NetdevError::NoSuchNetdev(_))
    }

    /// The kernel's error number, if it was the kernel that refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            NetdevError::NoThreadedNapi { source, .. } => source.raw_os_error(),
            NetdevError::FeatureRefused { source, .. } => source.raw_os_error(),
            NetdevError::Netlink(error) => error.raw_os_error(),
            NetdevError::File(error) => error.raw_os_error(),
            NetdevError::Process(error) => error.raw_os_error(),
            _ => None,
        }
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn hint(up: bool, kind: Option<&str>) -> &'static str {
    match (up, kind) {
        (false, _) => "; it is down, and many drivers create them when it goes up",
        (true, Some("veth")) => "; a veth gets one when its GRO is switched on",
        (true, _) => "",
    }
}
