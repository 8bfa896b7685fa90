// SPDX-License-Identifier: MIT OR Apache-2.0
//! All hosts and all machines under one policy.
//!
//! For each flavour a tournament of the hosts on which it fits, so that the host of the policy's
//! choice is at hand without a search, however many hosts there are. A host that changed is looked
//! at once for each flavour.

use super::description::{Cluster, Fit, PlacementPolicy};
use super::host::{Guest, Host};
use super::outcome::Resized;
use super::tournament::Tournament;

/// A machine's number; numbers of machines that have gone are used again.
pub(super) type VmId = u32;

/// One machine.
#[derive(Clone, Debug)]
struct Vm {
    flavour: u16,
    host: u32,
    cpus: Box<[u16]>,
    sequence: u64,
    /// Where it stands in `running`.
    place: u32,
}

/// Hosts, machines, and who fits where.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    cluster: &'a Cluster,
    policy: PlacementPolicy,
    hosts: Vec<Host>,
    /// By flavour.
    fitting: Vec<Tournament>,
    vms: Vec<Option<Vm>>,
    unused: Vec<VmId>,
    running: Vec<VmId>,
    /// Sum of what is held of all CPUs, parts per billion.
    held_ppb: u128,
    arrived: u64,
}

impl<'a> Fleet<'a> {
    /// Hosts without machines.
    pub fn new(cluster: &'a Cluster, policy: PlacementPolicy) -> Fleet<'a> {
        let count = cluster.hosts.count;
        let mut fleet = Fleet {
            cluster,
            policy,
            hosts: vec![Host::empty(&cluster.hosts); count as usize],
            fitting: vec![Tournament::new(count as usize); cluster.flavours.len()],
            vms: Vec::new(),
            unused: Vec::new(),
            running: Vec::new(),
            held_ppb: 0,
            arrived: 0,
        };
        (0..count).for_each(|host| fleet.look_again(host));
        fleet
    }

    /// Places a machine of `flavour`, or refuses it.
    pub fn place(&mut self, flavour: u16) -> Option<VmId> {
        let sequence = self.arrived;
        self.arrived += 1;
        let (host, cpus) = self.choose(flavour, sequence)?;
        let id = self.unused.pop().unwrap_or_else(|| {
            self.vms.push(None);
            // `VMS_MAX` machines at a time are far below 2^32.
            u32::try_from(self.vms.len() - 1).unwrap_or(u32::MAX)
        });
        let place = u32::try_from(self.running.len()).unwrap_or(u32::MAX);
        self.running.push(id);
        let vm = Vm { flavour, host, cpus, sequence, place };
        self.enter(&vm);
        self.vms[id as usize] = Some(vm);
        Some(id)
    }

    /// Lets a machine go.
    pub fn depart(&mut self, id: VmId) {
        let Some(vm) = self.vms[id as usize].take() else { return };
        self.leave(&vm);
        self.running.swap_remove(vm.place as usize);
        if let Some(&moved) = self.running.get(vm.place as usize)
            && let Some(moved) = &mut self.vms[moved as usize]
        {
            moved.place = vm.place;
        }
        self.unused.push(id);
    }

    /// Gives a machine another flavour: on its CPUs if it fits there, else on others of its host,
    /// else, where machines may move, on another host, else not at all: it then keeps what it has.
    pub fn resize(&mut self, id: VmId, flavour: u16) -> Resized {
        let Some(old) = self.vms[id as usize].take() else { return Resized::Refused };
        self.leave(&old);
        let guest = self.guest(flavour, old.sequence);
        let host = &self.hosts[old.host as usize];
        let hosts = &self.cluster.hosts;
        let same = host.fits_on(hosts, guest, &old.cpus).then(|| old.cpus.clone());
        let (resized, vm) = if let Some(cpus) = same {
            (Resized::InPlace, Vm { flavour, cpus, ..old })
        } else if let Some(cpus) = host.choose(hosts, guest, self.policy.cpus) {
            (Resized::OtherCpus, Vm { flavour, cpus, ..old })
        } else if let Some((host, cpus)) = self.elsewhere(flavour) {
            // On its new host it is the latest.
            self.arrived += 1;
            let sequence = self.arrived - 1;
            (Resized::OtherHost, Vm { flavour, host, cpus, sequence, ..old })
        } else {
            (Resized::Refused, old)
        };
        self.enter(&vm);
        self.vms[id as usize] = Some(vm);
        resized
    }

    /// A place for a machine that may leave its host.
    fn elsewhere(&self, flavour: u16) -> Option<(u32, Box<[u16]>)> {
        if self.cluster.churn.migrate { self.choose(flavour, self.arrived) } else { None }
    }

    /// The running machine number `index` of [`Fleet::running`].
    pub fn nth_running(&self, index: u64) -> Option<VmId> {
        self.running.get(usize::try_from(index).ok()?).copied()
    }

    /// How many machines run.
    pub fn running(&self) -> u32 {
        u32::try_from(self.running.len()).unwrap_or(u32::MAX)
    }

    /// Sum of what is held of all CPUs, parts per billion of one.
    pub fn held_ppb(&self) -> u128 {
        self.held_ppb
    }

    /// How many hosts have a machine.
    pub fn hosts_in_use(&self) -> u32 {
        let used = self.hosts.iter().filter(|host| host.machines() > 0).count();
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    /// How many more machines of `flavour` fit, if only such came.
    pub fn room_for(&self, flavour: u16) -> u64 {
        let guest = self.guest(flavour, self.arrived);
        self.hosts.iter().map(|host| host.room_for(&self.cluster.hosts, guest)).sum()
    }

    /// Counts everything anew from the machines.
    ///
    /// # Panics
    /// If a host holds anything else than its machines, or a machine that does not fit: the figures
    /// of the run would be worthless.
    pub fn audit(&self) {
        let hosts = &self.cluster.hosts;
        let mut anew = vec![Host::empty(hosts); self.hosts.len()];
        let mut vms: Vec<&Vm> = self.vms.iter().flatten().collect();
        vms.sort_by_key(|vm| vm.sequence);
        for vm in vms {
            let (guest, host) = (self.guest(vm.flavour, vm.sequence), &mut anew[vm.host as usize]);
            assert!(host.fits_on(hosts, guest, &vm.cpus), "host {} is overfull", vm.host);
            host.add(guest, &vm.cpus);
        }
        assert!(anew == self.hosts, "a host holds something else than its machines");
    }

    fn guest(&self, flavour: u16, sequence: u64) -> Guest<'a> {
        Guest { flavour: &self.cluster.flavours[usize::from(flavour)], sequence }
    }

    fn choose(&self, flavour: u16, sequence: u64) -> Option<(u32, Box<[u16]>)> {
        let host = self.fitting[usize::from(flavour)].winner()?;
        let guest = self.guest(flavour, sequence);
        let cpus =
            self.hosts[host as usize].choose(&self.cluster.hosts, guest, self.policy.cpus)?;
        Some((host, cpus))
    }

    fn enter(&mut self, vm: &Vm) {
        let guest = self.guest(vm.flavour, vm.sequence);
        self.hosts[vm.host as usize].add(guest, &vm.cpus);
        self.held_ppb += u128::from(guest.flavour.size().as_ppb());
        self.look_again(vm.host);
    }

    fn leave(&mut self, vm: &Vm) {
        let guest = self.guest(vm.flavour, vm.sequence);
        self.hosts[vm.host as usize].remove(guest, &vm.cpus);
        self.held_ppb -= u128::from(guest.flavour.size().as_ppb());
        self.look_again(vm.host);
    }

    /// Which flavours fit on `host` now, and how the policy likes it.
    fn look_again(&mut self, number: u32) {
        let host = &self.hosts[number as usize];
        let held = host.total().as_ppb();
        let key = match self.policy.hosts {
            Fit::First => 0,
            // A host holds at most 1024 CPUs of 10^9 ppb: far from either end.
            Fit::Best => u64::MAX - 1 - held,
            Fit::Worst => held,
        };
        for (flavour, fitting) in self.cluster.flavours.iter().zip(&mut self.fitting) {
            let guest = Guest { flavour, sequence: self.arrived };
            fitting.set(number, host.fits(&self.cluster.hosts, guest).then_some(key));
        }
    }
}
