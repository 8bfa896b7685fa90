// SPDX-License-Identifier: MIT OR Apache-2.0
//! Placements in words: how many have a place, who has none, why, and what would have one.

use std::fmt;

use super::obstacle::{Obstacle, Unplaced};
use super::outcome::Placement;
use super::site::Method;

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Method::FirstFit => "first fit",
            Method::BestFit => "best fit",
            Method::WorstFit => "worst fit",
            Method::Exact { .. } => "exact",
        })
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (placed, all) = (self.placed.len(), self.placed.len() + self.unplaced.len());
        let (used, cpus) = (self.cpus_used(), self.per_cpu.len());
        write!(f, "{}: {placed} of {all} capsules placed, ", self.method)?;
        write!(f, "{} on {used} of {cpus} CPUs", self.bandwidth())?;
        if let Some(proof) = self.proof {
            f.write_str(match (proof.most, proof.fewest) {
                (true, true) => "; proven best",
                (true, false) => "; proven the most, not the fewest CPUs",
                (false, _) => "; not proven: the search reached its limit",
            })?;
        }
        self.unplaced.iter().try_for_each(|unplaced| write!(f, "\n{unplaced}"))
    }
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unplaced { name, reservation, servers, obstacles, would_fit } = self;
        write!(f, "'{name}' has no place for {reservation} on {}:", cpus(*servers))?;
        obstacles.iter().try_for_each(|obstacle| write!(f, "\n  {obstacle}"))?;
        match would_fit {
            Some(smaller) => write!(f, "\n  {smaller} would have a place"),
            None => write!(f, "\n  no budget over this period would have a place"),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::TooFewCpus { within, wanted } if within.is_empty() => {
                write!(f, "none of the CPUs that it must have are here; it wants {wanted}")
            }
            Obstacle::TooFewCpus { within, wanted } => {
                write!(f, "CPUs {within} are {}, it wants {wanted}", within.len())
            }
            Obstacle::Full { cpus, left, wanted } => {
                write!(f, "CPUs {cpus} have {left} left, it takes {wanted} of each")
            }
            Obstacle::TooFewFree { cpus, wanted } => {
                write!(f, "only CPUs {cpus} have room, and no {wanted} of them lie together")
            }
            Obstacle::RtGroup { reason } => reason.fmt(f),
        }
    }
}

/// `1 CPU`, `2 CPUs`.
fn cpus(count: usize) -> String {
    if count == 1 { "1 CPU".to_owned() } else { format!("{count} CPUs") }
}
