// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths of the Xen studies: native Linux, the driver domain, and what was done to it while it kept
//! its place. Cycles of the 2.4 GHz Xeon of 2006; where they come from: `fit`.

use super::block::Place::{Guest, Shared};
use super::block::{Block, Place};
use super::fit;
use super::source::{Cost, Per};

const SHARES: &str = "ATC 2008 (read): 14 % of native receive per byte, about 70 % per packet";
const REST: &str = "what 14 % per byte and 70 % per packet leave of native receive";
const STACK: &str = "+45 % of aggregation, native, one CPU";
const CROSSING: &str = "+86 % of aggregation in a guest; split among blocks assumed";
const FRAGMENT: &str = "820 Mb/s guest receive (remembered), less everything else";
const REMAP: &str = "+18 % for copying instead of remapping";
const SEND: &str = "+272 % of the high-level interface; split among blocks assumed";
const ACKS: &str = "750 Mb/s guest send (read), less everything else";

/// Split of [`fit::CROSSING`] among the blocks of the way between domains: assumed, in the order of
/// what profiles of that way show. Only the sum has an effect on throughput.
const BRIDGE: f64 = 0.15;
const NETBACK: f64 = 0.35;
const NETFRONT: f64 = 0.25;
const CHANNEL: f64 = 0.25;

/// Copy to or from the application.
fn copy(place: Place) -> Block {
    let cost = Cost::read("copy", fit::COPY / fit::BYTES, Per::Byte, SHARES);
    Block::new("copy", place, vec![cost])
}

fn socket(place: Place) -> Block {
    Block::new(
        "socket",
        place,
        vec![Cost::remembered("socket, wake-up", fit::SOCKET, Per::Packet, REST)],
    )
}

fn receive_driver(place: Place, extra: Vec<Cost>) -> Block {
    let mut costs = vec![Cost::fitted("driver, interrupts", fit::DRIVER, Per::Packet, STACK)];
    costs.extend(extra);
    Block::new("driver", place, costs)
}

fn receive_stack(place: Place) -> Block {
    Block::new("stack", place, vec![Cost::fitted("TCP/IP, buffers", fit::STACK, Per::Unit, STACK)])
}

fn merge() -> Cost {
    let note = "ATC 2008: 789 cycles in the merge less 681 that the driver saves";
    Cost::remembered("merge", fit::MERGE, Per::Packet, note)
}

/// Receive without a VMM, all in one place.
pub(super) fn native_receive(place: Place, aggregation: bool) -> Vec<Block> {
    let extra = if aggregation { vec![merge()] } else { Vec::new() };
    vec![receive_driver(place, extra), receive_stack(place), copy(place), socket(place)]
}

/// Send without a VMM, with segmentation in the NIC.
pub(super) fn native_send(place: Place) -> Vec<Block> {
    let acks = "6,097 Mb/s native send scaled by CPU (remembered), less everything else";
    vec![
        copy(place),
        socket(place),
        Block::new("stack", place, vec![Cost::fitted("TCP/IP", fit::SEND_STACK, Per::Unit, SEND)]),
        Block::new("driver", place, vec![Cost::fitted("driver", fit::DRIVER, Per::Unit, STACK)]),
        Block::new(
            "acks",
            place,
            vec![Cost::remembered("ACKs", fit::NATIVE_ACKS, Per::Packet, acks)],
        ),
    ]
}

/// Receive of the driver domain itself.
pub(super) fn domain0_receive(superpages: bool) -> Vec<Block> {
    let mut path = native_receive(Guest, false);
    if !superpages {
        let cost = Cost::fitted("translation misses", fit::TLB, Per::Packet, "+35 % of superpages");
        path.push(Block::new("tlb", Guest, vec![cost]));
    }
    path.push(vmm_entries("driver"));
    path
}

fn vmm_entries(caller: &'static str) -> Block {
    let note = "within 7 % of native with superpages";
    Block::vmm(
        "interrupt",
        caller,
        vec![Cost::fitted("entries", fit::VMM_ENTRIES, Per::Packet, note)],
    )
}

/// The domains' switches that many guests add: a poll brings each of them fewer packets.
fn switches() -> Block {
    let note = "890 Mb/s send at 24 guests (remembered), packets per switch assumed";
    let cost = Cost::fitted("switches beyond one guest's", 2.0 * fit::SWITCH, Per::Switch, note);
    Block::vmm("schedule", "netback", vec![cost])
}

/// How a received page reaches the guest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    /// The page changes its owner, and another one comes back.
    Remap,
    /// The packet is copied.
    Copy,
}

/// Receive through the driver domain.
pub(super) fn guest_receive(transfer: Transfer, aggregation: bool) -> Vec<Block> {
    let extra = if aggregation { vec![merge()] } else { Vec::new() };
    let transfer = match transfer {
        Transfer::Remap => Cost::fitted("two remaps", 2.0 * fit::REMAP, Per::Page, REMAP),
        Transfer::Copy => Cost::read("copy", fit::COPY / fit::BYTES, Per::Byte, SHARES),
    };
    let part =
        |what, part: f64| vec![Cost::fitted(what, part * fit::CROSSING, Per::Unit, CROSSING)];
    let fragment = Cost::fitted("pages of it", fit::FRAGMENT, Per::Page, FRAGMENT);
    vec![
        receive_driver(Shared, extra),
        vmm_entries("driver"),
        Block::new("bridge", Shared, part("forwarding", BRIDGE)),
        Block::new("netback", Shared, part("unit", NETBACK)),
        Block::new("grants", Shared, vec![fragment]),
        Block::vmm("transfer", "grants", vec![transfer]),
        Block::vmm("event", "netback", part("event channel, switch", CHANNEL)),
        switches(),
        Block::new("netfront", Guest, part("unit", NETFRONT)),
        receive_stack(Guest),
        copy(Guest),
        socket(Guest),
    ]
}

/// What a guest's send has of the improvements of 2006.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Interface {
    /// One packet at a time, remapped.
    Plain,
    /// Large segments, remapped page by page.
    HighLevel,
    /// Large segments, only headers copied.
    Channel,
}

/// Send through the driver domain of Xen 2. Without the high-level interface a unit is a packet
/// and every packet has a page: [`super::Architecture::segment`] and the pages follow.
pub(super) fn guest_send(interface: Interface) -> Vec<Block> {
    let part = |what, part: f64| vec![Cost::fitted(what, part * fit::CROSSING, Per::Unit, SEND)];
    let transfer = match interface {
        Interface::Plain => Cost::fitted("remap", fit::REMAP, Per::Packet, REMAP),
        Interface::HighLevel => Cost::fitted("remap", fit::REMAP, Per::Page, REMAP),
        Interface::Channel => {
            let note = "128 bytes at the cost of a copied byte";
            Cost::assumed("copy of the header", fit::HEADER_COPY, Per::Unit, note)
        }
    };
    vec![
        copy(Guest),
        socket(Guest),
        Block::new(
            "stack",
            Guest,
            vec![Cost::fitted("TCP/IP, checksum", fit::SEND_STACK, Per::Unit, SEND)],
        ),
        Block::new("netfront", Guest, part("unit", NETFRONT)),
        Block::vmm("event", "netfront", part("event channel, switch", CHANNEL)),
        Block::new("netback", Shared, part("unit", NETBACK)),
        Block::vmm("transfer", "netback", vec![transfer]),
        switches(),
        Block::new("bridge", Shared, part("forwarding", BRIDGE)),
        Block::new("driver", Shared, vec![Cost::fitted("driver", fit::DRIVER, Per::Unit, STACK)]),
        Block::new("acks", Shared, vec![Cost::fitted("ACKs", fit::SEND_ACKS, Per::Packet, ACKS)]),
    ]
}

/// Send through the driver domain of Xen 3: grants instead of remaps, one packet at a time.
pub(super) fn guest_send_3() -> Vec<Block> {
    let note = "1,619 Mb/s guest send of Xen 3 (remembered); split among blocks assumed";
    let part =
        |what, part: f64| vec![Cost::remembered(what, part * fit::CROSSING_3, Per::Packet, note)];
    let equal = "as receive: the NIC checks sums";
    vec![
        copy(Guest),
        socket(Guest),
        Block::new("stack", Guest, vec![Cost::assumed("TCP/IP", fit::STACK, Per::Packet, equal)]),
        Block::new("netfront", Guest, part("packet, grants", NETFRONT)),
        Block::vmm("event", "netfront", part("event channel, switch", CHANNEL)),
        Block::new("netback", Shared, part("packet, grants, ACKs", NETBACK)),
        switches(),
        Block::new("bridge", Shared, part("forwarding", BRIDGE)),
        Block::new("driver", Shared, vec![Cost::fitted("driver", fit::DRIVER, Per::Packet, STACK)]),
    ]
}

/// TwinDrivers: the driver in the hypervisor, in the context of the guest.
pub(super) fn twin(mut path: Vec<Block>, receive: bool, upcalls: f64) -> Vec<Block> {
    let note = "x2.4 of TwinDrivers' send";
    let mut costs =
        vec![Cost::fitted("entry, checked accesses", fit::PASSES * fit::TWIN, Per::Packet, note)];
    if receive {
        costs.push(Cost::read("copy", fit::COPY / fit::BYTES, Per::Byte, SHARES));
    }
    path.push(Block::vmm("twin", "driver", costs));
    if upcalls > 0.0 {
        // There and back: two of the switches that an event channel's notification takes.
        let cycles = upcalls * 2.0 * CHANNEL * fit::CROSSING;
        let note = "two crossings of the event channel";
        path.push(Block::vmm(
            "upcall",
            "driver",
            vec![Cost::assumed("upcall", cycles, Per::Packet, note)],
        ));
    }
    path
}
