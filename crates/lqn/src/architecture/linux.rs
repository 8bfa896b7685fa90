// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths of Linux and KVM today, in cycles of a server of about 3 GHz. Few of these figures have
//! been read anywhere: exits are (Dall et al. 2016, 2017), the XDP figures are remembered, the rest
//! is a first guess whose purpose is to be replaced by `evenkeel model calibrate`.

use super::block::Block;
use super::block::Place::{Guest, Nic, Own, Shared};
use super::source::{Cost, Per};

const GUESS: &str = "order of magnitude; replace by calibration";
const COPY: &str = "about half a cycle a byte";
const EXIT_USER: &str = "Dall et al.: I/O to user space 6,732 cycles";
const EXIT_KERNEL: &str = "Dall et al.: I/O to the kernel 2,565 cycles";
const KICK: &str = "Dall et al.: ioeventfd 560 cycles, by exit I/O to the kernel";
const COMPLETION: &str = "Dall et al.: interrupt completion 1,556 cycles on x86";
const DROP: &str = "XDP paper (CoNEXT 2018): some 24 million drops a second at 3.6 GHz";
const REDIRECT: &str = "as above: some 8.5 million redirects a second, less a drop";
const WAKE: &str = "a wake-up and a context switch";

fn guess(what: &'static str, cycles: f64, per: Per) -> Cost {
    Cost::assumed(what, cycles, per, GUESS)
}

fn copy(cycles: f64) -> Cost {
    Cost::assumed("copy", cycles, Per::Byte, COPY)
}

/// What a VM's network context is, besides the guest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Backend {
    /// QEMU reads and writes the tap.
    Qemu,
    /// A vhost worker does.
    Vhost,
}

/// Who polls for the VM.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// The host's softirq, for all VMs.
    Shared,
    /// A NAPI thread of the VM's own.
    Dedicated,
    /// A shared classifier, then a NAPI thread of the VM's own.
    Demultiplexed,
}

/// Linux itself, no VM.
pub(super) fn native(receive: bool) -> Vec<Block> {
    guest_native(receive)
}

/// A guest that drives the NIC (or its virtual function) itself.
pub(super) fn guest_native(receive: bool) -> Vec<Block> {
    let interrupt = guess("interrupt", 1_500.0, Per::Poll);
    if receive {
        return vec![
            Block::new("driver", Guest, vec![guess("driver", 250.0, Per::Packet), interrupt]),
            Block::new("gro", Guest, vec![guess("merge", 150.0, Per::Packet)]),
            stack(1_800.0),
            socket(Per::Unit),
        ];
    }
    vec![
        socket(Per::Unit),
        stack(1_500.0),
        Block::new("driver", Guest, vec![guess("driver", 300.0, Per::Unit), interrupt]),
        Block::new("completion", Guest, vec![guess("descriptors, ACKs", 120.0, Per::Packet)]),
    ]
}

fn stack(cycles: f64) -> Block {
    Block::new("stack", Guest, vec![guess("TCP/IP, buffers", cycles, Per::Unit)])
}

fn socket(per: Per) -> Block {
    Block::new("socket", Guest, vec![guess("socket, wake-up", 900.0, per), copy(0.5)])
}

fn virtio(per: Per) -> Block {
    Block::new("virtio", Guest, vec![guess("ring", 250.0, per)])
}

/// Receive through a tap.
pub(super) fn tap_receive(backend: Backend, context: Context) -> Vec<Block> {
    let mut path = Vec::new();
    let place = if context == Context::Shared { Shared } else { Own };
    let mut poll =
        vec![guess("driver", 250.0, Per::Packet), guess("interrupt", 1_500.0, Per::Poll)];
    match context {
        Context::Shared => {}
        Context::Dedicated => {
            path.push(Block::new(
                "switch",
                Nic,
                vec![guess("switch of the NIC", 20.0, Per::Packet)],
            ));
            poll.push(Cost::assumed("wake the NAPI thread", 2_000.0, Per::Poll, WAKE));
        }
        Context::Demultiplexed => {
            let classify = Cost::remembered("driver, classify", 150.0, Per::Packet, DROP);
            let redirect = Cost::remembered("redirect", 270.0, Per::Packet, REDIRECT);
            let interrupt = guess("interrupt", 1_500.0, Per::Poll);
            path.push(Block::new("classifier", Shared, vec![classify, interrupt]));
            path.push(Block::new("redirect", Shared, vec![redirect]));
            poll = vec![guess("veth, frame to packet", 200.0, Per::Packet)];
            poll.push(Cost::assumed("wake the NAPI thread", 2_000.0, Per::Poll, WAKE));
        }
    }
    let forward = vec![guess("forwarding, filters", 900.0, Per::Unit)];
    path.push(Block::new("driver", place, poll).by("napi"));
    path.push(Block::new("gro", place, vec![guess("merge", 150.0, Per::Packet)]).by("napi"));
    path.push(Block::new("bridge", place, forward).by("napi"));
    path.push(Block::new("tap", place, vec![guess("queue, wake", 300.0, Per::Unit)]).by("napi"));
    path.extend(back_end_receive(backend));
    path
}

fn back_end_receive(backend: Backend) -> Vec<Block> {
    let (name, costs, inject) = match backend {
        Backend::Qemu => {
            let costs = vec![guess("read, ring", 1_400.0, Per::Unit), copy(0.4)];
            ("qemu", costs, Cost::read("interrupt from user space", 6_732.0, Per::Poll, EXIT_USER))
        }
        Backend::Vhost => {
            let costs = vec![guess("ring", 500.0, Per::Unit), copy(0.4)];
            ("vhost", costs, Cost::read("interrupt", 2_565.0, Per::Poll, EXIT_KERNEL))
        }
    };
    vec![
        Block::new(name, Own, costs),
        Block::vmm("inject", name, vec![inject]),
        virtio(Per::Unit),
        completion(),
        stack(1_800.0),
        socket(Per::Unit),
    ]
}

fn completion() -> Block {
    let cost = Cost::read("interrupt completion", 1_556.0, Per::Poll, COMPLETION);
    Block::vmm("completion", "virtio", vec![cost])
}

/// Send through a tap: the back end's thread runs bridge and driver itself; what comes back
/// (completions, ACKs) is the poller's.
pub(super) fn tap_send(backend: Backend, context: Context) -> Vec<Block> {
    let mut path = vec![socket(Per::Unit), stack(1_500.0), virtio(Per::Unit)];
    let kick = match backend {
        Backend::Qemu => Cost::read("notify QEMU", 6_732.0, Per::Poll, EXIT_USER),
        Backend::Vhost => Cost::read("notify vhost", 3_125.0, Per::Poll, KICK),
    };
    path.push(Block::vmm("kick", "virtio", vec![kick]));
    let (name, ring) = match backend {
        Backend::Qemu => ("qemu", guess("ring, write", 1_400.0, Per::Unit)),
        Backend::Vhost => ("vhost", guess("ring", 500.0, Per::Unit)),
    };
    let forward = vec![guess("forwarding, filters", 900.0, Per::Unit)];
    let queue = vec![guess("queue, driver", 300.0, Per::Unit)];
    path.push(Block::new(name, Own, vec![ring, copy(0.4)]).by(name));
    path.push(Block::new("bridge", Own, forward).by(name));
    path.push(Block::new("driver", Own, queue).by(name));
    let done = vec![guess("descriptors, ACKs", 120.0, Per::Packet)];
    match context {
        Context::Shared => path.push(Block::new("softirq", Shared, done)),
        Context::Dedicated => path.push(Block::new("napi", Own, done)),
        Context::Demultiplexed => {
            // Half an acknowledgment, of which aggregation leaves little, passes the classifier.
            path.push(Block::new("classifier", Shared, vec![guess("ACKs", 50.0, Per::Packet)]));
            path.push(Block::new("napi", Own, done));
        }
    }
    path
}

/// AF_XDP: a queue of the NIC belongs to one VM, and the VM's own thread polls it; frames stay
/// single until the guest merges them.
pub(super) fn af_xdp(receive: bool) -> Vec<Block> {
    let note = "AF_XDP, zero copy: some 10 million frames a second and core (remembered)";
    let switch = Block::new("queue", Nic, vec![guess("steer to the queue", 20.0, Per::Packet)]);
    if receive {
        return vec![
            switch,
            Block::new(
                "driver",
                Own,
                vec![Cost::remembered("driver, XDP, ring", 300.0, Per::Packet, note), copy(0.4)],
            )
            .by("qemu"),
            Block::new("qemu", Own, vec![guess("ring of the guest", 250.0, Per::Packet)]),
            Block::vmm(
                "inject",
                "qemu",
                vec![Cost::read("interrupt", 2_565.0, Per::Poll, EXIT_KERNEL)],
            ),
            virtio(Per::Packet),
            completion(),
            Block::new("gro", Guest, vec![guess("merge", 150.0, Per::Packet)]),
            stack(1_800.0),
            socket(Per::Unit),
        ];
    }
    let segments =
        "AF_XDP takes no large segments: the back end cuts them (read, networking notes)";
    vec![
        socket(Per::Unit),
        stack(1_500.0),
        virtio(Per::Unit),
        Block::vmm("kick", "virtio", vec![Cost::read("notify", 3_125.0, Per::Poll, KICK)]),
        Block::new(
            "qemu",
            Own,
            vec![Cost::assumed("cut, sum, ring", 500.0, Per::Packet, segments), copy(0.4)],
        ),
        Block::new("driver", Own, vec![Cost::remembered("driver, ring", 300.0, Per::Packet, note)])
            .by("qemu"),
        switch,
    ]
}
