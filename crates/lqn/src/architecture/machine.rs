// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machines: clock, cores, links, and how fast they are at the same work.
//!
//! Costs of the Xen architectures are counted in cycles of one machine, the 2.4 GHz Xeon of 2006.
//! Another machine needs `factor` times as many cycles for the same work; the factor comes from
//! one absolute throughput published for that machine, and no other figure of it is used.

use serde::Serialize;

use super::error::{ArchitectureError, in_range};
use super::fit;
use super::source::{Origin, Source};

/// When the costs of an architecture were counted, and so on which machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Era {
    /// Xen on the 2.4 GHz Xeon of the 2006 study.
    Xeon2006,
    /// Linux and KVM on a server of about 3 GHz of the 2020s.
    Today,
}

impl Era {
    /// Clock of that machine.
    #[must_use]
    pub fn clock_hz(self) -> f64 {
        match self {
            Self::Xeon2006 => fit::CLOCK_2006,
            Self::Today => 3.0e9,
        }
    }
}

/// A host and its network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Cycles per second of one core.
    pub clock_hz: f64,
    /// Cores.
    pub cores: u32,
    /// Cycles here for one cycle of work of the 2006 machine.
    pub factor_2006: f64,
    /// Cycles here for one cycle of work of the machine of today.
    pub factor_today: f64,
    /// Cycles of the 2006 machine that a multiprocessor kernel spends on locks, per unit.
    pub locks: f64,
    /// Links of one speed; packets spread over them.
    pub links: u32,
    /// Bits per second of each.
    pub link_bps: f64,
    /// Where clock and factors come from.
    pub source: Source,
}

impl Machine {
    /// Factor for the costs of an era.
    #[must_use]
    pub fn factor(&self, era: Era) -> f64 {
        match era {
            Era::Xeon2006 => self.factor_2006,
            Era::Today => self.factor_today,
        }
    }

    /// Every number in its range.
    pub(crate) fn check(&self) -> Result<(), ArchitectureError> {
        in_range("clock_hz", self.clock_hz, 1e6, 1e11)?;
        in_range("cores", f64::from(self.cores), 1.0, 1024.0)?;
        in_range("factor_2006", self.factor_2006, 1e-3, 1e3)?;
        in_range("factor_today", self.factor_today, 1e-3, 1e3)?;
        in_range("locks", self.locks, 0.0, 1e6)?;
        in_range("links", f64::from(self.links), 1.0, 1024.0)?;
        in_range("link_bps", self.link_bps, 1e6, 1e13)
    }

    /// The machine of that name.
    ///
    /// # Errors
    /// [`ArchitectureError::UnknownMachine`], with the names that there are.
    pub fn named(name: &str) -> Result<Self, ArchitectureError> {
        let all = Self::all();
        let known: Vec<String> = all.iter().map(|m| m.name.clone()).collect();
        let found = all.into_iter().find(|m| m.name == name);
        found.ok_or_else(|| ArchitectureError::UnknownMachine { name: name.to_owned(), known })
    }

    /// All machines: that of today, and the testbeds of the papers.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            testbed("today", Era::Today.clock_hz(), TODAY_FACTOR, 1, 100e9, TODAY_SOURCE)
                .with_cores(8),
            testbed("atc06", fit::CLOCK_2006, 1.0, 4, 1e9, SOURCE_2006),
            testbed("atc08-up", fit::CLOCK_2008, fit::FACTOR_2008, 5, 1e9, SOURCE_2008),
            testbed("atc08-smp", fit::CLOCK_2008, fit::FACTOR_2008, 5, 1e9, SOURCE_2008_SMP)
                .with_locks(fit::LOCKS),
            testbed("asplos09", fit::CLOCK_2009, fit::FACTOR_2009, 5, 1e9, SOURCE_2009),
            testbed("hpca07-send", fit::CLOCK_2007, fit::FACTOR_2007_SEND, 2, 1e9, SEND_2007),
            testbed("hpca07-receive", fit::CLOCK_2007, fit::FACTOR_2007_RECEIVE, 2, 1e9, RECV_2007),
        ]
    }

    fn with_cores(self, cores: u32) -> Self {
        Self { cores, ..self }
    }

    fn with_locks(self, locks: f64) -> Self {
        Self { locks, ..self }
    }

    /// With so many links that the wire is no limit: published gains that are scaled by CPU are
    /// compared with this.
    #[must_use]
    pub fn with_links(self, links: u32) -> Self {
        Self { links, ..self }
    }
}

/// The native path without aggregation takes some 3,400 cycles of today's server a packet and
/// 11,483 of the Xeon of 2006.
const TODAY_FACTOR: f64 = 0.3;

fn testbed(
    name: &str,
    clock_hz: f64,
    factor_2006: f64,
    links: u32,
    link_bps: f64,
    source: Source,
) -> Machine {
    let (name, factor_today) = (name.to_owned(), factor_2006 / TODAY_FACTOR);
    Machine {
        name,
        clock_hz,
        cores: 1,
        factor_2006,
        factor_today,
        locks: 0.0,
        links,
        link_bps,
        source,
    }
}

const fn source(origin: Origin, note: &'static str) -> Source {
    Source { origin, note }
}

const TODAY_SOURCE: Source =
    source(Origin::Assumed, "a server of the 2020s; replace it with `evenkeel model calibrate`");
const SOURCE_2006: Source = source(
    Origin::Remembered,
    "ATC 2006: 2.4 GHz Xeon, 4 gigabit links; costs are counted in its cycles",
);
const SOURCE_2008: Source =
    source(Origin::Remembered, "ATC 2008: 3.80 GHz Xeon; factor from 3,452 Mb/s native, one CPU");
const SOURCE_2008_SMP: Source = source(
    Origin::Remembered,
    "ATC 2008: as atc08-up; cost of locks from 2,988 Mb/s native with a multiprocessor kernel",
);
const SOURCE_2009: Source =
    source(Origin::Remembered, "ASPLOS 2009: 3.0 GHz Xeon; factor from 3,010 Mb/s native receive");
const SEND_2007: Source = source(
    Origin::Remembered,
    "HPCA 2007: 2.4 GHz Opteron, 2 links; factor from Xen's 1,602 Mb/s send",
);
const RECV_2007: Source =
    source(Origin::Remembered, "HPCA 2007: as hpca07-send; factor from Xen's 1,112 Mb/s receive");
