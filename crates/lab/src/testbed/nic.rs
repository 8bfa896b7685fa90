// SPDX-License-Identifier: MIT OR Apache-2.0
//! The emulated NIC with its virtual functions, the client's wire, and the host's side of both.
//! `name.rs` has the drawing.
//!
//! What is emulated, and how:
//!
//! * **The wire carries frames of 1500 bytes.** The client sends large segments (TSO), which is
//!   cheap for its CPU, and the switch port of each function has segmentation off, so that the
//!   kernel cuts them there, on the NIC's CPU. Measured at the function, received bytes over
//!   received packets: 1496 to 1498 bytes a frame at 2.3 Gb/s (`tests/host_testbed.rs` checks it).
//!   The client's CPU is 85 % idle meanwhile; with frames cut by the client it was full.
//! * **A NIC checks checksums.** Those of the port stay on: segments arrive marked as good, as from
//!   a NIC that has checked them.
//! * **What enters at a port comes from the wire.** A flood is sent into the port itself: 1.0 million
//!   frames a second from one CPU (0.96 us each), where through the client's wire and the switch it
//!   would be 0.35 million.
//! * **The NIC has processors of its own.** Everything inside the namespaces is steered to the
//!   client's CPU (RPS), frames *from* guests included.
//! * **A switch does not flood.** Every address is entered by hand, learning and flooding are off:
//!   a frame for nobody costs nobody anything.

use crate::command;
use crate::cpu_layout::{Layout, mask};
use crate::error::LabError;
use crate::journal::{Entry, Journal};

use super::name::{
    CLIENT_ADDRESS, CLIENT_DEVICE, CLIENT_MAC, NETNS_CLIENT, NETNS_NIC, Names, PREFIX_LENGTH,
    SHARED_BRIDGE, SWITCH, UPLINK, UPLINK_PORT, WIRE, mac_text,
};
use super::{netns_directory, settings};

/// The segmentation offloads of TCP. All must be off for a veth's peer to hand frames to NAPI
/// (`veth_skb_is_eligible_for_gro`, drivers/net/veth.c).
const SEGMENTATION: [&str; 4] = [
    "tx-tcp-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
    "tx-tcp6-segmentation",
];

/// What a port of a bridge must not do: learn addresses, and send frames that are not for it.
pub(crate) const PORT_FLAGS: &str = "learning off flood off mcast_flood off bcast_flood off";

/// Which functions to build.
#[derive(Clone, Debug)]
pub(crate) struct Functions {
    /// Those with a guest behind them.
    pub(crate) guests: Vec<Names>,
    /// The one without.
    pub(crate) sink: Option<Names>,
}

impl Functions {
    fn all(&self) -> impl Iterator<Item = &Names> {
        self.guests.iter().chain(&self.sink)
    }
}

/// Builds all of it. On failure whatever was made is in the journal.
pub(crate) fn build(
    journal: &mut Journal,
    layout: Layout,
    functions: &Functions,
) -> Result<(), LabError> {
    make_namespaces(journal)?;
    make_links(journal, functions)?;
    features(functions)?;
    join_ports(functions)?;
    steer(layout, functions)?;
    Ok(())
}

/// Both namespaces, and the settings inside.
fn make_namespaces(journal: &mut Journal) -> Result<(), LabError> {
    let entry = |name: &str| Entry::Netns { name: name.to_owned() };
    journal.record_all(&[netns_directory::found(), entry(NETNS_CLIENT), entry(NETNS_NIC)])?;
    command::ip_batch(None, &[NETNS_CLIENT, NETNS_NIC].map(|name| format!("netns add {name}")))?;
    for name in [NETNS_CLIENT, NETNS_NIC] {
        evenkeel_kernel::netns::run_in_named(name, settings::set_needed_here)??;
    }
    // A sender that pauses between two measurements goes on with the window it had.
    evenkeel_kernel::netns::run_in_named(NETNS_CLIENT, || {
        settings::write(std::path::Path::new("/proc/sys/net/ipv4/tcp_slow_start_after_idle"), "0")
    })?
}

/// All devices. The shared bridge comes first: its alias remembers the host's settings.
fn make_links(journal: &mut Journal, functions: &Functions) -> Result<(), LabError> {
    let found = settings::found()?;
    let mut names = vec![SHARED_BRIDGE.to_owned(), UPLINK.to_owned()];
    names.extend(functions.all().map(Names::function));
    names.extend(functions.guests.iter().flat_map(|names| [names.bridge(), names.tap()]));
    let entries: Vec<Entry> = names.iter().map(|name| Entry::Link { name: name.clone() }).collect();
    journal.record_all(&entries)?;
    command::ip_batch(
        None,
        &[
            format!("link add {SHARED_BRIDGE} type bridge mcast_snooping 0"),
            format!("link set dev {SHARED_BRIDGE} alias {}", settings::alias(&found)),
        ],
    )?;
    settings::set_needed(journal, &found)?;
    let mut lines = vec![
        format!("link add {UPLINK} type veth peer name {UPLINK_PORT} netns {NETNS_NIC}"),
        format!(
            "link add {CLIENT_DEVICE} address {} netns {NETNS_CLIENT} type veth \
             peer name {WIRE} netns {NETNS_NIC}",
            mac_text(CLIENT_MAC)
        ),
    ];
    for names in functions.all() {
        let (function, port) = (names.function(), names.port());
        lines.push(format!("link add {function} type veth peer name {port} netns {NETNS_NIC}"));
    }
    for names in &functions.guests {
        lines.push(format!("link add {} type bridge mcast_snooping 0", names.bridge()));
        lines.push(format!("tuntap add dev {} mode tap vnet_hdr", names.tap()));
    }
    // No address of its own, not even a link-local one: the host says nothing on these devices.
    lines.extend(names.iter().map(|name| format!("link set dev {name} addrgenmode none")));
    command::ip_batch(None, &lines)?;
    client_side(functions)
}

/// The client's address, and everybody's MAC address entered by hand.
fn client_side(functions: &Functions) -> Result<(), LabError> {
    let mut lines = vec![
        "link set dev lo up".to_owned(),
        format!("link set dev {CLIENT_DEVICE} up"),
        format!("address add {CLIENT_ADDRESS}/{PREFIX_LENGTH} dev {CLIENT_DEVICE}"),
    ];
    lines.extend(functions.all().map(|names| {
        let (address, mac) = (names.address(), mac_text(names.mac()));
        format!("neighbour add {address} lladdr {mac} dev {CLIENT_DEVICE} nud permanent")
    }));
    Ok(command::ip_batch(Some(NETNS_CLIENT), &lines)?)
}

/// Cuts large segments where they leave the NIC's switch.
fn features(functions: &Functions) -> Result<(), LabError> {
    let mut ports: Vec<String> = functions.all().map(Names::port).collect();
    ports.push(UPLINK_PORT.to_owned());
    evenkeel_kernel::netns::run_in_named(NETNS_NIC, || {
        for port in &ports {
            let netdev = evenkeel_kernel::netdev::lookup(port)?;
            for feature in SEGMENTATION {
                netdev.set_feature(feature, false)?;
            }
        }
        Ok(())
    })?
}

/// Ports into their bridges, addresses into the bridges, everything up.
fn join_ports(functions: &Functions) -> Result<(), LabError> {
    let mut ports: Vec<String> = functions.all().map(Names::port).collect();
    ports.extend([UPLINK_PORT.to_owned(), WIRE.to_owned()]);
    let mut lines = vec![format!("link add {SWITCH} type bridge mcast_snooping 0")];
    lines.extend(ports.iter().map(|port| format!("link set dev {port} master {SWITCH} up")));
    lines.push(format!("link set dev {SWITCH} up"));
    command::ip_batch(Some(NETNS_NIC), &lines)?;
    let mut entries: Vec<String> =
        ports.iter().map(|port| format!("link set dev {port} {PORT_FLAGS}")).collect();
    entries.push(format!("fdb add {} dev {WIRE} master static", mac_text(CLIENT_MAC)));
    if let Some(sink) = &functions.sink {
        let (mac, port) = (mac_text(sink.mac()), sink.port());
        entries.push(format!("fdb add {mac} dev {port} master static"));
    }
    command::bridge_batch(Some(NETNS_NIC), &entries)?;
    host_side(functions)
}

/// The host's bridges: the way from each guest to the client; the way back is `way.rs`'s.
fn host_side(functions: &Functions) -> Result<(), LabError> {
    let mut lines = vec![format!("link set dev {UPLINK} master {SHARED_BRIDGE} up")];
    let mut entries = vec![
        format!("link set dev {UPLINK} {PORT_FLAGS}"),
        format!("fdb add {} dev {UPLINK} master static", mac_text(CLIENT_MAC)),
    ];
    for names in &functions.guests {
        let (function, bridge) = (names.function(), names.bridge());
        lines.push(format!("link set dev {function} master {bridge} up"));
        lines.push(format!("link set dev {bridge} up"));
        lines.push(format!("link set dev {} up", names.tap()));
        entries.push(format!("link set dev {function} {PORT_FLAGS}"));
        entries.push(format!("fdb add {} dev {function} master static", mac_text(CLIENT_MAC)));
    }
    lines.extend(functions.sink.iter().map(|sink| format!("link set dev {} up", sink.function())));
    lines.push(format!("link set dev {SHARED_BRIDGE} up"));
    command::ip_batch(None, &lines)?;
    Ok(command::bridge_batch(None, &entries)?)
}

/// Receive work to the CPU whose it is: the NIC's and the client's to theirs, that of the shared
/// uplink to the VMs', as an interrupt of the host's NIC would be.
fn steer(layout: Layout, functions: &Functions) -> Result<(), LabError> {
    let client = mask(layout.client_cpu);
    let mut ports: Vec<String> = functions.all().map(Names::port).collect();
    ports.extend([UPLINK_PORT.to_owned(), WIRE.to_owned()]);
    steer_inside(NETNS_NIC, &ports, &client)?;
    steer_inside(NETNS_CLIENT, &[CLIENT_DEVICE.to_owned()], &client)?;
    set_rps(UPLINK, &mask(layout.vm_cpu))
}

/// `/sys` shows the devices of the namespace it was mounted in; `ip netns exec` mounts it anew.
fn steer_inside(netns: &str, devices: &[String], mask: &str) -> Result<(), LabError> {
    let commands: Vec<String> = devices
        .iter()
        .map(|device| format!("echo {mask} >/sys/class/net/{device}/queues/rx-0/rps_cpus"))
        .collect();
    let script = commands.join(" && ");
    command::run("ip", &["netns", "exec", netns, "sh", "-c", &script])?;
    Ok(())
}

/// Sends the receive work of a device of the host to the CPUs of `mask`; `0` leaves it where it
/// is.
pub(crate) fn set_rps(device: &str, mask: &str) -> Result<(), LabError> {
    let path = format!("/sys/class/net/{device}/queues/rx-0/rps_cpus");
    settings::write(std::path::Path::new(&path), mask)
}
