// SPDX-License-Identifier: MIT OR Apache-2.0
//! The elements of a model in the making: CPUs, tasks, hardware; each is made when it is first
//! asked for. Who calls whom is in `assemble`.

use std::collections::{BTreeSet, HashMap};

use super::block::{Block, Place};
use super::catalogue::{Architecture, NicSharing};
use super::machine::Era;
use super::scenario::{Direction, Scenario};
use crate::Builder;
use crate::Multiplicity::{self, Finite};
use crate::model::{EntryId, ProcessorDiscipline, ProcessorId, TaskId};

pub(super) const MICROSECOND: f64 = 1e-6;

/// VMs that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) vms: u32,
}

/// Where the CPU time of some tasks is spent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cpu {
    pub(super) name: String,
    pub(super) id: ProcessorId,
    pub(super) cores: f64,
    /// Relative to the clock.
    pub(super) speed: f64,
    pub(super) crowded: bool,
}

/// Names of CPUs whose cores are the limit. On the others every thread has a core whenever it wants
/// one, and threads are the limit. Never both: where cores are the limit a thread more or less
/// makes no difference, and a solver that follows both takes a thousand times as long.
pub(super) type Crowded = BTreeSet<String>;

/// Entries of a block, for the answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) block: &'static str,
    pub(super) place: Place,
    pub(super) direction: Option<Direction>,
    pub(super) entries: Vec<EntryId>,
}

/// The model in the making.
pub(super) struct Site<'a> {
    pub(super) architecture: &'a Architecture,
    pub(super) scenario: &'a Scenario,
    pub(super) b: Builder,
    /// VMs, a flooded one included.
    pub(super) vms: u32,
    pub(super) outside: ProcessorId,
    /// The first is the host's.
    pub(super) cpus: Vec<Cpu>,
    tasks: HashMap<String, TaskId>,
    pub(super) entries: HashMap<String, EntryId>,
    own_cpus: HashMap<&'static str, usize>,
    pub(super) placed: Vec<Placed>,
    crowded: &'a Crowded,
}

impl<'a> Site<'a> {
    pub(super) fn new(
        architecture: &'a Architecture,
        scenario: &'a Scenario,
        vms: u32,
        crowded: &'a Crowded,
    ) -> Self {
        let mut b = Builder::new(&format!("{}, {} VMs", architecture.id, scenario.vms));
        let outside = b.processor("outside", ProcessorDiscipline::Delay);
        let mut site = Self {
            architecture,
            scenario,
            b,
            vms,
            outside,
            cpus: Vec::new(),
            tasks: HashMap::new(),
            entries: HashMap::new(),
            own_cpus: HashMap::new(),
            placed: Vec::new(),
            crowded,
        };
        let cores = f64::from(scenario.machine.cores);
        match scenario.share {
            Some(share) => {
                site.cpu("cpu.host", (cores * (1.0 - share * f64::from(vms))).max(1e-6), 1)
            }
            None => site.cpu("cpu", cores, 1),
        };
        site
    }

    /// `copies` CPUs of so many cores in one; a fraction of a core is a slower core.
    fn cpu(&mut self, name: &str, cores: f64, copies: u32) -> usize {
        let whole = cores.floor().max(1.0);
        let speed = (cores / whole).min(1.0);
        let cores = whole * f64::from(copies);
        let crowded = cores <= 1.0 || self.crowded.contains(name);
        let id = if crowded {
            let id = self.b.processor(name, ProcessorDiscipline::Ps);
            // Machines have at most 1,024 cores, and VMs share them.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            self.b.cores(id, Finite(cores as u32));
            id
        } else {
            self.b.processor(name, ProcessorDiscipline::Delay)
        };
        self.b.speed(id, speed * self.scenario.machine.clock_hz * MICROSECOND);
        self.cpus.push(Cpu { name: name.to_owned(), id, cores, speed, crowded });
        self.cpus.len() - 1
    }

    /// The CPU of a class's own threads.
    fn own_cpu(&mut self, class: Class) -> usize {
        let Some(share) = self.scenario.share else { return 0 };
        if let Some(&at) = self.own_cpus.get(class.name) {
            return at;
        }
        let cores = share * f64::from(self.scenario.machine.cores);
        let at = self.cpu(&format!("cpu.{}", class.name), cores, class.vms);
        self.own_cpus.insert(class.name, at);
        at
    }

    fn task(&mut self, name: &str, on: ProcessorId, threads: Multiplicity) -> TaskId {
        if let Some(&t) = self.tasks.get(name) {
            return t;
        }
        let t = self.b.task(name, on, threads);
        self.tasks.insert(name.to_owned(), t);
        t
    }

    /// A task of single-threaded programs. On a crowded CPU of several cores all programs are one
    /// task: which of them has a core makes no difference.
    fn program(&mut self, name: &str, cpu: usize, threads: u32) -> TaskId {
        let Cpu { name: cpu_name, id, cores, crowded, .. } = self.cpus[cpu].clone();
        match (crowded, cores > 1.0) {
            (false, _) => self.task(name, id, Finite(threads)),
            (true, false) => self.task(name, id, Multiplicity::Infinite),
            (true, true) => self.task(&format!("programs.{cpu_name}"), id, Multiplicity::Infinite),
        }
    }

    /// A task of the VMM, in the context of whoever enters it.
    fn vmm(&mut self, whose: &str, cpu: usize) -> TaskId {
        if self.flat(cpu) {
            return self.program("", cpu, 1);
        }
        let id = self.cpus[cpu].id;
        self.task(&format!("vmm.{whose}"), id, Multiplicity::Infinite)
    }

    /// Whether all programs of a CPU are one task, so that none of them calls another.
    fn flat(&self, cpu: usize) -> bool {
        self.cpus[cpu].crowded && self.cpus[cpu].cores > 1.0
    }

    /// Whether a service of the VMM is visited by the packet itself, not called by its block.
    pub(super) fn visited(&mut self, class: Class, service: &Block, direction: Direction) -> bool {
        let cpu = if self.entered_by_host(service, direction) { 0 } else { self.own_cpu(class) };
        self.flat(cpu)
    }

    /// The virtual CPUs of a class.
    pub(super) fn guest(&mut self, class: Class) -> TaskId {
        let cpu = self.own_cpu(class);
        self.program(class.name, cpu, class.vms)
    }

    /// Host software for all: the driver domain is one virtual CPU; softirqs of a VM's flow run on
    /// one core. A flooded VM and its victim share that core, which is the worst case, and the only
    /// one where the NIC has one queue.
    fn shared(&mut self) -> TaskId {
        let flooded = self.vms > self.scenario.vms;
        match self.architecture.era {
            Era::Xeon2006 => self.program("driver-domain", 0, 1),
            Era::Today if flooded => self.program("softirq", 0, 1),
            Era::Today => {
                let threads = self.vms.min(self.scenario.machine.cores);
                self.program("softirq", 0, threads)
            }
        }
    }

    /// A hardware server, for all or, with hooks and shares, for each VM: threads that queue, on a
    /// processor that is only the speed. The wire towards the host is divided by whoever sends, and
    /// is no matter of the architecture: where VMs have shares they have it apart.
    fn hardware(&mut self, name: &str, class: Class, servers: u32) -> TaskId {
        let hooks = self.architecture.nic == NicSharing::Hooks || name == "wire.in";
        let (name, servers, speed) = if hooks && self.scenario.share.is_some() {
            // Hooks divide the device among the VMs, all of it.
            let speed = f64::from(servers) / f64::from(self.vms);
            (format!("{name}.{}", class.name), class.vms, speed)
        } else {
            (name.to_owned(), servers, 1.0)
        };
        if let Some(&t) = self.tasks.get(&name) {
            return t;
        }
        let p = self.b.processor(&name, ProcessorDiscipline::Delay);
        self.b.speed(p, speed);
        self.task(&name, p, Finite(servers))
    }

    pub(super) fn wire(&mut self, class: Class, direction: Direction) -> TaskId {
        let name = match direction {
            Direction::Receive => "wire.in",
            Direction::Send => "wire.out",
        };
        self.hardware(name, class, self.scenario.machine.links)
    }

    pub(super) fn path(&self, direction: Direction) -> &'a [Block] {
        match direction {
            Direction::Receive => &self.architecture.receive,
            Direction::Send => &self.architecture.send,
        }
    }

    /// The task a block belongs to; whether it is one for all classes.
    fn home(&mut self, class: Class, block: &Block, direction: Direction) -> (TaskId, bool) {
        let cpu = self.own_cpu(class);
        match block.place {
            Place::Guest => (self.guest(class), false),
            Place::Own => {
                let thread = block.thread.unwrap_or(block.name);
                (self.program(&format!("{}.{thread}", class.name), cpu, class.vms), false)
            }
            Place::Shared => (self.shared(), true),
            Place::Vmm if self.entered_by_host(block, direction) => (self.vmm("host", 0), true),
            Place::Vmm => (self.vmm(class.name, cpu), false),
            Place::Nic => (self.hardware("nic", class, 1), false),
            Place::Wire => (self.wire(class, direction), false),
        }
    }

    fn entered_by_host(&self, block: &Block, direction: Direction) -> bool {
        let calls = |b: &&Block| Some(b.name) == block.caller && b.place == Place::Shared;
        self.path(direction).iter().any(|b| calls(&b))
    }

    /// The entry of a block for a class; whether it is new.
    pub(super) fn entry(
        &mut self,
        class: Class,
        block: &Block,
        direction: Direction,
        tag: &str,
    ) -> (EntryId, bool) {
        let (task, for_all) = self.home(class, block, direction);
        let whose = if for_all { "host" } else { class.name };
        let name = format!("{whose}.{}.{}{tag}", block.name, direction.as_str());
        if let Some(&e) = self.entries.get(&name) {
            return (e, false);
        }
        let e = self.b.entry(&name, task);
        self.entries.insert(name, e);
        if tag.is_empty() {
            self.note(block.name, block.place, Some(direction), e);
        }
        (e, true)
    }

    pub(super) fn note(
        &mut self,
        block: &'static str,
        place: Place,
        direction: Option<Direction>,
        e: EntryId,
    ) {
        let same =
            |p: &&mut Placed| p.block == block && p.place == place && p.direction == direction;
        match self.placed.iter_mut().find(same) {
            Some(p) => p.entries.push(e),
            None => self.placed.push(Placed { block, place, direction, entries: vec![e] }),
        }
    }

    /// A limit of a rate: a server of that speed for each VM.
    pub(super) fn limit(&mut self, class: Class, time: f64) -> EntryId {
        let name = format!("limit.{}", class.name);
        if let Some(&e) = self.entries.get(&name) {
            return e;
        }
        let p = self.b.processor(&name, ProcessorDiscipline::Delay);
        let t = self.task(&name, p, Finite(class.vms));
        let e = self.b.entry(&name, t);
        self.b.demand(e, 1, time);
        self.entries.insert(name, e);
        e
    }
}
