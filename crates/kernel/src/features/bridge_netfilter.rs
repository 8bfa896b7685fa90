// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether bridged packets take the way through the packet filter, too.

use std::path::Path;

use super::optional;
use crate::pseudo_file::FileError;

/// The switches; they exist only while the module br_netfilter is loaded.
pub const BRIDGE_NETFILTER_PATHS: [&str; 3] = [
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
    "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
    "/proc/sys/net/bridge/bridge-nf-call-arptables",
];

/// Those of [`BRIDGE_NETFILTER_PATHS`] that are on.
pub fn bridge_netfilter() -> Result<Vec<&'static str>, FileError> {
    let mut on = Vec::new();
    for path in BRIDGE_NETFILTER_PATHS {
        if optional(Path::new(path))?.is_some_and(|text| text != "0") {
            on.push(path);
        }
    }
    Ok(on)
}
