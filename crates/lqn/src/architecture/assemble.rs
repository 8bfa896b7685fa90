// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the layered queueing network of an architecture in a scenario.
//!
//! Times are microseconds, demands on CPUs cycles: a CPU's speed is its cycles per microsecond.
//!
//! ```text
//! load<i>  a customer is a packet under way (or a session); it visits, one after the other,
//!   vm<i>             the VM's virtual CPU: one thread, an entry for each block
//!   vm<i>.<block>     a host thread of the VM's own
//!   host              the driver domain (one thread), or softirqs (one per core): one entry for
//!                     each block, the same for all VMs
//!   nic, wire.*       the engine, and a link in each direction
//! vmm<i>, vmm.host    services of the VMM, called by blocks, on the CPU of whoever calls
//! ```
//!
//! A block that does not come with each packet is called that much less: 1/s for a segment of s
//! packets, 1/k for an aggregate of k, 1/p for a poll of p.
//!
//! With reservations every VM has a CPU of its own of that speed, and the host has what is left:
//! exact for a share that is also a limit. Hooks of a NIC are treated alike.

use std::collections::HashMap;

use super::block::{Block, Place};
use super::catalogue::{Architecture, NicSharing};
use super::error::ArchitectureError;
use super::fit;
use super::machine::Era;
use super::scenario::{Direction, Load, Scenario};
use super::source::{Cost, Per};
use crate::model::{CallKind, EntryId, Model, Multiplicity, ProcessorDiscipline, ProcessorId, TaskId};
use crate::{Builder, Multiplicity::Finite};

/// Headers and framing of a packet on the wire: IP and TCP with timestamps 52 bytes, Ethernet with
/// preamble and gap 38.
const OVERHEAD_BYTES: f64 = 90.0;
/// A 64-byte frame on the wire.
const SMALL_FRAME_BYTES: f64 = 84.0;
/// Payload for which a small frame's per-byte costs count.
const SMALL_PAYLOAD_BYTES: f64 = 18.0;
const MICROSECOND: f64 = 1e-6;

/// How often things happen, relative to packets: what the iteration of [`super::solve`] settles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rhythm {
    /// Packets per poll.
    pub(super) poll: f64,
}

/// A flood of small frames for one more VM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flood {
    /// Frames a second that are offered.
    pub(super) rate_pps: f64,
}

/// Entry of a block, for the answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) block: &'static str,
    pub(super) place: Place,
    pub(super) direction: Option<Direction>,
    pub(super) entries: Vec<EntryId>,
}

/// A model with what is needed to read its solution.
#[derive(Debug, Clone)]
pub(super) struct Assembly {
    pub(super) model: Model,
    /// Load of each VM, in their order; the flood's is not among them.
    pub(super) loads: Vec<(TaskId, EntryId)>,
    pub(super) placed: Vec<Placed>,
    /// CPUs with the number of cores and their speed relative to the clock.
    pub(super) cpus: Vec<(ProcessorId, f64, f64)>,
    /// The CPU on which packets are polled.
    pub(super) polled: usize,
}

/// Builds it.
pub(super) fn assemble(
    architecture: &Architecture,
    scenario: &Scenario,
    rhythm: Rhythm,
    flood: Option<Flood>,
) -> Result<Assembly, ArchitectureError> {
    let mut site = Site::new(architecture, scenario, rhythm, flood.is_some());
    for vm in 0..scenario.vms {
        site.load(vm);
    }
    if let Some(flood) = flood {
        site.flood(scenario.vms, flood);
    }
    let polled = site.polled();
    let Site { b, loads, placed, cpus, .. } = site;
    Ok(Assembly { model: b.build()?, loads, placed, cpus, polled })
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

/// The model in the making.
struct Site<'a> {
    architecture: &'a Architecture,
    scenario: &'a Scenario,
    rhythm: Rhythm,
    b: Builder,
    /// VMs, a flooded one included.
    vms: u32,
    outside: ProcessorId,
    host_cpu: ProcessorId,
    cpus: Vec<(ProcessorId, f64, f64)>,
    tasks: HashMap<String, TaskId>,
    entries: HashMap<String, EntryId>,
    processors: HashMap<String, ProcessorId>,
    loads: Vec<(TaskId, EntryId)>,
    placed: Vec<Placed>,
}

impl<'a> Site<'a> {
    fn new(
        architecture: &'a Architecture,
        scenario: &'a Scenario,
        rhythm: Rhythm,
        flooded: bool,
    ) -> Self {
        let mut b = Builder::new(&format!("{}, {} VMs", architecture.id, scenario.vms));
        let outside = b.processor("outside", ProcessorDiscipline::Delay);
        let vms = scenario.vms + u32::from(flooded);
        let mut site = Self {
            architecture,
            scenario,
            rhythm,
            b,
            vms,
            outside,
            host_cpu: outside,
            cpus: Vec::new(),
            tasks: HashMap::new(),
            entries: HashMap::new(),
            processors: HashMap::new(),
            loads: Vec::new(),
            placed: Vec::new(),
        };
        let cores = f64::from(scenario.machine.cores);
        let left = match scenario.share {
            Some(share) => cores * (1.0 - share * f64::from(vms)).max(1e-6),
            None => cores,
        };
        site.host_cpu = site.cpu(if scenario.share.is_some() { "cpu.host" } else { "cpu" }, left);
        site
    }

    /// A CPU of so many cores; a fraction of a core is a slower core.
    fn cpu(&mut self, name: &str, cores: f64) -> ProcessorId {
        let p = self.b.processor(name, ProcessorDiscipline::Ps);
        let whole = cores.floor().max(1.0);
        let speed = (cores / whole).min(1.0);
        // Cores are at most 1,024, checked by the scenario.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1024")]
        self.b.cores(p, Finite(whole as u32));
        self.b.speed(p, speed * self.scenario.machine.clock_hz * MICROSECOND);
        self.cpus.push((p, whole, speed));
        p
    }

    /// The CPU of a VM's own threads.
    fn own_cpu(&mut self, vm: u32) -> ProcessorId {
        let Some(share) = self.scenario.share else { return self.host_cpu };
        let name = format!("cpu.vm{vm}");
        if let Some(&p) = self.processors.get(&name) {
            return p;
        }
        let cores = share * f64::from(self.scenario.machine.cores);
        let p = self.cpu(&name, cores);
        self.processors.insert(name, p);
        p
    }

    /// Index of the CPU on which the driver polls: the first VM's, or the host's.
    fn polled(&self) -> usize {
        let shared = |b: &Block| b.place == Place::Shared;
        let on_host = self.architecture.receive.iter().any(shared);
        if on_host || self.scenario.share.is_none() || self.cpus.len() < 2 { 0 } else { 1 }
    }

    fn task(&mut self, name: &str, on: ProcessorId, threads: Multiplicity) -> TaskId {
        if let Some(&t) = self.tasks.get(name) {
            return t;
        }
        let t = self.b.task(name, on, threads);
        self.tasks.insert(name.to_owned(), t);
        t
    }

    /// A hardware server: the engine or a wire, for all or, with hooks and shares, of one VM.
    fn hardware(&mut self, name: &str, vm: u32, servers: u32) -> TaskId {
        let hooks = self.architecture.nic == NicSharing::Hooks && name != "wire.in";
        let apart = self.scenario.share.filter(|_| hooks);
        let (name, servers, speed) = match apart {
            Some(_) => {
                // Hooks divide the device among the VMs, all of it.
                (format!("{name}.vm{vm}"), 1, f64::from(servers) / f64::from(self.vms))
            }
            None => (name.to_owned(), servers, 1.0),
        };
        if let Some(&t) = self.tasks.get(&name) {
            return t;
        }
        let p = self.b.processor(&name, ProcessorDiscipline::Fcfs);
        self.b.cores(p, Finite(servers)).speed(p, speed);
        self.task(&name, p, Multiplicity::Infinite)
    }

    fn host_task(&mut self) -> TaskId {
        let on = self.host_cpu;
        match self.architecture.era {
            Era::Xeon2006 => self.task("driver-domain", on, Finite(1)),
            Era::Today => self.task("softirq", on, Finite(self.scenario.machine.cores)),
        }
    }

    /// What a packet of one direction brings.
    fn units(&self, direction: Direction) -> Units {
        let poll = 1.0 / self.rhythm.poll;
        let guests = f64::from(self.vms);
        let beyond_one = ((guests * poll).min(1.0) - poll).max(0.0);
        let (unit, page) = match direction {
            Direction::Receive => {
                let k = self.rhythm.poll.min(self.architecture.aggregate_max).max(1.0);
                (1.0 / k, 1.0)
            }
            Direction::Send => {
                let s = self.architecture.segment;
                (1.0 / s, if s > 1.0 { fit::PAGES } else { 1.0 })
            }
        };
        let bytes = f64::from(self.scenario.packet_bytes);
        Units { bytes, unit, page, poll, switch: beyond_one }
    }

    /// Cycles (nanoseconds on hardware) as demand in cycles (microseconds).
    fn scale(&self, place: Place) -> f64 {
        if place.is_cpu() { self.scenario.machine.factor(self.architecture.era) } else { 1e-3 }
    }

    /// Visits of a block per packet, and its demand per visit.
    fn visit(&self, block: &Block, units: Units) -> (f64, f64) {
        let scale = self.scale(block.place);
        let sum = |of: &dyn Fn(&Cost) -> f64| block.costs.iter().map(of).sum::<f64>() * scale;
        // Locks of a multiprocessor kernel are taken once for each unit of the stack.
        let locks = if block.name == "stack" { self.scenario.machine.locks * scale } else { 0.0 };
        match block.rhythm() {
            Some(per) => (units.of(per), sum(&|c| c.cycles) + locks),
            None => (1.0, sum(&|c| c.cycles * units.of(c.per)) + locks * units.unit),
        }
    }

    /// The entry of a block for a VM.
    fn entry(&mut self, vm: u32, block: &Block, direction: Direction, demand: f64, tag: &str) -> EntryId {
        let cpu = self.own_cpu(vm);
        let (task, whose) = match block.place {
            Place::Guest => (self.task(&format!("vm{vm}"), cpu, Finite(1)), Some(vm)),
            Place::Own => (self.task(&format!("vm{vm}.{}", block.name), cpu, Finite(1)), Some(vm)),
            Place::Shared => (self.host_task(), None),
            Place::Vmm if self.entered_by_host(block, direction) => {
                (self.task("vmm.host", self.host_cpu, Multiplicity::Infinite), None)
            }
            Place::Vmm => (self.task(&format!("vmm.vm{vm}"), cpu, Multiplicity::Infinite), Some(vm)),
            Place::Nic => (self.hardware("nic", vm, 1), Some(vm)),
            Place::Wire => (self.wire(vm, direction), Some(vm)),
        };
        let prefix = whose.map_or_else(|| "host".to_owned(), |vm| format!("vm{vm}"));
        let name = format!("{prefix}.{}.{}{tag}", block.name, direction.as_str());
        if let Some(&e) = self.entries.get(&name) {
            return e;
        }
        let e = self.b.entry(&name, task);
        self.b.demand(e, 1, demand);
        self.entries.insert(name, e);
        if tag.is_empty() {
            self.note(block.name, block.place, Some(direction), e);
        }
        e
    }

    fn entered_by_host(&self, block: &Block, direction: Direction) -> bool {
        let path = self.path(direction);
        path.iter().any(|b| Some(b.name) == block.caller && b.place == Place::Shared)
    }

    fn wire(&mut self, vm: u32, direction: Direction) -> TaskId {
        let name = match direction {
            Direction::Receive => "wire.in",
            Direction::Send => "wire.out",
        };
        self.hardware(name, vm, self.scenario.machine.links)
    }

    fn path(&self, direction: Direction) -> &'a [Block] {
        match direction {
            Direction::Receive => &self.architecture.receive,
            Direction::Send => &self.architecture.send,
        }
    }

    fn note(&mut self, block: &'static str, place: Place, direction: Option<Direction>, e: EntryId) {
        let same = |p: &&mut Placed| p.block == block && p.place == place && p.direction == direction;
        match self.placed.iter_mut().find(same) {
            Some(p) => p.entries.push(e),
            None => self.placed.push(Placed { block, place, direction, entries: vec![e] }),
        }
    }

    /// Makes `from` send packets of one direction along the path, `packets` each time.
    fn travel(&mut self, from: EntryId, vm: u32, direction: Direction, packets: f64) {
        let units = self.units(direction);
        let path = self.path(direction);
        for block in path.iter().filter(|b| b.caller.is_none()) {
            let (visits, demand) = self.visit(block, units);
            let e = self.entry(vm, block, direction, demand, "");
            self.b.call(from, 1, CallKind::Synchronous, e, visits * packets);
            for service in path.iter().filter(|b| b.caller == Some(block.name)) {
                self.enter_vmm(e, visits, vm, service, direction, units);
            }
        }
        let bytes = units.bytes + OVERHEAD_BYTES;
        let e = self.on_wire(vm, direction, bytes, "");
        self.b.call(from, 1, CallKind::Synchronous, e, packets);
        if let Some(rate) = self.scenario.rate_max_bps.filter(|_| direction == Direction::Send) {
            let e = self.limit(vm, units.bytes * 8.0 / rate / MICROSECOND);
            self.b.call(from, 1, CallKind::Synchronous, e, packets);
        }
    }

    /// A VMM service, as often as its packets need it; shared entries get their call once.
    fn enter_vmm(
        &mut self,
        caller: EntryId,
        caller_visits: f64,
        vm: u32,
        service: &Block,
        direction: Direction,
        units: Units,
    ) {
        let (visits, demand) = self.visit(service, units);
        let known = self.entries.len();
        let e = self.entry(vm, service, direction, demand, "");
        if self.entries.len() > known && caller_visits > 0.0 {
            self.b.call(caller, 1, CallKind::Synchronous, e, visits / caller_visits);
        }
    }

    fn on_wire(&mut self, vm: u32, direction: Direction, bytes: f64, tag: &str) -> EntryId {
        let task = self.wire(vm, direction);
        let name = format!("vm{vm}.wire.{}{tag}", direction.as_str());
        if let Some(&e) = self.entries.get(&name) {
            return e;
        }
        let e = self.b.entry(&name, task);
        self.b.demand(e, 1, bytes * 8.0 / self.scenario.machine.link_bps / MICROSECOND);
        if tag.is_empty() {
            self.note("wire", Place::Wire, Some(direction), e);
        }
        self.entries.insert(name, e);
        e
    }

    /// The limit of a VM's rate: a server of that speed.
    fn limit(&mut self, vm: u32, time: f64) -> EntryId {
        let name = format!("limit.vm{vm}");
        if let Some(&e) = self.entries.get(&name) {
            return e;
        }
        let p = self.b.processor(&name, ProcessorDiscipline::Fcfs);
        let t = self.task(&name, p, Finite(1));
        let e = self.b.entry(&name, t);
        self.b.demand(e, 1, time);
        self.entries.insert(name, e);
        e
    }

    /// The load of one VM.
    fn load(&mut self, vm: u32) {
        let name = format!("load{vm}");
        let cycle = format!("packet{vm}");
        let outside = self.outside;
        match self.scenario.load {
            Load::Bulk { direction, window } => {
                let t = self.b.reference_task(&name, outside, window, 0.0);
                let e = self.b.entry(&cycle, t);
                self.travel(e, vm, direction, 1.0);
                self.loads.push((t, e));
            }
            Load::Open { direction, rate_pps } => {
                let t = self.b.task(&name, outside, Multiplicity::Infinite);
                let e = self.b.entry(&cycle, t);
                self.b.open_arrivals(e, rate_pps * MICROSECOND);
                self.travel(e, vm, direction, 1.0);
                self.loads.push((t, e));
            }
            Load::Web(web) => {
                let think = web.think_s / MICROSECOND;
                let t = self.b.reference_task(&name, outside, web.sessions, think);
                let e = self.b.entry(&format!("request{vm}"), t);
                self.travel(e, vm, Direction::Receive, 1.0);
                let cpu = self.own_cpu(vm);
                let guest = self.task(&format!("vm{vm}"), cpu, Finite(1));
                let application = self.b.entry(&format!("vm{vm}.application"), guest);
                let factor = self.scenario.machine.factor(Era::Xeon2006);
                self.b.demand(application, 1, web.request_cycles * factor);
                self.b.call(e, 1, CallKind::Synchronous, application, 1.0);
                self.note("application", Place::Guest, None, application);
                self.travel(e, vm, Direction::Send, web.response_packets);
                self.loads.push((t, e));
            }
        }
    }

    /// A flood for VM `vm`. Frames are in at most one ring at a time, and what does not fit is
    /// dropped: a closed population of a ring's size. Received frames pass what is shared and are
    /// then dropped at the VM's own queue; sent ones begin at the VM's own CPU.
    fn flood(&mut self, vm: u32, flood: Flood) {
        let direction = match self.scenario.load {
            Load::Bulk { direction, .. } | Load::Open { direction, .. } => direction,
            Load::Web(_) => Direction::Receive,
        };
        let ring = f64::from(RING);
        let think = ring / flood.rate_pps / MICROSECOND;
        let t = self.b.reference_task("flood", self.outside, RING, think);
        let e = self.b.entry("frame", t);
        // Frames of a flood are not merged and not cut.
        let units =
            Units { bytes: SMALL_PAYLOAD_BYTES, unit: 1.0, page: 1.0, ..self.units(direction) };
        let path = self.path(direction);
        let reaches =
            |b: &&Block| b.caller.is_none() && (direction == Direction::Send || passes_all(b.place));
        for block in path.iter().filter(reaches) {
            let (visits, demand) = self.visit(block, units);
            let at = self.entry(vm, block, direction, demand, ".small");
            self.b.call(e, 1, CallKind::Synchronous, at, visits);
            for service in path.iter().filter(|b| b.caller == Some(block.name)) {
                let (service_visits, demand) = self.visit(service, units);
                let inner = self.entry(vm, service, direction, demand, ".small");
                if visits > 0.0 {
                    self.b.call(at, 1, CallKind::Synchronous, inner, service_visits / visits);
                }
            }
        }
        let wire = self.on_wire(vm, direction, SMALL_FRAME_BYTES, ".small");
        self.b.call(e, 1, CallKind::Synchronous, wire, 1.0);
    }
}

/// Descriptors of a ring: the usual default of drivers and virtio.
pub(super) const RING: u32 = 256;

fn passes_all(place: Place) -> bool {
    matches!(place, Place::Shared | Place::Nic | Place::Wire)
}
