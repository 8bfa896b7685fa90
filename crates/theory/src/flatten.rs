// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nested capsules as a flat set of servers.
//!
//! A child's reservation comes out of its parent's. The kernel could nest the groups, but nested
//! real-time groups replenish unsynchronised, and a child inside a throttled parent has no
//! guarantee worth the name. So each capsule becomes a group of its own, and the parent keeps for
//! its own threads what its children leave: Q − Σ ⌈q·P/p⌉.
//!
//! ```text
//!   web 6ms/20ms                      web (own part)  3ms/20ms
//!   └── db 1.5ms/10ms      becomes    db              1.5ms/10ms
//! ```
//!
//! This is what HCBS does (kernel patch series v6, sched-rt-group.rst): own bandwidth = group − Σ
//! children. Totals are kept: own part and children's parts add up to Q, exactly.

mod per_cpu;

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::{CapsuleName, CpuSet, Reservation, Span};
use serde::{Deserialize, Serialize};

use crate::granularity::{Grain, in_whole_microseconds};
use crate::{Held, rate_monotonic_order};

pub use per_cpu::flatten_per_cpu;

/// A capsule, and the capsule whose reservation its own comes out of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nested {
    /// The capsule with its whole reservation, children included.
    pub held: Held,
    /// The capsule that contains it.
    pub parent: Option<CapsuleName>,
}

impl Nested {
    /// A capsule in no other.
    pub fn top(held: Held) -> Nested {
        Nested { held, parent: None }
    }
}

/// Why capsules do not form a forest of reservations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlattenError {
    /// Two capsules of one name.
    #[error("there are two capsules named '{0}'; names are unique on a host")]
    DuplicateName(CapsuleName),
    /// A parent that does not exist.
    #[error("capsule '{child}' names '{parent}' as its parent, which does not exist")]
    UnknownParent {
        /// The capsule.
        child: CapsuleName,
        /// What it names.
        parent: CapsuleName,
    },
    /// A capsule that contains itself.
    #[error("capsule '{0}' is its own ancestor; a parent must stand outside its children")]
    Cycle(CapsuleName),
    /// A child on CPUs where its parent holds nothing.
    #[error(
        "capsule '{child}' wants CPUs {outside}, on which its parent '{parent}' holds nothing; \
         use CPUs among {allowed}"
    )]
    ChildOutside {
        /// The child.
        child: CapsuleName,
        /// Its parent.
        parent: CapsuleName,
        /// The CPUs that the parent lacks.
        outside: CpuSet,
        /// The CPUs that the parent has.
        allowed: CpuSet,
    },
    /// Children that need more than their parent holds.
    #[error(
        "the children of capsule '{parent}' need {needed} every {}, but it holds {}",
        reservation.period(),
        reservation.budget()
    )]
    ChildrenExceed {
        /// The parent.
        parent: CapsuleName,
        /// What it holds.
        reservation: Reservation,
        /// What its children need of each of its periods.
        needed: Span,
    },
}

/// The servers of nested capsules: each capsule's own part, in whole microseconds (see
/// [`in_whole_microseconds`]), by rate-monotonic priority. A parent whose children take all of it
/// has no own part and is left out: no thread can be attached to it.
///
/// Assumption that Linux breaks: budget that a child does not use is not available to its parent.
/// The flat form promises the parent nothing of it, so nothing promised is lost.
pub fn flatten(capsules: &[Nested]) -> Result<Vec<Held>, FlattenError> {
    let by_name = index(capsules)?;
    let mut needed: BTreeMap<&CapsuleName, Span> = BTreeMap::new();
    for child in capsules {
        let Some(parent_name) = &child.parent else { continue };
        let parent = check_parent(child, parent_name, &by_name)?;
        let whole = in_whole_microseconds(parent.held.reservation);
        let share = Grain::Microsecond.share(child.held.reservation, whole);
        let sum = needed.entry(parent_name).or_default();
        *sum = *sum + share;
    }
    let mut own = Vec::with_capacity(capsules.len());
    for capsule in capsules {
        let reservation = in_whole_microseconds(capsule.held.reservation);
        let taken = needed.get(&capsule.held.name).copied().unwrap_or(Span::ZERO);
        if taken > reservation.budget() {
            let parent = capsule.held.name.clone();
            return Err(FlattenError::ChildrenExceed { parent, reservation, needed: taken });
        }
        let left = reservation.budget() - taken;
        if left > Span::ZERO {
            let reservation = Reservation::new(left, reservation.period())
                .expect("a positive part of a budget is a budget");
            own.push(Held { reservation, ..capsule.held.clone() });
        }
    }
    let order = rate_monotonic_order(&own);
    Ok(order.into_iter().map(|i| own[i].clone()).collect())
}

/// The capsules by name, each name once.
fn index(capsules: &[Nested]) -> Result<BTreeMap<&CapsuleName, &Nested>, FlattenError> {
    let mut by_name = BTreeMap::new();
    for capsule in capsules {
        if by_name.insert(&capsule.held.name, capsule).is_some() {
            return Err(FlattenError::DuplicateName(capsule.held.name.clone()));
        }
    }
    Ok(by_name)
}

/// The parent of `child`, which exists, has its CPUs, and is not among its descendants.
fn check_parent<'a>(
    child: &Nested,
    parent_name: &CapsuleName,
    by_name: &BTreeMap<&'a CapsuleName, &'a Nested>,
) -> Result<&'a Nested, FlattenError> {
    let unknown = |child: &CapsuleName, parent: &CapsuleName| FlattenError::UnknownParent {
        child: child.clone(),
        parent: parent.clone(),
    };
    let name = &child.held.name;
    let parent = *by_name.get(parent_name).ok_or_else(|| unknown(name, parent_name))?;
    // Upwards until a capsule without parent; a name seen twice is a cycle, so this ends after at
    // most as many steps as there are capsules.
    let mut seen = BTreeSet::from([name]);
    let mut ancestor = parent;
    while seen.insert(&ancestor.held.name) {
        let Some(next) = &ancestor.parent else {
            let outside = child.held.cpus.difference(&parent.held.cpus);
            if outside.is_empty() {
                return Ok(parent);
            }
            return Err(FlattenError::ChildOutside {
                child: name.clone(),
                parent: parent_name.clone(),
                outside,
                allowed: parent.held.cpus.clone(),
            });
        };
        ancestor = *by_name.get(next).ok_or_else(|| unknown(&ancestor.held.name, next))?;
    }
    Err(FlattenError::Cycle(ancestor.held.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capsule(name: &str, ms: (u64, u64), cpus: &str, parent: Option<&str>) -> Nested {
        let reservation = Reservation::new(Span::from_us(ms.0 * 100), Span::from_ms(ms.1));
        Nested {
            held: Held {
                name: name.parse().unwrap(),
                reservation: reservation.unwrap(),
                cpus: cpus.parse().unwrap(),
                sequence: 0,
            },
            parent: parent.map(|p| p.parse().unwrap()),
        }
    }

    fn parts(capsules: &[Nested]) -> Vec<String> {
        let flat = flatten(capsules).unwrap();
        flat.iter().map(|h| format!("{} {}", h.name, h.reservation)).collect()
    }

    #[test]
    fn a_parent_keeps_what_its_children_leave() {
        // Budgets in tenths of a millisecond.
        let set = [
            capsule("web", (60, 20), "0-1", None),
            capsule("db", (15, 10), "0", Some("web")),
            capsule("log", (5, 10), "0", Some("db")),
        ];
        assert_eq!(
            parts(&set),
            ["db 1ms every 10ms", "log 0.5ms every 10ms", "web 3ms every 20ms"]
                .map(|s| s.replace("0.5ms", "500us"))
        );
    }

    #[test]
    fn shares_round_up_to_the_microsecond() {
        // 1 ms every 3 ms is 3.3333 ms of 10 ms: 3.334 ms.
        let set = [capsule("p", (60, 10), "0", None), capsule("c", (10, 3), "0", Some("p"))];
        assert_eq!(parts(&set), ["c 1ms every 3ms", "p 2.666ms every 10ms"]);
    }

    #[test]
    fn a_parent_with_nothing_left_has_no_server() {
        let set = [capsule("p", (60, 20), "0", None), capsule("c", (60, 20), "0", Some("p"))];
        assert_eq!(parts(&set), ["c 6ms every 20ms"]);
    }

    #[test]
    fn what_is_no_forest_is_refused_by_name() {
        let orphan = [capsule("c", (10, 20), "0", Some("p"))];
        let error = flatten(&orphan).unwrap_err().to_string();
        assert_eq!(error, "capsule 'c' names 'p' as its parent, which does not exist");
        let cycle =
            [capsule("a", (10, 20), "0", Some("b")), capsule("b", (10, 20), "0", Some("a"))];
        assert!(matches!(flatten(&cycle), Err(FlattenError::Cycle(_))));
        let own = [capsule("a", (10, 20), "0", Some("a"))];
        assert!(matches!(flatten(&own), Err(FlattenError::Cycle(_))));
        let twice = [capsule("a", (10, 20), "0", None), capsule("a", (10, 20), "1", None)];
        assert!(matches!(flatten(&twice), Err(FlattenError::DuplicateName(_))));
        let outside =
            [capsule("p", (60, 20), "0-1", None), capsule("c", (10, 20), "1-2", Some("p"))];
        assert_eq!(
            flatten(&outside).unwrap_err().to_string(),
            "capsule 'c' wants CPUs 2, on which its parent 'p' holds nothing; use CPUs among 0-1"
        );
        let much = [capsule("p", (60, 20), "0", None), capsule("c", (70, 20), "0", Some("p"))];
        assert_eq!(
            flatten(&much).unwrap_err().to_string(),
            "the children of capsule 'p' need 7ms every 20ms, but it holds 6ms"
        );
    }
}
