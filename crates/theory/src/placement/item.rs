// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is to be placed, in the form that the search needs: CPUs as positions, priorities as ranks.

use std::collections::BTreeSet;

use evenkeel_model::{Bandwidth, CpuIndex, Reservation};

use super::site::{PlacementError, Rule, Site, Wanted};
use crate::{Held, in_whole_microseconds, rate_monotonic_order};

/// One capsule to place.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The reservation as the enforcer keeps it.
    pub reservation: Reservation,
    /// Its part of each CPU.
    pub bandwidth: Bandwidth,
    /// How many CPUs.
    pub servers: usize,
    /// Its priority among all capsules, held ones included; 0 is the highest.
    pub rank: usize,
    /// Positions in the site's CPUs that it may use, one list an alternative, each ascending.
    pub alternatives: Vec<Vec<usize>>,
}

impl Item {
    /// What it takes on all its CPUs together.
    pub fn size(&self) -> u128 {
        // At most 10^9 ppb times a number of CPUs: far below 2^128.
        u128::from(self.bandwidth.as_ppb()) * self.servers as u128
    }

    /// Whether there is one way to place it only.
    pub fn has_no_choice(&self) -> bool {
        matches!(self.alternatives.as_slice(), [only] if only.len() <= self.servers)
    }

    /// Whether the two can take each other's place under EDF, where only bandwidths count.
    pub fn interchangeable(&self, other: &Item) -> bool {
        self.bandwidth == other.bandwidth
            && self.servers == other.servers
            && self.alternatives == other.alternatives
    }
}

/// The reservation that the enforcer writes.
pub(super) fn as_enforced(rule: &Rule, reservation: Reservation) -> Reservation {
    match rule {
        Rule::Edf { .. } => reservation,
        Rule::RtGroup(_) => in_whole_microseconds(reservation),
    }
}

/// `wanted` as items, in the order given.
pub(super) fn items(site: &Site, wanted: &[Wanted]) -> Result<Vec<Item>, PlacementError> {
    if site.cpus.is_empty() {
        return Err(PlacementError::NoCpus);
    }
    let mut names = BTreeSet::new();
    for name in site.held.iter().map(|held| &held.name).chain(wanted.iter().map(|w| &w.name)) {
        if !names.insert(name) {
            return Err(PlacementError::DuplicateName(name.clone()));
        }
    }
    if let Some(none) = wanted.iter().find(|w| w.servers == 0) {
        return Err(PlacementError::NoServers(none.name.clone()));
    }
    let ranks = ranks(site, wanted);
    let cpus: Vec<CpuIndex> = site.cpus.iter().collect();
    let item = |(i, w): (usize, &Wanted)| {
        let reservation = as_enforced(&site.rule, w.reservation);
        Item {
            reservation,
            bandwidth: reservation.bandwidth(),
            servers: w.servers,
            rank: ranks[site.held.len() + i],
            alternatives: alternatives(&cpus, w),
        }
    };
    Ok(wanted.iter().enumerate().map(item).collect())
}

/// The positions in `cpus` of each alternative of `wanted`.
fn alternatives(cpus: &[CpuIndex], wanted: &Wanted) -> Vec<Vec<usize>> {
    if wanted.within.is_empty() {
        return vec![(0..cpus.len()).collect()];
    }
    let positions = |set: &evenkeel_model::CpuSet| {
        let inside = cpus.iter().enumerate().filter(|(_, cpu)| set.contains(**cpu));
        inside.map(|(position, _)| position).collect()
    };
    wanted.within.iter().map(positions).collect()
}

/// The rate-monotonic rank of everything held, then of everything wanted.
pub(super) fn ranks(site: &Site, wanted: &[Wanted]) -> Vec<usize> {
    let placed = |w: &Wanted| Held {
        name: w.name.clone(),
        reservation: as_enforced(&site.rule, w.reservation),
        cpus: evenkeel_model::CpuSet::empty(),
        sequence: w.sequence,
    };
    let held = site.held.iter().map(|held| Held {
        reservation: as_enforced(&site.rule, held.reservation),
        ..held.clone()
    });
    let all: Vec<Held> = held.chain(wanted.iter().map(placed)).collect();
    let mut ranks = vec![0; all.len()];
    for (rank, index) in rate_monotonic_order(&all).into_iter().enumerate() {
        ranks[index] = rank;
    }
    ranks
}

/// Indices of `items` in the order in which they are placed: those without a choice first, since
/// waiting leaves them none, then the largest part of a CPU first, the more CPUs first among
/// equals, and as given where even that is equal.
pub(super) fn decreasing(items: &[Item]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&i| {
        let item = &items[i];
        let size = std::cmp::Reverse((item.bandwidth, item.servers));
        (!item.has_no_choice(), size, i)
    });
    order
}
