// SPDX-License-Identifier: MIT OR Apache-2.0
//! The architectures: which blocks a packet passes, what is shared, what the NIC keeps apart.

use serde::Serialize;

use super::block::Block;
use super::block::Place::Guest;
use super::error::ArchitectureError;
use super::linux::{Backend, Context};
use super::machine::Era;
use super::xen::{Interface, Transfer};
use super::{device, fit, linux, xen};

/// How the NIC divides its engine and the wire among VMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NicSharing {
    /// First come, first served.
    Fcfs,
    /// Hooks: a share and a limit for each VM.
    Hooks,
}

/// One way of network I/O virtualization.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Architecture {
    /// Its name on the command line.
    pub id: &'static str,
    /// Its name in prose.
    pub title: &'static str,
    /// What a packet does in it, in a sentence.
    pub summary: &'static str,
    /// The machine its costs are counted on.
    pub era: Era,
    /// Blocks of a received packet, from the NIC to the application.
    pub receive: Vec<Block>,
    /// Blocks of a sent packet, from the application to the NIC.
    pub send: Vec<Block>,
    /// Packets of the largest segment that is handed down at once.
    pub segment: f64,
    /// Packets of the largest aggregate that is handed up at once.
    pub aggregate_max: f64,
    /// What the NIC keeps apart.
    pub nic: NicSharing,
    /// The block behind which frames above a VM's rate are dropped.
    pub policed_after: Option<&'static str>,
}

impl Architecture {
    /// The architecture of that name.
    ///
    /// # Errors
    /// [`ArchitectureError::UnknownArchitecture`], with the names that there are.
    pub fn named(name: &str) -> Result<Self, ArchitectureError> {
        let all = catalogue();
        let known = all.iter().map(|a| a.id.to_owned()).collect();
        let found = all.into_iter().find(|a| a.id == name);
        found.ok_or_else(|| ArchitectureError::UnknownArchitecture { name: name.to_owned(), known })
    }

    fn new(id: &'static str, title: &'static str, summary: &'static str, era: Era) -> Self {
        let (receive, send) = (Vec::new(), Vec::new());
        let (segment, aggregate_max) = (1.0, 1.0);
        let nic = NicSharing::Fcfs;
        let policed_after = None;
        Self { id, title, summary, era, receive, send, segment, aggregate_max, nic, policed_after }
    }

    fn paths(self, receive: Vec<Block>, send: Vec<Block>) -> Self {
        Self { receive, send, ..self }
    }

    fn segments(self, segment: f64) -> Self {
        Self { segment, ..self }
    }

    fn aggregates(self, aggregate_max: f64) -> Self {
        Self { aggregate_max, ..self }
    }

    fn policed(self, block: &'static str) -> Self {
        Self { policed_after: Some(block), ..self }
    }

    fn hooks(self) -> Self {
        Self { nic: NicSharing::Hooks, ..self }
    }
}

/// All architectures, the older family first.
#[must_use]
pub fn catalogue() -> Vec<Architecture> {
    let mut all = driver_domains();
    all.extend(contexts_2006());
    all.extend(today());
    all
}

fn driver_domains() -> Vec<Architecture> {
    let of = |id, title, summary| Architecture::new(id, title, summary, Era::Xeon2006);
    let plain = || xen::guest_receive(Transfer::Remap, false);
    let copied = || xen::guest_receive(Transfer::Copy, false);
    vec![
        of("native", "native Linux (2006)", "no VMM; segmentation in the NIC")
            .paths(xen::native_receive(Guest, false), xen::native_send(Guest))
            .segments(fit::SEGMENT),
        of("native-aggregation", "native Linux, aggregation",
            "received packets are merged below the stack, ACKs expanded in the driver")
            .paths(xen::native_receive(Guest, true), xen::native_send(Guest))
            .segments(fit::SEGMENT)
            .aggregates(fit::AGGREGATE_MAX),
        of("dom0", "driver domain's own traffic", "one domain that drives the NIC below a VMM")
            .paths(xen::domain0_receive(false), xen::native_send(Guest))
            .segments(fit::SEGMENT),
        of("superpages", "driver domain's own traffic, superpages",
            "large and global pages; guests gain nothing, a switch of domains flushes translations")
            .paths(xen::domain0_receive(true), xen::native_send(Guest))
            .segments(fit::SEGMENT),
        of("driver-domain", "driver domain (Xen 2, Type-II)",
            "netfront, remapped pages, netback, bridge and driver in a domain for all guests")
            .paths(plain(), xen::guest_send(Interface::Plain)),
        of("high-level-interface", "high-level virtual interface",
            "large segments cross between domains once")
            .paths(plain(), xen::guest_send(Interface::HighLevel))
            .segments(fit::SEGMENT),
        of("io-channel", "I/O channel",
            "large segments; headers are copied on send, packets on receive, no page is remapped")
            .paths(copied(), xen::guest_send(Interface::Channel))
            .segments(fit::SEGMENT),
        of("driver-domain-3", "driver domain (Xen 3)",
            "as the driver domain; grants instead of remaps on send, one packet at a time")
            .paths(plain(), xen::guest_send_3()),
        of("aggregation", "receive aggregation, ACK offload",
            "the driver domain merges packets and expands ACKs; the crossing is paid per aggregate")
            .paths(xen::guest_receive(Transfer::Remap, true), xen::guest_send_3())
            .aggregates(fit::AGGREGATE_MAX),
        of("twindrivers", "TwinDrivers",
            "the driver runs in the hypervisor, in the context of the guest; upcalls for errors only")
            .paths(
                xen::twin(xen::native_receive(Guest, false), true, 0.0),
                xen::twin(xen::native_send(Guest), false, 0.0),
            )
            .segments(fit::SEGMENT),
    ]
}

fn contexts_2006() -> Vec<Architecture> {
    let of = |id, title, summary| Architecture::new(id, title, summary, Era::Xeon2006);
    vec![
        of(
            "cdna",
            "CDNA",
            "a context in the NIC for each guest; the VMM checks descriptors, NIC serves in turns",
        )
        .paths(device::cdna(true), device::cdna(false))
        .segments(fit::SEGMENT),
        of(
            "hdreconfig-vdi",
            "HDReconfig-VDI",
            "reconfigurable contexts with share and limit; the device protects, the VMM manages",
        )
        .paths(device::reconfigurable(true), device::reconfigurable(false))
        .segments(fit::SEGMENT)
        .hooks(),
    ]
}

/// Packets of a 64 KiB segment or aggregate on Linux today.
const LARGE: f64 = 45.0;

fn today() -> Vec<Architecture> {
    let of = |id, title, summary| {
        Architecture::new(id, title, summary, Era::Today).segments(LARGE).aggregates(LARGE)
    };
    let tap = |backend, context| {
        (linux::tap_receive(backend, context), linux::tap_send(backend, context))
    };
    let with = |a: Architecture, (receive, send)| a.paths(receive, send);
    vec![
        of("linux-native", "native Linux (today)", "no VMM")
            .paths(linux::native(true), linux::native(false)),
        with(
            of("linux-qemu", "bridge, tap, QEMU", "softirq and bridge for all VMs, QEMU copies"),
            tap(Backend::Qemu, Context::Shared),
        ),
        with(
            of(
                "linux-vhost",
                "bridge, tap, vhost-net",
                "softirq and bridge for all VMs, vhost copies",
            ),
            tap(Backend::Vhost, Context::Shared),
        ),
        with(
            of(
                "linux-dedicated",
                "context of its own (dedicated)",
                "a netdev and a NAPI thread for each VM, in the VM's reservation; then tap, vhost",
            ),
            tap(Backend::Vhost, Context::Dedicated),
        ),
        with(
            of(
                "linux-demux",
                "early demultiplexing (demux)",
                "a policed XDP classifier for all VMs, then a NAPI thread for each; tap, vhost",
            ),
            tap(Backend::Vhost, Context::Demultiplexed),
        )
        .policed("classifier"),
        of("af-xdp", "AF_XDP", "a queue of the NIC for each VM, polled by the VM's own thread")
            .paths(linux::af_xdp(true), linux::af_xdp(false)),
        of("sr-iov", "SR-IOV, rates set", "a fixed context for each VM, with tx_share and tx_max")
            .paths(device::virtual_function(true, false), device::virtual_function(false, false))
            .hooks(),
        of("siov", "SIOV, vDPA", "contexts composed by software, with share and limit")
            .paths(device::virtual_function(true, true), device::virtual_function(false, true))
            .hooks(),
    ]
}
