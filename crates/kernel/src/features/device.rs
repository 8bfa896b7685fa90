// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a device node is there and this process may open it.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// What opening a device for reading and writing came to.
#[derive(Debug)]
pub enum DeviceAccess {
    /// It opened (and was closed again; nothing else was done with it).
    Opens,
    /// There is no such node, or no driver behind it.
    Missing,
    /// It is there and did not open.
    Refused(io::Error),
}

/// Opens `path` for reading and writing and closes it again.
pub fn device_access(path: &Path) -> DeviceAccess {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => DeviceAccess::Opens,
        Err(error) => match rustix::io::Errno::from_io_error(&error) {
            Some(rustix::io::Errno::NOENT | rustix::io::Errno::NXIO | rustix::io::Errno::NODEV) => {
                DeviceAccess::Missing
            }
            _ => DeviceAccess::Refused(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_opens_or_is_missing() {
        assert!(matches!(device_access(Path::new("/dev/null")), DeviceAccess::Opens));
        assert!(matches!(device_access(Path::new("/dev/ek-t-none")), DeviceAccess::Missing));
        // A directory is there and cannot be opened for writing, whoever asks.
        assert!(matches!(device_access(Path::new("/dev")), DeviceAccess::Refused(_)));
    }
}
