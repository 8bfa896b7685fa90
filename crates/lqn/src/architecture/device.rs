// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contexts in the device: CDNA and HDReconfig-VDI on the machine of 2006, SR-IOV and its
//! composable successors on that of today. The guest's driver is native; what is left between it
//! and the NIC is the VMM's, or nobody's.

use super::block::Block;
use super::block::Place::{Guest, Nic};
use super::fit;
use super::source::{Cost, Per};
use super::xen::{native_receive, native_send};

const ENGINE: &str = "a hardware engine serves tens of millions of packets a second";

/// CDNA: contexts in the NIC, descriptors checked by the VMM, one interrupt for all contexts.
pub(super) fn cdna(receive: bool) -> Vec<Block> {
    let mut path = native(receive);
    let protection = "DMA protection costs 10 % of a CPU at line rate";
    path.push(Block::vmm(
        "validate",
        "driver",
        vec![Cost::remembered(
            "descriptors, page references",
            fit::VALIDATE,
            Per::Packet,
            protection,
        )],
    ));
    let note = "890 Mb/s of Xen at 24 guests (remembered): half of its two switches";
    let switch = Cost::fitted("switch beyond one guest's", fit::SWITCH, Per::Switch, note);
    path.push(Block::vmm("schedule", "driver", vec![switch]));
    let firmware = "two 300 MHz processors that keep up with two gigabit links";
    path.push(Block::new(
        "context",
        Nic,
        vec![Cost::assumed("firmware", 2_000.0, Per::Packet, firmware)],
    ));
    path
}

/// HDReconfig-VDI: the device classifies, checks addresses and schedules; the VMM manages, and
/// delivers interrupts.
pub(super) fn reconfigurable(receive: bool) -> Vec<Block> {
    let mut path = native(receive);
    let inject = "Dall et al. 2017: virtual IPI 3,102 cycles, assumed equal on this machine";
    path.push(Block::vmm(
        "inject_irq",
        "driver",
        vec![Cost::assumed("virtual interrupt", fit::INJECT, Per::Poll, inject)],
    ));
    let context = if receive { "classify, check address" } else { "schedule, check address" };
    path.push(Block::new("context", Nic, vec![Cost::assumed(context, 150.0, Per::Packet, ENGINE)]));
    path
}

fn native(receive: bool) -> Vec<Block> {
    if receive { native_receive(Guest, false) } else { native_send(Guest) }
}

/// Exits that a guest of today takes for interrupts that the hardware does not post.
const COMPLETION: &str =
    "Dall et al. 2017 (read): completion 1,556 cycles; that nine of ten are posted is assumed";

/// A virtual function of today: fixed contexts, IOMMU, a switch in the NIC.
pub(super) fn virtual_function(receive: bool, composed: bool) -> Vec<Block> {
    let mut path = super::linux::guest_native(receive);
    let exit = Cost::assumed("completion of one interrupt in ten", 155.6, Per::Poll, COMPLETION);
    path.push(Block::vmm("exit", "driver", vec![exit]));
    if composed {
        let note = "management by software: notifications of one queue in a hundred are trapped";
        let trap = Cost::assumed("trapped notification", 25.65, Per::Poll, note);
        path.push(Block::vmm("trap", "driver", vec![trap]));
    }
    let translate = if receive { "switch, IOMMU" } else { "switch, IOMMU, scheduler" };
    path.push(Block::new(
        "context",
        Nic,
        vec![Cost::assumed(translate, 40.0, Per::Packet, ENGINE)],
    ));
    path
}
