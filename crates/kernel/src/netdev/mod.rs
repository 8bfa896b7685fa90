// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network devices: GRO, threaded NAPI and its kernel threads, counters, place in a bridge.
//!
//! A device belongs to the network namespace of the calling thread. netlink follows that thread;
//! sysfs does not: `/sys` shows the namespace of whoever mounted it. Everything here uses netlink
//! but the switch `threaded`, which exists in sysfs only; for that one the device in sysfs is
//! compared with the one netlink knows, and [`NetdevError::OtherNamespace`] says so.
//!
//! What happens to NAPI threads (measured on Linux 6.18 with veth, see `tests/host_netdev.rs`):
//! they belong to the NAPI instance, and whatever creates the instance anew (GRO off and on, link
//! down and up, an XDP program) creates a new thread: root cgroup, SCHED_OTHER, every CPU.

mod error;
mod feature;
mod link;
mod napi;
mod polling;
mod threaded;

use std::path::PathBuf;

use rustix::net::Protocol;
use serde::{Deserialize, Serialize};

pub use error::NetdevError;
pub use link::{Link, NetdevStats};
pub use napi::Napi;

use crate::netlink::Socket;

/// NETLINK_ROUTE is protocol number 0, which rustix spells as no protocol.
const ROUTE: Option<Protocol> = None;

/// A device by name and number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Netdev {
    /// Its name; the number is what counts if it is renamed.
    pub name: String,
    /// Its number in its network namespace.
    pub ifindex: u32,
}

impl std::fmt::Display for Netdev {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.name)
    }
}

/// Finds the device `name`.
pub fn lookup(name: &str) -> Result<Netdev, NetdevError> {
    let mut socket = Socket::open(ROUTE)?;
    Ok(link::by_name(&mut socket, name)?.netdev)
}

/// All devices of the calling thread's network namespace.
pub fn list() -> Result<Vec<Netdev>, NetdevError> {
    let mut socket = Socket::open(ROUTE)?;
    Ok(link::all(&mut socket)?.into_iter().map(|link| link.netdev).collect())
}

/// What the kernel says about every device of the calling thread's network namespace.
pub fn links() -> Result<Vec<Link>, NetdevError> {
    let mut socket = Socket::open(ROUTE)?;
    link::all(&mut socket)
}

impl Netdev {
    /// What the kernel says about it now.
    pub fn link(&self) -> Result<Link, NetdevError> {
        let mut socket = Socket::open(ROUTE)?;
        link::by_index(&mut socket, self)
    }

    /// Its counters.
    pub fn stats(&self) -> Result<NetdevStats, NetdevError> {
        Ok(self.link()?.stats)
    }

    /// The bridge or bond it belongs to.
    pub fn master(&self) -> Result<Option<Netdev>, NetdevError> {
        let mut socket = Socket::open(ROUTE)?;
        let Some(ifindex) = link::by_index(&mut socket, self)?.master else { return Ok(None) };
        let unnamed = Netdev { name: format!("#{ifindex}"), ifindex };
        Ok(Some(link::by_index(&mut socket, &unnamed)?.netdev))
    }

    /// What drives it: the kind of a virtual device (`veth`, `tun`, `bridge`), else the name of
    /// the driver that sysfs shows; `None` where neither is known (`lo`).
    pub fn driver(&self) -> Result<Option<String>, NetdevError> {
        let link = self.link()?;
        if link.kind.is_some() {
            return Ok(link.kind);
        }
        let driver = std::fs::read_link(self.sysfs("device/driver")).ok();
        Ok(driver.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())))
    }

    /// `/sys/class/net/NAME/FILE`.
    fn sysfs(&self, file: &str) -> PathBuf {
        ["/sys/class/net", self.name.as_str(), file].iter().collect()
    }
}
