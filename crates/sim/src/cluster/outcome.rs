// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run counted.

use evenkeel_model::Span;
use serde::Serialize;

use super::description::{Cluster, HostRule, PlacementPolicy};
use super::fleet::Fleet;

/// One policy's run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The policy.
    pub policy: PlacementPolicy,
    /// Machines that asked before the clock started.
    pub initial: Count,
    /// Machines that asked later.
    pub arrivals: Count,
    /// Machines that went.
    pub departures: u64,
    /// Wishes for another flavour.
    pub resizes: Resizes,
    /// Machines at the end.
    pub vms_end: u32,
    /// Hosts with a machine at the end.
    pub hosts_in_use_end: u32,
    /// Held over what may be held, mean over the duration.
    pub held_ratio_mean: f64,
    /// The same at the end.
    pub held_ratio_end: f64,
    /// By flavour, in the order of the description.
    pub flavours: Vec<FlavourOutcome>,
    /// The series.
    pub samples: Vec<Sample>,
}

/// How many asked, and how many of them were admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Asked.
    pub asked: u64,
    /// Admitted.
    pub admitted: u64,
}

/// What became of wishes for another flavour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resizes {
    /// On the same CPUs.
    pub in_place: u64,
    /// On other CPUs of the same host.
    pub other_cpus: u64,
    /// On another host.
    pub other_host: u64,
    /// Not at all.
    pub refused: u64,
}

/// One flavour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlavourOutcome {
    /// Its name.
    pub name: String,
    /// Machines that asked before the clock started, and later.
    pub initial: Count,
    /// Machines that asked later.
    pub arrivals: Count,
    /// Admitted over asked, of those that asked later; absent where none did.
    pub admission_ratio: Option<f64>,
    /// How many more would fit at the end, if only such came.
    pub room_end: u64,
    /// Part of the free room at the end that they could not use; absent where nothing is free.
    pub unusable_ratio_end: Option<f64>,
}

/// One point of the series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// When.
    pub at_ns: Span,
    /// Machines then.
    pub vms: u32,
    /// Held over what may be held.
    pub held_ratio: f64,
    /// Arrivals refused so far.
    pub refused: u64,
}

/// What became of one wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resized {
    InPlace,
    OtherCpus,
    OtherHost,
    Refused,
}

/// Counters of a run.
#[derive(Debug)]
pub(super) struct Tally {
    initial: Vec<Count>,
    arrivals: Vec<Count>,
    departures: u64,
    resizes: Resizes,
    /// Held times time, ppb·ns.
    held: u128,
    samples: Vec<(Span, u32, u128, u64)>,
}

impl Tally {
    pub fn new(flavours: usize) -> Tally {
        let none = vec![Count::default(); flavours];
        Tally {
            initial: none.clone(),
            arrivals: none,
            departures: 0,
            resizes: Resizes::default(),
            held: 0,
            samples: Vec::new(),
        }
    }

    pub fn initial(&mut self, flavour: u16, admitted: bool) {
        self.initial[usize::from(flavour)].add(admitted);
    }

    pub fn arrival(&mut self, flavour: u16, admitted: bool) {
        self.arrivals[usize::from(flavour)].add(admitted);
    }

    pub fn departed(&mut self) {
        self.departures += 1;
    }

    pub fn resized(&mut self, resized: Resized) {
        let count = match resized {
            Resized::InPlace => &mut self.resizes.in_place,
            Resized::OtherCpus => &mut self.resizes.other_cpus,
            Resized::OtherHost => &mut self.resizes.other_host,
            Resized::Refused => &mut self.resizes.refused,
        };
        *count += 1;
    }

    /// `span` went by with `held_ppb` held: below 2^64 ns and 2^57 ppb.
    pub fn pass(&mut self, span: Span, held_ppb: u128) {
        self.held += held_ppb * u128::from(span.as_ns());
    }

    pub fn sample(&mut self, at: Span, fleet: &Fleet<'_>) {
        let sum = sum(&self.arrivals);
        let refused = sum.asked - sum.admitted;
        self.samples.push((at, fleet.running(), fleet.held_ppb(), refused));
    }
}

impl Count {
    fn add(&mut self, admitted: bool) {
        self.asked += 1;
        self.admitted += u64::from(admitted);
    }

    /// Admitted over asked; absent where nobody asked.
    pub fn ratio(self) -> Option<f64> {
        (self.asked > 0).then(|| self.admitted as f64 / self.asked as f64)
    }
}

fn sum(counts: &[Count]) -> Count {
    counts.iter().fold(Count::default(), |sum, count| Count {
        asked: sum.asked + count.asked,
        admitted: sum.admitted + count.admitted,
    })
}

/// What may be held of all CPUs of all hosts, parts per billion of one CPU. Under real-time groups
/// far less can be: the kernel's sum allows each host a part of one CPU, however many it has.
fn capacity_ppb(cluster: &Cluster) -> u128 {
    let hosts = &cluster.hosts;
    let (HostRule::Edf { limit } | HostRule::RtGroup { limit }) = hosts.rule;
    u128::from(limit.as_ppb()) * u128::from(hosts.cpus) * u128::from(hosts.count)
}

impl Outcome {
    pub(super) fn of(
        cluster: &Cluster,
        policy: PlacementPolicy,
        fleet: &Fleet<'_>,
        tally: Tally,
    ) -> Outcome {
        let capacity = capacity_ppb(cluster);
        let ratio = |part: u128| part as f64 / capacity as f64;
        let free = capacity.saturating_sub(fleet.held_ppb());
        let flavour = |index: usize| {
            let flavour = &cluster.flavours[index];
            // There are at most `FLAVOURS_MAX` flavours.
            let room_end = fleet.room_for(u16::try_from(index).unwrap_or(u16::MAX));
            let used = u128::from(room_end) * u128::from(flavour.size().as_ppb());
            FlavourOutcome {
                name: flavour.name.clone(),
                initial: tally.initial[index],
                arrivals: tally.arrivals[index],
                admission_ratio: tally.arrivals[index].ratio(),
                room_end,
                unusable_ratio_end: (free > 0)
                    .then(|| free.saturating_sub(used) as f64 / free as f64),
            }
        };
        let duration = u128::from(cluster.duration.as_ns().max(1));
        Outcome {
            policy,
            initial: sum(&tally.initial),
            arrivals: sum(&tally.arrivals),
            departures: tally.departures,
            resizes: tally.resizes,
            vms_end: fleet.running(),
            hosts_in_use_end: fleet.hosts_in_use(),
            held_ratio_mean: ratio(tally.held / duration),
            held_ratio_end: ratio(fleet.held_ppb()),
            flavours: (0..cluster.flavours.len()).map(flavour).collect(),
            samples: tally
                .samples
                .iter()
                .map(|&(at_ns, vms, held, refused)| Sample {
                    at_ns,
                    vms,
                    held_ratio: ratio(held),
                    refused,
                })
                .collect(),
        }
    }
}
