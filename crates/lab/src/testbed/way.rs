// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which way frames take to a guest: through its own virtual function, or through the uplink that
//! all share. Changing it moves the guest's tap to another bridge and its address to another port
//! of the NIC's switch; the guest does not notice.

use evenkeel_model::NetworkContextKind;

use crate::command;
use crate::error::LabError;

use super::name::{NETNS_NIC, Names, SHARED_BRIDGE, UPLINK_PORT, mac_text};
use super::nic::PORT_FLAGS;

/// The port of the NIC's switch through which frames for a guest leave it.
pub(crate) fn port(names: &Names, context: NetworkContextKind) -> String {
    match context {
        NetworkContextKind::Dedicated => names.port(),
        NetworkContextKind::Shared => UPLINK_PORT.to_owned(),
    }
}

/// Leads frames for all `guests` through `context`.
pub(crate) fn lead(guests: &[Names], context: NetworkContextKind) -> Result<(), LabError> {
    let mut masters = Vec::new();
    let mut host_entries = Vec::new();
    let mut nic_entries = Vec::new();
    for names in guests {
        let (tap, mac) = (names.tap(), mac_text(names.mac()));
        let bridge = match context {
            NetworkContextKind::Dedicated => names.bridge(),
            NetworkContextKind::Shared => SHARED_BRIDGE.to_owned(),
        };
        masters.push(format!("link set dev {tap} master {bridge}"));
        // A port that joins a bridge begins with the default flags and no addresses.
        host_entries.push(format!("link set dev {tap} {PORT_FLAGS}"));
        host_entries.push(format!("fdb replace {mac} dev {tap} master static"));
        let port = port(names, context);
        nic_entries.push(format!("fdb replace {mac} dev {port} master static"));
    }
    command::ip_batch(None, &masters)?;
    command::bridge_batch(None, &host_entries)?;
    Ok(command::bridge_batch(Some(NETNS_NIC), &nic_entries)?)
}
