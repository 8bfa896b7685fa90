// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nested capsules as a flat set of servers where each CPU is a world of its own: a child takes
//! from its parent only on the CPUs that the child has, and times are whole nanoseconds.
//!
//! That is what the `scx` enforcer does: its servers are per CPU and it is told times in
//! nanoseconds. The flat form of [`super::flatten`] is that of the kernel's files, which know one
//! budget for all CPUs, in microseconds.

use std::collections::BTreeMap;

use evenkeel_model::{CpuIndex, CpuSet, Reservation, Span};

use super::{FlattenError, Nested, check_parent, index};
use crate::granularity::Grain;
use crate::{Held, rate_monotonic_order};

/// The servers of nested capsules, by period. A capsule whose own part is not the same on all its
/// CPUs comes once for each part, with the CPUs that have it; one whose children take all of it on
/// some CPU has no server there.
///
/// What a child takes of each period of its parent is ⌈q·P/p⌉ in nanoseconds, rounded against the
/// asker. Assumption that Linux breaks: none that [`super::flatten`] does not name.
///
/// # Errors
/// If the capsules form no forest, or children need more than their parent holds.
pub fn flatten_per_cpu(capsules: &[Nested]) -> Result<Vec<Held>, FlattenError> {
    let by_name = index(capsules)?;
    let mut taken: BTreeMap<(&str, CpuIndex), Span> = BTreeMap::new();
    for child in capsules {
        let Some(parent_name) = &child.parent else { continue };
        let parent = check_parent(child, parent_name, &by_name)?;
        let share = Grain::Nanosecond.share(child.held.reservation, parent.held.reservation);
        for cpu in child.held.cpus.iter() {
            let sum = taken.entry((parent_name.as_str(), cpu)).or_default();
            *sum = *sum + share;
        }
    }
    let mut own = Vec::with_capacity(capsules.len());
    for capsule in capsules {
        let held = &capsule.held;
        let mut parts: BTreeMap<Span, Vec<CpuIndex>> = BTreeMap::new();
        for cpu in held.cpus.iter() {
            let taken = taken.get(&(held.name.as_str(), cpu)).copied().unwrap_or(Span::ZERO);
            if taken > held.reservation.budget() {
                let (parent, reservation) = (held.name.clone(), held.reservation);
                return Err(FlattenError::ChildrenExceed { parent, reservation, needed: taken });
            }
            parts.entry(held.reservation.budget() - taken).or_default().push(cpu);
        }
        for (budget, cpus) in parts.into_iter().filter(|(budget, _)| *budget > Span::ZERO) {
            let reservation = Reservation::new(budget, held.reservation.period())
                .expect("a positive part of a budget is a budget");
            let cpus: CpuSet = cpus.into_iter().collect();
            own.push(Held { reservation, cpus, ..held.clone() });
        }
    }
    let order = rate_monotonic_order(&own);
    Ok(order.into_iter().map(|i| own[i].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capsule(name: &str, us: (u64, u64), cpus: &str, parent: Option<&str>) -> Nested {
        let reservation = Reservation::new(Span::from_us(us.0), Span::from_us(us.1)).unwrap();
        let (name, cpus) = (name.parse().unwrap(), cpus.parse().unwrap());
        let held = Held { name, reservation, cpus, sequence: 0 };
        Nested { held, parent: parent.map(|parent| parent.parse().unwrap()) }
    }

    fn parts(capsules: &[Nested]) -> Vec<String> {
        let flat = flatten_per_cpu(capsules).unwrap();
        flat.iter().map(|h| format!("{} {} on {}", h.name, h.reservation, h.cpus)).collect()
    }

    #[test]
    fn a_child_takes_only_where_it_is() {
        let set = [
            capsule("web", (6_000, 20_000), "0-2", None),
            capsule("db", (1_500, 10_000), "0", Some("web")),
            capsule("log", (500, 3_000), "2", Some("web")),
        ];
        assert_eq!(
            parts(&set),
            [
                "log 500us every 3ms on 2",
                "db 1.5ms every 10ms on 0",
                "web 2666.666us every 20ms on 2",
                "web 3ms every 20ms on 0",
                "web 6ms every 20ms on 1",
            ]
        );
    }

    #[test]
    fn children_that_exceed_one_cpu_are_refused() {
        let set = [
            capsule("web", (3_000, 20_000), "0-1", None),
            capsule("a", (1_000, 10_000), "0-1", Some("web")),
            capsule("b", (1_000, 10_000), "1", Some("web")),
        ];
        let error = flatten_per_cpu(&set).unwrap_err();
        assert!(matches!(error, FlattenError::ChildrenExceed { .. }), "{error}");
        assert_eq!(parts(&set[..2]).len(), 2);
    }
}
