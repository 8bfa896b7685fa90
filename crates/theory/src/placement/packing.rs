// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is on which CPU so far, and whether one more fits: the state of every method.

use evenkeel_model::{Bandwidth, Reservation};

use super::item::{Item, as_enforced};
use super::site::{Rule, Site};
use crate::{Limits, RTGROUP_CAPSULES_MAX, deferrable_response_time};

/// The servers on each CPU.
#[derive(Clone, Debug)]
pub(super) struct Packing<'a> {
    rule: &'a Rule,
    cpus: Vec<Cpu>,
    /// Bandwidth of all capsules of the host, each counted once, and how many there are.
    host: Bandwidth,
    capsules: usize,
}

/// One CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cpu {
    /// Rank and reservation of its servers, by rank.
    servers: Vec<(usize, Reservation)>,
    sum: Bandwidth,
}

/// What makes two CPUs the same for whatever is still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signature<'a> {
    /// Under EDF only the sum counts.
    Sum(Bandwidth),
    /// Under fixed priorities every server does.
    Servers(&'a [(usize, Reservation)]),
}

impl<'a> Packing<'a> {
    /// What `site` holds, before `items` are placed.
    pub fn of(site: &'a Site, items: &[Item]) -> Packing<'a> {
        let mut packing = Packing {
            rule: &site.rule,
            cpus: vec![Cpu::default(); site.cpus.len()],
            host: Bandwidth::ZERO,
            capsules: 0,
        };
        // Ranks that items do not have belong to what is held, in order.
        let taken: std::collections::BTreeSet<usize> = items.iter().map(|i| i.rank).collect();
        let free: Vec<usize> =
            (0..site.held.len() + items.len()).filter(|rank| !taken.contains(rank)).collect();
        let rounded: Vec<crate::Held> = site
            .held
            .iter()
            .map(|held| crate::Held {
                reservation: as_enforced(&site.rule, held.reservation),
                ..held.clone()
            })
            .collect();
        for (index, rank) in crate::rate_monotonic_order(&rounded).into_iter().zip(free) {
            let held = &rounded[index];
            let on = site.cpus.iter().enumerate().filter(|(_, cpu)| held.cpus.contains(*cpu));
            let positions: Vec<usize> = on.map(|(position, _)| position).collect();
            packing.add(rank, held.reservation, &positions);
        }
        packing
    }

    /// Whether the host as a whole has room for one more like `item`, wherever it goes.
    pub fn host_has_room(&self, item: &Item) -> bool {
        match self.rule {
            Rule::Edf { .. } => true,
            Rule::RtGroup(limits) => {
                self.capsules < RTGROUP_CAPSULES_MAX
                    && self.host + limits.foreign + item.bandwidth <= ceiling(limits)
            }
        }
    }

    /// Whether one server of `item` fits on the CPU at `position`, everyone already there served
    /// as before.
    pub fn cpu_has_room(&self, item: &Item, position: usize) -> bool {
        let cpu = &self.cpus[position];
        match self.rule {
            Rule::Edf { limit } => cpu.sum + item.bandwidth <= *limit,
            Rule::RtGroup(_) => {
                let above = cpu.servers.partition_point(|(rank, _)| *rank < item.rank);
                let mut servers: Vec<Reservation> = cpu.servers.iter().map(|(_, r)| *r).collect();
                servers.insert(above, item.reservation);
                // Those above do not feel it.
                (above..servers.len()).all(|i| {
                    let own = servers[i];
                    deferrable_response_time(&servers[..i], own, own.period()).is_some()
                })
            }
        }
    }

    /// The part of the CPU at `position` that nobody holds, of what may be held. Under fixed
    /// priorities response times may allow less of it.
    pub fn left(&self, position: usize) -> Bandwidth {
        let limit = match self.rule {
            Rule::Edf { limit } => *limit,
            Rule::RtGroup(_) => Bandwidth::ONE,
        };
        limit.saturating_sub(self.cpus[position].sum)
    }

    /// What is held of the CPU at `position`.
    pub fn sum(&self, position: usize) -> Bandwidth {
        self.cpus[position].sum
    }

    /// How many CPUs there are.
    pub fn cpus(&self) -> usize {
        self.cpus.len()
    }

    /// How many CPUs have a server.
    pub fn used(&self) -> usize {
        self.cpus.iter().filter(|cpu| !cpu.servers.is_empty()).count()
    }

    /// Most that items can still take, whatever they are: the free parts of all CPUs.
    pub fn capacity(&self) -> u128 {
        (0..self.cpus.len()).map(|position| u128::from(self.left(position).as_ppb())).sum()
    }

    /// What the CPU at `position` is to later items.
    pub fn signature(&self, position: usize) -> Signature<'_> {
        let cpu = &self.cpus[position];
        match self.rule {
            Rule::Edf { .. } => Signature::Sum(cpu.sum),
            Rule::RtGroup(_) => Signature::Servers(&cpu.servers),
        }
    }

    /// Whether only bandwidths count.
    pub fn is_edf(&self) -> bool {
        matches!(self.rule, Rule::Edf { .. })
    }

    /// Puts a server of `item` on each of `positions`.
    pub fn put(&mut self, item: &Item, positions: &[usize]) {
        self.add(item.rank, item.reservation, positions);
    }

    fn add(&mut self, rank: usize, reservation: Reservation, positions: &[usize]) {
        for &position in positions {
            let cpu = &mut self.cpus[position];
            let above = cpu.servers.partition_point(|(other, _)| *other < rank);
            cpu.servers.insert(above, (rank, reservation));
            cpu.sum = cpu.sum + reservation.bandwidth();
        }
        self.host = self.host + reservation.bandwidth();
        self.capsules += 1;
    }

    /// Takes back what [`Packing::put`] did.
    pub fn take(&mut self, item: &Item, positions: &[usize]) {
        for &position in positions {
            let cpu = &mut self.cpus[position];
            cpu.servers.retain(|(rank, _)| *rank != item.rank);
            cpu.sum = cpu.sum - item.bandwidth;
        }
        self.host = self.host - item.bandwidth;
        self.capsules -= 1;
    }
}

/// What the kernel lets all real-time groups have, rounded down.
pub(super) fn ceiling(limits: &Limits) -> Bandwidth {
    Bandwidth::at_most(limits.ceiling.budget(), limits.ceiling.period())
}
