// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a capsule found no place, and what would.

use evenkeel_model::{Bandwidth, CapsuleName, CpuIndex, CpuSet, Reservation, Span};
use serde::{Deserialize, Serialize};

use super::item::{Item, as_enforced};
use super::packing::Packing;
use super::quick;
use super::site::{Method, Rule, Site, Wanted};
use crate::rtgroup::refusals;
use crate::search::largest;
use crate::verdict::Reason;
use crate::{Held, Limits};

/// Smallest budget offered, as in the offers of admission: below it a budget is mostly overhead.
const BUDGET_OFFER_MIN_US: u64 = 100;

/// A capsule without CPUs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplaced {
    /// The capsule.
    pub name: CapsuleName,
    /// What it wants on each CPU.
    pub reservation: Reservation,
    /// On how many.
    pub servers: usize,
    /// What stands in its way, with everything else placed as it is.
    pub obstacles: Vec<Obstacle>,
    /// The largest budget over the same period with which it would find a place now; `None` where
    /// none of at least 0.1 ms would. Tried by the same test.
    pub would_fit: Option<Reservation>,
}

/// One reason against a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Obstacle {
    /// A set that it must lie in has fewer CPUs of the site than it wants.
    TooFewCpus {
        /// The site's CPUs in that set.
        within: CpuSet,
        /// How many it wants.
        wanted: usize,
    },
    /// CPUs whose rest is too small, under EDF.
    Full {
        /// The CPUs.
        cpus: CpuSet,
        /// What is left of each.
        #[serde(rename = "left_ppb")]
        left: Bandwidth,
        /// What it takes.
        #[serde(rename = "wanted_ppb")]
        wanted: Bandwidth,
    },
    /// CPUs that have room, but too few of them in any set that it may lie in.
    TooFewFree {
        /// The CPUs with room.
        cpus: CpuSet,
        /// How many it wants.
        wanted: usize,
    },
    /// What real-time groups refuse: somebody late, the host's sum, no band.
    RtGroup {
        /// The reason.
        reason: Reason,
    },
}

/// A placement as it stands, to be asked why.
pub(super) struct Stand<'a> {
    pub site: &'a Site,
    /// Everything held or placed, with its CPUs.
    pub placed: &'a [Held],
    pub packing: &'a Packing<'a>,
}

impl Stand<'_> {
    /// Why `wanted` is nowhere.
    pub fn unplaced(&self, wanted: &Wanted, item: &Item) -> Unplaced {
        let mut obstacles = self.sets_too_small(item);
        obstacles.extend(match &self.site.rule {
            Rule::Edf { .. } => self.full(item),
            Rule::RtGroup(limits) => self.refused(wanted, item, limits),
        });
        obstacles.extend(self.too_few_free(item));
        Unplaced {
            name: wanted.name.clone(),
            reservation: wanted.reservation,
            servers: wanted.servers,
            obstacles,
            would_fit: self.would_fit(wanted, item),
        }
    }

    fn cpus(&self, positions: impl IntoIterator<Item = usize>) -> CpuSet {
        let all: Vec<CpuIndex> = self.site.cpus.iter().collect();
        positions.into_iter().filter_map(|position| all.get(position).copied()).collect()
    }

    fn sets_too_small(&self, item: &Item) -> Vec<Obstacle> {
        let small = item.alternatives.iter().filter(|set| set.len() < item.servers);
        small
            .map(|set| Obstacle::TooFewCpus {
                within: self.cpus(set.iter().copied()),
                wanted: item.servers,
            })
            .collect()
    }

    /// CPUs that it may use, ascending, in sets that are large enough.
    fn candidates(item: &Item) -> Vec<usize> {
        let large = item.alternatives.iter().filter(|set| set.len() >= item.servers);
        let mut positions: Vec<usize> = large.flatten().copied().collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    fn full(&self, item: &Item) -> Vec<Obstacle> {
        let full: Vec<usize> = Self::candidates(item)
            .into_iter()
            .filter(|&p| !self.packing.cpu_has_room(item, p))
            .collect();
        let mut rests: Vec<Bandwidth> = full.iter().map(|&p| self.packing.left(p)).collect();
        rests.sort_unstable_by(|a, b| b.cmp(a));
        rests.dedup();
        rests
            .into_iter()
            .map(|left| Obstacle::Full {
                cpus: self.cpus(full.iter().copied().filter(|&p| self.packing.left(p) == left)),
                left,
                wanted: item.bandwidth,
            })
            .collect()
    }

    /// What admission says to the capsule on all CPUs that would refuse it.
    fn refused(&self, wanted: &Wanted, item: &Item, limits: &Limits) -> Vec<Obstacle> {
        let candidates = Self::candidates(item);
        let cpus = self.cpus(candidates.iter().copied());
        let held = Held {
            name: wanted.name.clone(),
            reservation: wanted.reservation,
            cpus: cpus.clone(),
            sequence: wanted.sequence,
        };
        let reasons = refusals(self.placed, &held, limits);
        reasons.into_iter().map(|reason| Obstacle::RtGroup { reason }).collect()
    }

    fn too_few_free(&self, item: &Item) -> Option<Obstacle> {
        let free: Vec<usize> = Self::candidates(item)
            .into_iter()
            .filter(|&p| self.packing.cpu_has_room(item, p))
            .collect();
        (!free.is_empty() && self.packing.host_has_room(item))
            .then(|| Obstacle::TooFewFree { cpus: self.cpus(free), wanted: item.servers })
    }

    /// The largest budget that has a place beside everything placed. A smaller budget never hurts
    /// anybody, so bisection finds it.
    fn would_fit(&self, wanted: &Wanted, item: &Item) -> Option<Reservation> {
        let period = wanted.reservation.period();
        let with_us = |us| Reservation::new(Span::from_us(us), period).ok();
        let fits = |us| {
            with_us(us).is_some_and(|reservation| {
                let reservation = as_enforced(&self.site.rule, reservation);
                let smaller =
                    Item { reservation, bandwidth: reservation.bandwidth(), ..item.clone() };
                quick::choose(self.packing, &smaller, Method::FirstFit).is_some()
            })
        };
        let below = wanted.reservation.budget().as_ns().saturating_sub(1) / 1_000;
        largest(BUDGET_OFFER_MIN_US, below, fits).and_then(with_us)
    }
}
