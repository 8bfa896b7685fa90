// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is held, what is asked, and within which limits: the input of admission.

use evenkeel_model::{Bandwidth, CapsuleName, CpuSet, Reservation, Span};
use serde::{Deserialize, Serialize};

use crate::Nested;

/// One capsule's servers: the same reservation on each CPU of a set. After flattening (see
/// [`crate::flatten`]) the reservation is the capsule's own part, without its children's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The capsule.
    pub name: CapsuleName,
    /// Budget and period on each CPU.
    pub reservation: Reservation,
    /// The CPUs on which it has a server.
    pub cpus: CpuSet,
    /// Order of creation; the earlier one wins a tie of priorities.
    pub sequence: u64,
}

/// A new capsule, or a change of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it would hold.
    pub held: Held,
    /// Whether the capsule of this name exists and this replaces what it holds.
    pub replaces: bool,
}

/// A new capsule, or a change of one, where capsules may have parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedRequest {
    /// What it would hold, and in whose reservation.
    pub nested: Nested,
    /// Whether the capsule of this name exists and this replaces what it holds.
    pub replaces: bool,
}

/// What the host allows, as facts read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Real-time threads of one CPU together: `sched_rt_runtime_us` every `sched_rt_period_us`,
    /// 950 ms every 1 s by default. Where the host has switched it off (-1), the whole period.
    pub ceiling: Reservation,
    /// Sum of the bandwidths of real-time groups that are not capsules.
    pub foreign: Bandwidth,
    /// The scheduler tick, where it is known: the grain at which the kernel charges budgets.
    pub tick: Option<Span>,
    /// The CPUs of the host, for offers to use others; empty where they are not known.
    pub online: CpuSet,
}

/// The indices of `held` by rate-monotonic priority, highest first: the shorter period first, the
/// earlier created first among equals, by name where even that is equal.
///
/// Liu and Layland, JACM 20(1), 1973, theorem 2: the best fixed order of independent *periodic*
/// tasks with deadlines at their period ends. For deferrable servers it is a convention, not an
/// optimum; admission tests the order that is used, so safety does not depend on optimality.
pub fn rate_monotonic_order(held: &[Held]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..held.len()).collect();
    order.sort_by_key(|&i| (held[i].reservation.period(), held[i].sequence, &held[i].name));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(name: &str, period_ms: u64, sequence: u64) -> Held {
        let reservation =
            Reservation::new(Span::from_ms(1), Span::from_ms(period_ms)).expect("valid");
        Held {
            name: name.parse().expect("valid"),
            reservation,
            cpus: "0".parse().expect("valid"),
            sequence,
        }
    }

    #[test]
    fn shorter_periods_first_then_the_elder() {
        let set = [held("c", 20, 3), held("a", 10, 9), held("b", 20, 2), held("d", 5, 4)];
        assert_eq!(rate_monotonic_order(&set), [3, 1, 2, 0]);
    }
}
