// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names, MAC and IP addresses of the testbed. Everything is computed from a VM's number, so that
//! nothing has to be learnt by flooding.
//!
//! ```text
//! netns ek-client        netns ek-nic                     host
//!   ek-vcl  -----------  ek-wire                          ek-vfN --- ek-brN --- ek-tapN  guest N
//!   10.99.1.2              ek-sw  (the NIC's switch)      (dedicated)
//!                          ek-repN ---------------------- ek-vfN
//!                          ek-rup  ---------------------- ek-up  --- ek-brs --- ek-tapN  guest N
//!                                                         (shared)
//! ```
//! The addresses exist inside the client's namespace and the guests only: no device of the host
//! has one, so that they cannot collide with the host's own networks.

use std::net::Ipv4Addr;

/// The namespace of the client.
pub const NETNS_CLIENT: &str = "ek-client";
/// The namespace of the emulated NIC.
pub const NETNS_NIC: &str = "ek-nic";
/// The client's device, inside [`NETNS_CLIENT`].
pub const CLIENT_DEVICE: &str = "ek-vcl";
/// The client's address.
pub const CLIENT_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 99, 1, 2);
/// Its MAC address.
pub const CLIENT_MAC: [u8; 6] = mac_of(1);
/// The NIC's end of the client's wire, inside [`NETNS_NIC`].
pub(crate) const WIRE: &str = "ek-wire";
/// The NIC's switch, inside [`NETNS_NIC`].
pub(crate) const SWITCH: &str = "ek-sw";
/// The host's end of the shared uplink.
pub(crate) const UPLINK: &str = "ek-up";
/// The NIC's end of the shared uplink, inside [`NETNS_NIC`].
pub(crate) const UPLINK_PORT: &str = "ek-rup";
/// The host's bridge of the shared uplink.
pub(crate) const SHARED_BRIDGE: &str = "ek-brs";
/// Length of the prefix of all addresses.
pub(crate) const PREFIX_LENGTH: u8 = 24;

/// Everything that one virtual function is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    number: u8,
}

impl Names {
    /// Of the VM with this number; the sink's is one beyond the last VM.
    pub(crate) fn of(number: usize) -> Names {
        let number = u8::try_from(number).expect("a testbed has at most 64 VMs and a sink");
        Names { number }
    }

    /// The virtual function, on the host.
    pub(crate) fn function(&self) -> String {
        format!("ek-vf{}", self.number)
    }

    /// Its representor, the port of the NIC's switch, inside [`NETNS_NIC`].
    pub(crate) fn port(&self) -> String {
        format!("ek-rep{}", self.number)
    }

    /// The bridge between function and tap.
    pub(crate) fn bridge(&self) -> String {
        format!("ek-br{}", self.number)
    }

    /// The guest's tap.
    pub(crate) fn tap(&self) -> String {
        format!("ek-tap{}", self.number)
    }

    /// Behind the client's (.2) and below the broadcast address.
    pub(crate) fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 99, 1, FIRST + self.number)
    }

    pub(crate) fn mac(&self) -> [u8; 6] {
        mac_of(FIRST + self.number)
    }
}

/// Whether a device of this name is one that a lab makes on a host: exactly the names above, so
/// that somebody's `ek-uplink` is left alone.
pub(crate) fn is_device(name: &str) -> bool {
    let numbered = |prefix: &str| {
        name.strip_prefix(prefix)
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    };
    [CLIENT_DEVICE, WIRE, SWITCH, UPLINK, UPLINK_PORT, SHARED_BRIDGE].contains(&name)
        || ["ek-vf", "ek-rep", "ek-br", "ek-tap"].into_iter().any(numbered)
}

/// Last byte of the first VM's addresses: .10, as in the recipes.
const FIRST: u8 = 10;

/// Locally administered, unicast; 65:6b is `ek`.
const fn mac_of(last: u8) -> [u8; 6] {
    [0x52, 0x54, 0x00, 0x65, 0x6b, last]
}

/// `52:54:00:65:6b:0a`.
pub(crate) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_fits_the_kernels_fifteen_bytes() {
        let last = Names::of(super::super::spec::VMS_MAX);
        for name in [last.function(), last.port(), last.bridge(), last.tap()] {
            assert!(name.len() <= 15 && name.starts_with("ek-"), "{name}");
        }
        assert_eq!(last.address(), Ipv4Addr::new(10, 99, 1, 74));
    }

    #[test]
    fn the_labs_devices_are_told_from_others() {
        let last = Names::of(super::super::spec::VMS_MAX);
        for name in [last.function(), last.port(), last.bridge(), last.tap(), UPLINK.to_owned()] {
            assert!(is_device(&name), "{name}");
        }
        for name in ["ek-t-12-a", "ek-uplink", "ek-vf", "ek-vfx", "ek-", "eth0", "ek-br0.5"] {
            assert!(!is_device(name), "{name}");
        }
    }

    #[test]
    fn addresses_are_written_as_programs_read_them() {
        assert_eq!(mac_text(Names::of(0).mac()), "52:54:00:65:6b:0a");
        assert_eq!(mac_text(CLIENT_MAC), "52:54:00:65:6b:01");
    }
}
