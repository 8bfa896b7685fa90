// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the layered queueing network of an architecture in a scenario.
//!
//! Times are microseconds, demands on CPUs cycles: a CPU's speed is its cycles per microsecond.
//!
//! ```text
//! load     a customer is a packet under way (or a session) of any VM; it visits, one after another,
//!   vm             virtual CPUs: a thread for each VM, an entry for each block
//!   vm.<block>     host threads of the VMs' own: one for each VM
//!   driver-domain  one thread; today's softirqs: one for each VM up to the number of cores
//!   nic, wire.*    the engine, and a link in each direction
//! vmm.vm, vmm.host services of the VMM, called by blocks, on the CPU of whoever calls
//! ```
//!
//! All VMs of a scenario are alike, so they are one class: tasks with a thread for each, CPUs with
//! a core (or a part of one) for each. A flooded VM is a class of its own, `vm2`. Where all share
//! one core, a thread is no further limit and there are as many as packets.
//!
//! A block that does not come with each packet is called that much less: 1/s for a segment of s
//! packets, 1/k for an aggregate of k, 1/p for a poll of p.
//!
//! With reservations every VM has a CPU of its own of that speed, and the host has what is left:
//! exact for a share that is also a limit. Hooks of a NIC are treated alike.

use super::block::{Block, Place};
use super::catalogue::Architecture;
use super::error::ArchitectureError;
use super::fit;
use super::machine::Era;
use super::scenario::{Direction, Load, Scenario, Web};
use super::site::{Class, Cpu, Crowded, MICROSECOND, Placed, Site};
use super::source::{Cost, Per};
use crate::model::{CallKind, EntryId, Model, Multiplicity, TaskId};

/// Headers and framing of a packet on the wire: IP and TCP with timestamps 52 bytes, Ethernet with
/// preamble and gap 38.
const OVERHEAD_BYTES: f64 = 90.0;
/// A 64-byte frame on the wire.
pub(super) const SMALL_FRAME_BYTES: f64 = 84.0;
/// Payload for which a small frame's per-byte costs count.
const SMALL_PAYLOAD_BYTES: f64 = 18.0;
/// Descriptors of a ring: the usual default of drivers and virtio.
const RING: u32 = 256;

/// A flood of small frames for one more VM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flood {
    /// Frames a second that are offered.
    pub(super) rate_pps: f64,
}

/// A model with what is needed to read its solution.
#[derive(Debug, Clone)]
pub(super) struct Assembly {
    pub(super) model: Model,
    /// The load of the scenario's VMs.
    pub(super) load: EntryId,
    pub(super) placed: Vec<Placed>,
    pub(super) cpus: Vec<Cpu>,
}

/// Builds it for so many packets per poll.
pub(super) fn assemble(
    architecture: &Architecture,
    scenario: &Scenario,
    poll: f64,
    flood: Option<Flood>,
    crowded: &Crowded,
) -> Result<Assembly, ArchitectureError> {
    let vms = scenario.vms + u32::from(flood.is_some());
    let site = Site::new(architecture, scenario, vms, crowded);
    let mut traffic = Traffic { site, poll };
    let load = traffic.load(Class { name: "vm", vms: scenario.vms });
    if let Some(flood) = flood {
        traffic.flood(Class { name: "vm2", vms: 1 }, flood);
    }
    let Site { b, placed, cpus, .. } = traffic.site;
    Ok(Assembly { model: b.build()?, load, placed, cpus })
}

/// How many of each a packet brings.
#[derive(Debug, Clone, Copy)]
struct Units {
    bytes: f64,
    unit: f64,
    page: f64,
    poll: f64,
    switch: f64,
}

impl Units {
    fn of(self, per: Per) -> f64 {
        match per {
            Per::Packet | Per::Request => 1.0,
            Per::Byte => self.bytes,
            Per::Unit => self.unit,
            Per::Page => self.page,
            Per::Poll => self.poll,
            Per::Switch => self.switch,
        }
    }
}

struct Traffic<'a> {
    site: Site<'a>,
    /// Packets per poll.
    poll: f64,
}

impl Traffic<'_> {
    /// What a packet of one direction brings.
    fn units(&self, direction: Direction) -> Units {
        let (architecture, poll) = (self.site.architecture, 1.0 / self.poll);
        let beyond_one = ((f64::from(self.site.vms) * poll).min(1.0) - poll).max(0.0);
        let (unit, page) = match direction {
            Direction::Receive => (1.0 / self.poll.min(architecture.aggregate_max).max(1.0), 1.0),
            Direction::Send => {
                let s = architecture.segment;
                (1.0 / s, if s > 1.0 { fit::PAGES } else { 1.0 })
            }
        };
        let bytes = f64::from(self.site.scenario.packet_bytes);
        Units { bytes, unit, page, poll, switch: beyond_one }
    }

    /// Factor from a cost to a demand: cycles of this machine, or microseconds of hardware, which
    /// is assumed to have become faster as CPUs have.
    fn scale(&self, place: Place) -> f64 {
        let (machine, era) = (&self.site.scenario.machine, self.site.architecture.era);
        let factor = machine.factor(era);
        if place.is_cpu() { factor } else { 1e-3 * factor * era.clock_hz() / machine.clock_hz }
    }

    /// Visits of a block per packet, and its demand per visit.
    fn visit(&self, block: &Block, units: Units) -> (f64, f64) {
        let scale = self.scale(block.place);
        let sum = |of: &dyn Fn(&Cost) -> f64| block.costs.iter().map(of).sum::<f64>() * scale;
        // Locks of a multiprocessor kernel are taken once for each unit of the stack.
        let locks = self.site.scenario.machine.locks * scale;
        let locks = if block.name == "stack" { locks } else { 0.0 };
        match block.rhythm() {
            Some(per) => (units.of(per), sum(&|c| c.cycles) + locks),
            None => (1.0, sum(&|c| c.cycles * units.of(c.per)) + locks * units.unit),
        }
    }

    /// Makes `from` send packets of one direction along (a part of) the path, so many each time.
    fn travel(&mut self, from: EntryId, class: Class, route: &Route<'_>, packets: f64) {
        let Route { direction, units, tag, .. } = *route;
        for block in route.path.iter().filter(|b| b.caller.is_none()) {
            let (visits, demand) = self.visit(block, units);
            let (e, _) = self.site.entry(class, block, direction, tag);
            self.site.b.demand(e, 1, demand);
            self.site.b.call(from, 1, CallKind::Synchronous, e, visits * packets);
            for service in route.services.iter().filter(|b| b.caller == Some(block.name)) {
                let (service_visits, demand) = self.visit(service, units);
                let (inner, new) = self.site.entry(class, service, direction, tag);
                self.site.b.demand(inner, 1, demand);
                if self.site.visited(class, service, direction) {
                    let mean = service_visits * packets;
                    self.site.b.call(from, 1, CallKind::Synchronous, inner, mean);
                } else if new && visits > 0.0 {
                    // An entry that all classes share makes its calls once.
                    let mean = service_visits / visits;
                    self.site.b.call(e, 1, CallKind::Synchronous, inner, mean);
                }
            }
        }
        self.on_wire(from, class, route, packets);
    }

    fn on_wire(&mut self, from: EntryId, class: Class, route: &Route<'_>, packets: f64) {
        let task = self.site.wire(class, route.direction);
        let name = format!("{}.wire.{}{}", class.name, route.direction.as_str(), route.tag);
        let e = self.site.b.entry(&name, task);
        let bits_per_microsecond = self.site.scenario.machine.link_bps * MICROSECOND;
        self.site.b.demand(e, 1, route.wire_bytes * 8.0 / bits_per_microsecond);
        if route.tag.is_empty() {
            self.site.note("wire", Place::Wire, Some(route.direction), e);
        }
        self.site.b.call(from, 1, CallKind::Synchronous, e, packets);
        let limit = self.site.scenario.rate_max_bps.filter(|_| route.direction == Direction::Send);
        if let Some(rate) = limit {
            let time = route.units.bytes * 8.0 / rate / MICROSECOND;
            let e = self.site.limit(class, time);
            self.site.b.call(from, 1, CallKind::Synchronous, e, packets);
        }
    }

    /// The whole path of a data packet.
    fn data(&mut self, from: EntryId, class: Class, direction: Direction, packets: f64) {
        let path = self.site.path(direction);
        let units = self.units(direction);
        let wire_bytes = units.bytes + OVERHEAD_BYTES;
        let path_of_all: Vec<&Block> = path.iter().collect();
        let route =
            Route { direction, path: &path_of_all, services: path, units, wire_bytes, tag: "" };
        self.travel(from, class, &route, packets);
    }

    /// The load of the scenario's VMs.
    fn load(&mut self, class: Class) -> EntryId {
        let outside = self.site.outside;
        match self.site.scenario.load {
            Load::Bulk { direction, window } => {
                let b = &mut self.site.b;
                let t = b.reference_task("load", outside, window * class.vms, 0.0);
                let e = b.entry("packet", t);
                self.data(e, class, direction, 1.0);
                e
            }
            Load::Open { direction, rate_pps } => {
                let b = &mut self.site.b;
                let t = b.task("load", outside, Multiplicity::Infinite);
                let e = b.entry("packet", t);
                b.open_arrivals(e, rate_pps * f64::from(class.vms) * MICROSECOND);
                self.data(e, class, direction, 1.0);
                e
            }
            Load::Web(web) => {
                let t: TaskId = self.site.b.reference_task(
                    "load",
                    outside,
                    web.sessions * class.vms,
                    web.think_s / MICROSECOND,
                );
                self.request(t, class, web)
            }
        }
    }

    fn request(&mut self, task: TaskId, class: Class, web: Web) -> EntryId {
        let e = self.site.b.entry("request", task);
        self.data(e, class, Direction::Receive, 1.0);
        let guest = self.site.guest(class);
        let application = self.site.b.entry(&format!("{}.application", class.name), guest);
        let factor = self.site.scenario.machine.factor(Era::Xeon2006);
        self.site.b.demand(application, 1, web.request_cycles * factor);
        self.site.b.call(e, 1, CallKind::Synchronous, application, 1.0);
        self.site.note("application", Place::Guest, None, application);
        self.data(e, class, Direction::Send, web.response_packets);
        e
    }

    /// A flood. Frames are in at most one ring at a time, and what does not fit is dropped: a
    /// closed population of a ring's size. Received frames pass what is shared, up to where they
    /// are policed, and are dropped at the VM's own queue; sent ones begin at the VM's own CPU.
    fn flood(&mut self, class: Class, flood: Flood) {
        let direction = super::flood_direction(self.site.scenario.load);
        let think = f64::from(RING) / flood.rate_pps / MICROSECOND;
        let t = self.site.b.reference_task("flood", self.site.outside, RING, think);
        let e = self.site.b.entry("frame", t);
        // Frames of a flood are neither merged nor cut.
        let units = self.units(direction);
        let units = Units { bytes: SMALL_PAYLOAD_BYTES, unit: 1.0, page: 1.0, ..units };
        let all = self.site.path(direction);
        let common = |b: &&Block| matches!(b.place, Place::Shared | Place::Nic);
        let mut path: Vec<&Block> = match direction {
            Direction::Send => all.iter().collect(),
            Direction::Receive => all.iter().filter(common).collect(),
        };
        let policed = self.site.architecture.policed_after;
        if let Some(at) = path.iter().position(|b| Some(b.name) == policed) {
            path.truncate(at + 1);
        }
        let wire_bytes = SMALL_FRAME_BYTES;
        let route =
            Route { direction, path: &path, services: all, units, wire_bytes, tag: ".small" };
        self.travel(e, class, &route, 1.0);
    }
}

/// What some packets pass.
struct Route<'a> {
    direction: Direction,
    path: &'a [&'a Block],
    /// Where the services of the path's blocks are found.
    services: &'a [Block],
    units: Units,
    wire_bytes: f64,
    tag: &'static str,
}
