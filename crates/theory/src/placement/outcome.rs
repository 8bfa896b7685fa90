// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer: who is where, who is nowhere and why, what is left.

use evenkeel_model::{Bandwidth, CapsuleName, CpuIndex, CpuSet};
use serde::{Deserialize, Serialize};

use super::item::Item;
use super::obstacle::{Stand, Unplaced};
use super::packing::Packing;
use super::quick::Chosen;
use super::site::{Method, Site, Wanted};
use crate::Held;

/// Capsules on their CPUs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// How the CPUs were chosen.
    pub method: Method,
    /// The capsules that have CPUs, in the order asked.
    pub placed: Vec<Held>,
    /// The capsules that have none, in the order asked.
    pub unplaced: Vec<Unplaced>,
    /// The site's CPUs.
    pub per_cpu: Vec<CpuLoad>,
    /// What was proven; the exact method only.
    pub proof: Option<Proof>,
}

/// One CPU of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuLoad {
    /// The CPU.
    pub cpu: CpuIndex,
    /// Who has a server on it: those held before, then those placed.
    pub capsules: Vec<CapsuleName>,
    /// What they hold together.
    #[serde(rename = "held_ppb")]
    pub held: Bandwidth,
    /// What is left, at most.
    #[serde(rename = "left_ppb")]
    pub left: Bandwidth,
}

/// What an exact search has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Placements looked at.
    pub nodes: u64,
    /// No placement holds more bandwidth than this one.
    pub most: bool,
    /// None that holds as much uses fewer CPUs.
    pub fewest: bool,
}

impl Placement {
    /// Whether every capsule has its CPUs.
    pub fn is_complete(&self) -> bool {
        self.unplaced.is_empty()
    }

    /// What the placed capsules hold on all their CPUs together.
    pub fn bandwidth(&self) -> Bandwidth {
        let all = |held: &Held| held.cpus.iter().map(|_| held.reservation.bandwidth()).sum();
        self.placed.iter().map(all).sum::<Bandwidth>()
    }

    /// How many CPUs of the site have a server.
    pub fn cpus_used(&self) -> usize {
        self.per_cpu.iter().filter(|load| !load.capsules.is_empty()).count()
    }
}

/// The answer to `wanted`, of which `chosen` is where each went.
pub(super) fn placement(
    site: &Site,
    wanted: &[Wanted],
    items: &[Item],
    chosen: &Chosen,
    method: Method,
    proof: Option<Proof>,
) -> Placement {
    let cpus: Vec<CpuIndex> = site.cpus.iter().collect();
    let mut packing = Packing::of(site, items);
    let mut placed = Vec::new();
    for ((wanted, item), positions) in wanted.iter().zip(items).zip(chosen) {
        let Some(positions) = positions else { continue };
        packing.put(item, positions);
        placed.push(Held {
            name: wanted.name.clone(),
            reservation: wanted.reservation,
            cpus: positions.iter().map(|&p| cpus[p]).collect::<CpuSet>(),
            sequence: wanted.sequence,
        });
    }
    let everyone: Vec<Held> = site.held.iter().chain(&placed).cloned().collect();
    let stand = Stand { site, placed: &everyone, packing: &packing };
    let nowhere = wanted.iter().zip(items).zip(chosen).filter(|(_, chosen)| chosen.is_none());
    let unplaced = nowhere.map(|((wanted, item), _)| stand.unplaced(wanted, item)).collect();
    let load = |(position, &cpu): (usize, &CpuIndex)| CpuLoad {
        cpu,
        capsules: everyone
            .iter()
            .filter(|held| held.cpus.contains(cpu))
            .map(|held| held.name.clone())
            .collect(),
        held: packing.sum(position),
        left: packing.left(position),
    };
    let per_cpu = cpus.iter().enumerate().map(load).collect();
    Placement { method, placed, unplaced, per_cpu, proof }
}
