// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a cluster is: hosts, flavours, churn, and the policies that are compared.

use std::fmt;

use evenkeel_model::{Bandwidth, Reservation, Span};
use serde::Serialize;

/// Name of the form and its version, the first key of a file.
pub const SCHEMA: &str = "evenkeel.cluster/1";
/// Most hosts: ten times what one control plane has been shown to manage well, and 1 GB of state.
pub const HOSTS_MAX: u32 = 100_000;
/// Most CPUs of a host: twice the largest two-socket machine of today.
pub const CPUS_MAX: u16 = 1_024;
/// Most CPUs of all hosts together: 1 GB of state under real-time groups, a tenth under EDF.
pub const CPUS_TOTAL_MAX: u64 = 20_000_000;
/// Most machines at one time: 2 GB of state.
pub const VMS_MAX: u32 = 10_000_000;
/// Most flavours; every one costs a look at a host whenever the host changes.
pub const FLAVOURS_MAX: usize = 64;
/// Most policies in one comparison: all pairs that there are.
pub const POLICIES_MAX: usize = 9;
/// Most arrivals or resizes that a file may ask for: a few minutes of work.
pub const EVENTS_MAX: u64 = 100_000_000;

/// A cluster and what happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// What it is for; may be empty.
    pub about: String,
    /// Seed of everything random.
    pub seed: u64,
    /// How long machines come and go, after the first ones are placed.
    pub duration: Span,
    /// Time between two points of the series; the first is at 0.
    pub sample: Span,
    /// The hosts, all alike.
    pub hosts: Hosts,
    /// Who comes and goes, and when.
    pub churn: Churn,
    /// The sizes.
    pub flavours: Vec<Flavour>,
    /// Policies to compare, on the same arrivals.
    pub policies: Vec<PlacementPolicy>,
}

/// Hosts, all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// How many.
    pub count: u32,
    /// CPUs of each that machines may use.
    pub cpus: u16,
    /// NUMA nodes of each, of equal size.
    pub nodes: u16,
    /// The admission test.
    pub rule: HostRule,
}

/// When a machine fits on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostRule {
    /// Enforcer `scx`: on each CPU the sum of Q/P is within `limit`
    /// ([`evenkeel_theory::placement::Rule::Edf`]).
    Edf {
        /// Most that servers hold of one CPU.
        limit: Bandwidth,
    },
    /// Enforcer `rtgroup`: response times on each CPU, and on the host the kernel's sum within
    /// `limit` of one CPU and a band for every machine
    /// ([`evenkeel_theory::placement::Rule::RtGroup`]).
    RtGroup {
        /// Most that all machines of a host hold, each counted once.
        limit: Bandwidth,
    },
}

/// Who comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Churn {
    /// Machines that ask before the clock starts.
    pub initial: u32,
    /// Mean time between arrivals, exponential; zero: nobody comes.
    pub arrival_gap_mean: Span,
    /// Mean time that a machine stays, exponential; zero: for ever.
    pub lifetime_mean: Span,
    /// Mean time between wishes of some machine for another flavour, exponential; zero: none.
    pub resize_gap_mean: Span,
    /// Whether a machine may move to another host where its own has no room for its new flavour.
    pub migrate: bool,
}

/// A size of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flavour {
    /// Its name.
    pub name: String,
    /// On how many CPUs it has a server.
    pub cpus: u16,
    /// Budget and period on each.
    pub reservation: Reservation,
    /// Where these may lie.
    pub spread: Spread,
    /// How often it is asked for, against the other weights.
    pub weight: u32,
}

impl Flavour {
    /// What a machine takes on all its CPUs together.
    pub fn size(&self) -> Bandwidth {
        Bandwidth::from_ppb(self.reservation.bandwidth().as_ppb() * u64::from(self.cpus))
    }
}

/// Where the CPUs of one machine may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// All in one NUMA node.
    Node,
    /// Anywhere on the host.
    Host,
}

/// Which of several places that fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The first.
    First,
    /// The fullest.
    Best,
    /// The emptiest.
    Worst,
}

/// How machines are placed: which host, and which of its CPUs. Ties go to the lower number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacementPolicy {
    /// Which host.
    pub hosts: Fit,
    /// Which CPUs of it.
    pub cpus: Fit,
}

/// Words of a file.
impl Fit {
    /// All there are, with their words.
    pub const WORDS: [(&'static str, Fit); 3] =
        [("first-fit", Fit::First), ("best-fit", Fit::Best), ("worst-fit", Fit::Worst)];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fit::First => "first-fit",
            Fit::Best => "best-fit",
            Fit::Worst => "worst-fit",
        }
    }
}

impl fmt::Display for PlacementPolicy {
    /// `best-fit` where both are the same, else `best-fit, CPUs worst-fit`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hosts == self.cpus {
            return f.pad(self.hosts.as_str());
        }
        f.pad(&format!("{}, CPUs {}", self.hosts.as_str(), self.cpus.as_str()))
    }
}

impl Serialize for PlacementPolicy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
