// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is to be placed, on what, by which rule and method.

use evenkeel_model::{Bandwidth, CapsuleName, CpuSet, Reservation};
use serde::{Deserialize, Serialize};

use super::exact::EXACT_WANTED_MAX;
use crate::{Held, Limits};

/// The part of one CPU that EDF servers may hold together: 95 %. The kernel keeps as much from its
/// own deadline class (`sched_rt_runtime_us` over `sched_rt_period_us`), for the same reason:
/// whatever is below, a shell to mend things with included, must not starve.
pub const EDF_LIMIT: Bandwidth = Bandwidth::from_ppb(950_000_000);

/// A capsule that looks for CPUs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The capsule.
    pub name: CapsuleName,
    /// Budget and period on each of its CPUs.
    pub reservation: Reservation,
    /// On how many CPUs it has a server.
    pub servers: usize,
    /// All its CPUs lie in one of these sets: the CPUs of each NUMA node, of each cache, or the one
    /// set that it is pinned to. Empty: anywhere.
    pub within: Vec<CpuSet>,
    /// Order of creation; the earlier one wins a tie of priorities.
    pub sequence: u64,
}

impl Wanted {
    /// A capsule that takes any `servers` CPUs.
    pub fn anywhere(
        name: CapsuleName,
        reservation: Reservation,
        servers: usize,
        sequence: u64,
    ) -> Wanted {
        Wanted { name, reservation, servers, within: Vec::new(), sequence }
    }

    /// A capsule that takes these CPUs and no others.
    pub fn pinned(held: Held) -> Wanted {
        let Held { name, reservation, cpus, sequence } = held;
        Wanted { name, reservation, servers: cpus.len(), within: vec![cpus], sequence }
    }
}

/// Where capsules are to be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The CPUs that may be used.
    pub cpus: CpuSet,
    /// Capsules that stay where they are.
    pub held: Vec<Held>,
    /// When a set of servers fits.
    pub rule: Rule,
}

/// The admission test that is valid for the enforcer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Enforcer `scx`, hard constant bandwidth servers under EDF: on each CPU Σ ⌈Q/P⌉ <= `limit`,
    /// each in parts per billion.
    ///
    /// Liu and Layland, JACM 20(1), 1973, theorem 7 (EDF schedules what does not exceed the CPU);
    /// Abeni and Buttazzo, RTSS 1998, lemma 1 (a constant bandwidth server never demands more than
    /// Q/P, so it counts as a periodic task); Biondi, Melani and Bertogna, SIES 2014 (also with
    /// hard budgets, and with servers that suspend themselves).
    /// Linux breaks it by what runs above the class: interrupts, softirqs, the stop, deadline and
    /// real-time classes; reservations of their own belong in `held`.
    Edf {
        /// Most of one CPU that servers hold together; [`EDF_LIMIT`] by default.
        limit: Bandwidth,
    },
    /// Enforcer `rtgroup`: on each CPU the response times of deferrable servers in rate-monotonic
    /// order ([`crate::deferrable_response_time`], which cites and lists what Linux breaks), on the
    /// host the kernel's own sum and the number of bands ([`crate::admit_rtgroup`]). Reservations
    /// are rounded as the kernel's files hold them ([`crate::in_whole_microseconds`]).
    RtGroup(Limits),
}

/// How CPUs are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Method {
    /// The first CPUs that have room, the largest capsule first.
    FirstFit,
    /// Those of the CPUs with room that have least left, the largest capsule first: keeps large
    /// rooms for large capsules.
    BestFit,
    /// Those that have most left, the largest capsule first: spreads the load.
    WorstFit,
    /// The best placement there is, by branch and bound.
    Exact {
        /// Placements tried at most; beyond it the best one found is the answer, and says that it
        /// is not proven.
        nodes_max: u64,
    },
}

/// Why there is nothing to place, or nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// A site without CPUs.
    #[error("there are no CPUs to place capsules on; name at least one")]
    NoCpus,
    /// A capsule without servers.
    #[error("capsule '{0}' wants no CPU at all; a capsule needs at least one")]
    NoServers(CapsuleName),
    /// Two capsules of one name.
    #[error("there are two capsules named '{0}'; names are unique on a host")]
    DuplicateName(CapsuleName),
    /// More than the exact method is made for.
    #[error(
        "{0} capsules are too many to place exactly, {EXACT_WANTED_MAX} are possible; use first, \
         best or worst fit"
    )]
    TooManyForExact(usize),
}
