// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reservations that are to be found, and what each capsule would really need.

use std::collections::BTreeMap;

use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, EnforcerKind, Reservation, Span};

use super::outside::{Servers, assumed};
use super::report::Needed;
use super::{CheckError, Component, Wanted};
use crate::inside::partition_by_cpu;
use crate::{
    Grid, Held, Limits, Nested, Smallest, Supply, fits_inside, global_misfits, smallest_budget,
    smallest_reservation,
};

/// Budgets are found in whole microseconds, the unit of the kernel's files; no enforcer is finer in
/// what it does.
const GRAIN: Span = Span::from_us(1);

/// Periods tried in a search: with the default range of 1 ms to 100 ms, every half millisecond.
const PERIODS: u64 = 199;

/// A capsule whose reservation is known, or could not be found.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    name: CapsuleName,
    cpus: CpuSet,
    parent: Option<CapsuleName>,
    sequence: u64,
    /// What it holds; `None` where no budget is enough.
    pub reservation: Option<Reservation>,
    /// Whether it was searched for.
    pub searched: bool,
}

impl Resolved {
    /// As admission takes it.
    pub fn nested(&self) -> Option<Nested> {
        let (name, cpus) = (self.name.clone(), self.cpus.clone());
        let held = Held { name, reservation: self.reservation?, cpus, sequence: self.sequence };
        Some(Nested { held, parent: self.parent.clone() })
    }
}

/// The reservations of all capsules, those that are to be found included.
pub(super) fn resolve(
    components: &[Component],
    enforcer: EnforcerKind,
    limits: &Limits,
) -> Result<Vec<Resolved>, CheckError> {
    let mut resolved = Vec::with_capacity(components.len());
    for (sequence, component) in (0..).zip(components) {
        let is_parent = components.iter().any(|c| c.parent.as_ref() == Some(&component.name));
        let reservation = match component.wanted {
            Wanted::Reservation(reservation) => Some(reservation),
            _ if is_parent => return Err(CheckError::ParentWithout(component.name.clone())),
            Wanted::Budget { period } => smallest_at(component, period, enforcer, limits),
            Wanted::Bandwidth { period_min, period_max, overhead } => {
                let grid = grid(period_min, period_max, overhead);
                let fits = |reservation| fits(component, reservation, enforcer, limits);
                smallest_reservation(&grid, fits)
                    .map_err(|source| CheckError::Grid { name: component.name.clone(), source })?
                    .map(|found: Smallest| found.reservation)
            }
        };
        resolved.push(Resolved {
            name: component.name.clone(),
            cpus: component.cpus.clone(),
            parent: component.parent.clone(),
            sequence,
            reservation,
            searched: !matches!(component.wanted, Wanted::Reservation(_)),
        });
    }
    Ok(resolved)
}

/// Evenly spaced periods in whole microseconds, both ends of the range included where they are.
fn grid(period_min: Span, period_max: Span, overhead: Span) -> Grid {
    let range = period_max.saturating_sub(period_min).as_us();
    let period_step = Span::from_us((range / (PERIODS - 1)).max(1));
    Grid { period_min, period_max, period_step, grain: GRAIN, overhead }
}

/// The least budget at `period`.
fn smallest_at(
    component: &Component,
    period: Span,
    enforcer: EnforcerKind,
    limits: &Limits,
) -> Option<Reservation> {
    let fits = |reservation| fits(component, reservation, enforcer, limits);
    smallest_budget(period, GRAIN, Span::ZERO, fits)
}

/// Whether the tasks are never late inside servers of `reservation`, whatever runs beside them.
fn fits(
    component: &Component,
    reservation: Reservation,
    enforcer: EnforcerKind,
    limits: &Limits,
) -> bool {
    let supplies = assumed(reservation, &component.cpus, enforcer, limits);
    let Ok(groups) = partition_by_cpu(&component.tasks, &component.cpus) else { return false };
    groups.into_iter().filter(|(_, tasks)| !tasks.is_empty()).all(|(cpu, tasks)| {
        match on(&supplies, cpu).as_slice() {
            [supply] => fits_inside(component.inside, &tasks, *supply),
            several => global_misfits(component.inside, &tasks, several).is_empty(),
        }
    })
}

fn on(supplies: &BTreeMap<CpuIndex, Supply>, cpu: Option<CpuIndex>) -> Vec<Supply> {
    let there = supplies.iter().filter(|(k, _)| cpu.is_none_or(|cpu| cpu == **k));
    there.map(|(_, supply)| *supply).collect()
}

/// The least own budget that would do at the capsule's period, to see slack or what is missing.
/// `None` where the capsule has no tasks, was searched for, or no budget is enough.
pub(super) fn needed(
    component: &Component,
    resolved: &Resolved,
    servers: &Servers,
    enforcer: EnforcerKind,
    limits: &Limits,
) -> Option<Needed> {
    let Wanted::Reservation(whole) = component.wanted else { return None };
    if component.tasks.is_empty() || resolved.reservation.is_none() {
        return None;
    }
    let least = smallest_at(component, whole.period(), enforcer, limits)?;
    let own = servers.own_part(&component.name);
    let children = own.map_or(whole.budget(), |own| whole.budget().saturating_sub(own.budget()));
    Some(Needed { own: least, with_children: least.budget().checked_add(children)? })
}
