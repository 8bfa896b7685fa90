// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who comes when, for how long, and who wants another size.
//!
//! Three streams of random numbers: one for times and sizes of arrivals, one for lifetimes, one for
//! resizes. The first two do not depend on what is admitted, so every policy sees the same
//! machines; which running machine wants another size must depend on what runs.

use evenkeel_model::Span;

use super::description::{Cluster, Flavour};
use crate::random::Random;

/// Numbers of the streams.
const ARRIVALS: u64 = 1;
const LIFETIMES: u64 = 2;
const RESIZES: u64 = 3;

/// A machine that asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// What it asks for.
    pub flavour: u16,
    /// How long it will stay; `None`: for ever.
    pub lifetime: Option<Span>,
}

/// The streams.
#[derive(Debug)]
pub(super) struct Churn<'a> {
    cluster: &'a Cluster,
    /// Weights added up, the last of them the sum.
    weights: Vec<u64>,
    arrivals: Random,
    lifetimes: Random,
    resizes: Random,
}

impl<'a> Churn<'a> {
    /// The streams of the cluster's seed.
    pub fn new(cluster: &'a Cluster) -> Churn<'a> {
        let add = |sum: &mut u64, flavour: &Flavour| {
            *sum += u64::from(flavour.weight);
            Some(*sum)
        };
        Churn {
            cluster,
            weights: cluster.flavours.iter().scan(0, add).collect(),
            arrivals: Random::new(cluster.seed, ARRIVALS),
            lifetimes: Random::new(cluster.seed, LIFETIMES),
            resizes: Random::new(cluster.seed, RESIZES),
        }
    }

    /// The next machine that asks.
    pub fn arrival(&mut self) -> Arrival {
        let mean = self.cluster.churn.lifetime_mean;
        Arrival {
            flavour: flavour(&self.weights, &mut self.arrivals),
            lifetime: (mean > Span::ZERO).then(|| self.lifetimes.exponential(mean)),
        }
    }

    /// Time to the next arrival; `None` where nobody comes.
    pub fn arrival_gap(&mut self) -> Option<Span> {
        gap(self.cluster.churn.arrival_gap_mean, &mut self.arrivals)
    }

    /// Time to the next resize; `None` where there are none.
    pub fn resize_gap(&mut self) -> Option<Span> {
        gap(self.cluster.churn.resize_gap_mean, &mut self.resizes)
    }

    /// Which of `running` machines wants another flavour, and which; `running` is above 0.
    pub fn resize(&mut self, running: u32) -> (u64, u16) {
        let which = self.resizes.up_to(u64::from(running) - 1);
        (which, flavour(&self.weights, &mut self.resizes))
    }
}

fn gap(mean: Span, random: &mut Random) -> Option<Span> {
    (mean > Span::ZERO).then(|| random.exponential(mean))
}

/// A flavour by weight.
fn flavour(weights: &[u64], random: &mut Random) -> u16 {
    // The sum of weights is at least one: descriptions are checked.
    let sum = weights.last().copied().unwrap_or(1);
    let drawn = random.up_to(sum - 1);
    let index = weights.partition_point(|&end| end <= drawn);
    // There are at most `FLAVOURS_MAX` flavours.
    u16::try_from(index).unwrap_or(0)
}
