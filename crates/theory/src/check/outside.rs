// SPDX-License-Identifier: MIT OR Apache-2.0
//! The servers of all capsules and what each supplies, by the enforcer that keeps them.

use std::collections::BTreeMap;

use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, EnforcerKind, Reservation, Span};

use super::{CheckError, resolve::Resolved};
use crate::verdict::Reason;
use crate::{
    FlattenError, Held, Limits, Misfit, Nested, Supply, deferrable_response_time_with_overrun,
    flatten, flatten_per_cpu, rtgroup, scx,
};

/// The servers of a host on paper.
pub(super) struct Servers {
    enforcer: EnforcerKind,
    /// The own parts, by priority.
    flat: Vec<Held>,
    /// What each supplies for certain.
    supplies: BTreeMap<(CapsuleName, CpuIndex), Supply>,
    /// Servers whose budget could come too late once ticks are counted.
    late_ticks: Vec<(CapsuleName, Misfit)>,
    /// Children that need more than their parent holds: then there are no servers at all.
    exceeded: Option<Reason>,
}

impl Servers {
    /// The servers of capsules whose reservations are known; those without one have none.
    pub fn of(
        resolved: &[Resolved],
        enforcer: EnforcerKind,
        limits: &Limits,
    ) -> Result<Servers, CheckError> {
        let nested: Vec<Nested> = resolved.iter().filter_map(Resolved::nested).collect();
        let flattened = match enforcer {
            EnforcerKind::Rtgroup => flatten(&nested),
            EnforcerKind::Scx | EnforcerKind::Quota => flatten_per_cpu(&nested),
        };
        let (flat, exceeded) = match flattened {
            Ok(flat) => (flat, None),
            Err(FlattenError::ChildrenExceed { parent, reservation, needed }) => {
                let reason = Reason::ParentExceeded { parent, reservation, needed, left: None };
                (Vec::new(), Some(reason))
            }
            Err(error) => return Err(error.into()),
        };
        let mut servers =
            Servers { enforcer, flat, supplies: BTreeMap::new(), late_ticks: Vec::new(), exceeded };
        servers.fill(limits);
        Ok(servers)
    }

    fn fill(&mut self, limits: &Limits) {
        for (i, held) in self.flat.iter().enumerate() {
            for cpu in held.cpus.iter() {
                let supply = match self.enforcer {
                    EnforcerKind::Rtgroup => {
                        let period = held.reservation.period();
                        let tick = limits.tick.unwrap_or(Span::ZERO);
                        let bound = self.response(i, cpu, tick);
                        let in_time = bound.filter(|bound| *bound <= period);
                        // What is late without ticks is a reason among capsules already.
                        let exact = self.response(i, cpu, Span::ZERO);
                        if in_time.is_none() && exact.is_some_and(|exact| exact <= period) {
                            let late = Misfit::LateTick { cpu, tick, period, response: bound };
                            self.late_ticks.push((held.name.clone(), late));
                        }
                        with_debt(held.reservation, in_time, tick)
                    }
                    EnforcerKind::Scx | EnforcerKind::Quota => {
                        Supply::of_hard_cbs(held.reservation)
                    }
                };
                self.supplies.insert((held.name.clone(), cpu), supply);
            }
        }
    }

    /// The response time of a real-time group's server where each above may overrun once.
    fn response(&self, index: usize, cpu: CpuIndex, overrun: Span) -> Option<Span> {
        let higher: Vec<Reservation> = self.flat[..index]
            .iter()
            .filter(|held| held.cpus.contains(cpu))
            .map(|held| held.reservation)
            .collect();
        let own = self.flat[index].reservation;
        let horizon = own.period().checked_mul(4).unwrap_or(own.period());
        deferrable_response_time_with_overrun(&higher, own, horizon, overrun)
    }

    /// What the capsule's server on `cpu` supplies; `None` where it has none.
    pub fn supply(&self, name: &CapsuleName, cpu: CpuIndex) -> Option<Supply> {
        self.supplies.get(&(name.clone(), cpu)).copied()
    }

    /// The own part on the capsule's CPU that has least.
    pub fn own_part(&self, name: &CapsuleName) -> Option<Reservation> {
        let own = self.flat.iter().filter(|held| held.name == *name);
        own.map(|held| held.reservation).min_by_key(|reservation| reservation.budget())
    }

    /// The servers of this capsule that ticks make late.
    pub fn late_ticks(&self, name: &CapsuleName) -> Vec<Misfit> {
        let own = self.late_ticks.iter().filter(|(late, _)| late == name);
        own.map(|(_, misfit)| misfit.clone()).collect()
    }

    /// Why servers could miss their guarantees.
    pub fn refusals(&self, limits: &Limits) -> Vec<Reason> {
        if let Some(exceeded) = &self.exceeded {
            return vec![exceeded.clone()];
        }
        match self.enforcer {
            EnforcerKind::Rtgroup => rtgroup::set_refusals(&self.flat, limits),
            EnforcerKind::Scx | EnforcerKind::Quota => scx::set_refusals(&self.flat, limits),
        }
    }
}

/// The supply of a real-time group. A late one is taken at its period: the lateness is a reason of
/// its own, and its tasks are judged as if it were mended.
fn with_debt(reservation: Reservation, in_time: Option<Span>, tick: Span) -> Supply {
    let periodic = Supply::of_periodic_server(reservation);
    let supply = in_time.and_then(|within| Supply::within(reservation, within)).unwrap_or(periodic);
    // A tick is far below 2^63 ns; were it not, nothing would be certain before the whole period.
    supply.with_debt(tick).unwrap_or(supply)
}

/// The supplies that a capsule with `reservation` would have on `cpus`, others unknown.
pub(super) fn assumed(
    reservation: Reservation,
    cpus: &CpuSet,
    enforcer: EnforcerKind,
    limits: &Limits,
) -> BTreeMap<CpuIndex, Supply> {
    let supply = match enforcer {
        EnforcerKind::Rtgroup => with_debt(reservation, None, limits.tick.unwrap_or(Span::ZERO)),
        EnforcerKind::Scx | EnforcerKind::Quota => Supply::of_hard_cbs(reservation),
    };
    cpus.iter().map(|cpu| (cpu, supply)).collect()
}
