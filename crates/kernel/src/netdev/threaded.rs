// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threaded NAPI of a device: `/sys/class/net/DEVICE/threaded`.

use rustix::io::Errno;

use super::{Netdev, NetdevError};
use crate::pseudo_file::{self, FileError};

impl Netdev {
    /// Whether its NAPI instances are polled by kernel threads of their own.
    pub fn threaded(&self) -> Result<bool, NetdevError> {
        self.check_namespace()?;
        let path = self.sysfs("threaded");
        let text = pseudo_file::read(&path).map_err(|error| self.switch_error(error))?;
        // 2 is busy polling in a thread (Linux 6.19).
        match text.trim() {
            "0" => Ok(false),
            "1" | "2" => Ok(true),
            other => Err(FileError::unexpected(&path, other, "0, 1 or 2").into()),
        }
    }

    /// Switches threaded NAPI on or off.
    ///
    /// A device without a NAPI instance refuses both: for a veth, GRO goes on first, and the
    /// device must be up. The threads exist when this returns; [`Netdev::napis`] names them.
    pub fn set_threaded(&self, on: bool) -> Result<(), NetdevError> {
        self.check_namespace()?;
        let text = if on { "1" } else { "0" };
        pseudo_file::write(&self.sysfs("threaded"), text).map_err(|error| self.switch_error(error))
    }

    /// `/sys` shows the namespace it was mounted in; there, the device of this name must be ours:
    /// same number, same hardware address.
    pub(super) fn check_namespace(&self) -> Result<(), NetdevError> {
        let other = || NetdevError::OtherNamespace { netdev: self.name.clone() };
        let link = self.link()?;
        let ifindex: u32 = pseudo_file::read_number(&self.sysfs("ifindex")).map_err(|_| other())?;
        let address = pseudo_file::read(&self.sysfs("address")).map_err(|_| other())?;
        let ours: Vec<String> = link.address.iter().map(|byte| format!("{byte:02x}")).collect();
        if ifindex != self.ifindex || address.trim() != ours.join(":") {
            return Err(other());
        }
        Ok(())
    }

    fn switch_error(&self, error: FileError) -> NetdevError {
        let netdev = self.name.clone();
        match error.errno() {
            Some(Errno::OPNOTSUPP) => {
                let link = self.link();
                let up = link.as_ref().is_ok_and(|link| link.up);
                let kind = link.ok().and_then(|link| link.kind);
                NetdevError::NoThreadedNapi { netdev, up, kind, source: error }
            }
            Some(Errno::NOENT) if self.sysfs("").exists() => {
                NetdevError::NoThreadedSwitch { netdev }
            }
            _ if error.is_gone() => NetdevError::NoSuchNetdev(netdev),
            _ => NetdevError::File(error),
        }
    }
}
