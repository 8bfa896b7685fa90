// SPDX-License-Identifier: MIT OR Apache-2.0
//! The facts that a verdict on real-time groups reports: reasons, holders, sums and notes.

use evenkeel_model::{Bandwidth, CapsuleName, CpuIndex, CpuSet, Span};

use super::{HORIZON_PERIODS, RTGROUP_CAPSULES_MAX, horizon, limit, response, servers_on, total};
use crate::verdict::{CpuVerdict, Holder, HostHolder, HostSum, Note, Reason};
use crate::{
    Held, Limits, Nested, consumption_bound, deferrable_response_time_with_overrun,
    in_whole_microseconds,
};

/// Periods shorter than this many ticks carry a note: an overrun of one tick is then more than a
/// fifth of the period. With the 4 ms tick of HZ=250 that is every period under 20 ms.
const COARSE_TICKS: u64 = 5;

/// Why `proposed` cannot be, given that `unchanged` is. Empty where it can.
pub(super) fn refusals(
    proposed: &[Held],
    unchanged: &[Held],
    asked: Option<&CapsuleName>,
    touched: &CpuSet,
    limits: &Limits,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if proposed.len() > RTGROUP_CAPSULES_MAX {
        reasons.push(Reason::NoBandLeft { capsules_max: RTGROUP_CAPSULES_MAX });
    }
    if total(proposed) + limits.foreign > limit(limits) {
        reasons.push(Reason::HostSumExceeded {
            adds: total(proposed).saturating_sub(total(unchanged)),
            sum: host_sum(unchanged, limits),
            holders: host_holders(unchanged),
        });
    }
    reasons.extend(late_servers(proposed, asked, touched));
    reasons
}

/// The servers that would have their budgets too late; the same lateness on several CPUs is one
/// reason.
fn late_servers(proposed: &[Held], asked: Option<&CapsuleName>, touched: &CpuSet) -> Vec<Reason> {
    let late_on = |cpu: CpuIndex| {
        let servers = servers_on(proposed, cpu);
        let late = (0..servers.len()).filter(|&i| response(&servers, i, 1).is_none());
        late.map(|i| {
            let ahead: Vec<_> = servers[..i].iter().map(|other| other.name.clone()).collect();
            (cpu, (servers[i], response(&servers, i, HORIZON_PERIODS), ahead))
        })
        .collect::<Vec<_>>()
    };
    let late = grouped(touched.iter().flat_map(late_on));
    late.into_iter()
        .map(|((held, response, ahead), cpus)| Reason::Late {
            cpus,
            name: held.name.clone(),
            reservation: held.reservation,
            asked: asked == Some(&held.name),
            response,
            horizon: horizon(held.reservation, HORIZON_PERIODS),
            ahead,
        })
        .collect()
}

/// What was found on which CPUs, the same finding once, in the order of first appearance.
fn grouped<T: PartialEq>(found: impl Iterator<Item = (CpuIndex, T)>) -> Vec<(T, CpuSet)> {
    let mut groups: Vec<(T, Vec<CpuIndex>)> = Vec::new();
    for (cpu, item) in found {
        match groups.iter_mut().find(|(known, _)| *known == item) {
            Some((_, cpus)) => cpus.push(cpu),
            None => groups.push((item, vec![cpu])),
        }
    }
    groups.into_iter().map(|(item, cpus)| (item, cpus.into_iter().collect())).collect()
}

/// The kernel's sum over all groups, with `flat` in force.
pub(super) fn host_sum(flat: &[Held], limits: &Limits) -> HostSum {
    let (limit, held) = (limit(limits), total(flat));
    let left = limit.saturating_sub(limits.foreign).saturating_sub(held);
    HostSum { limit, foreign: limits.foreign, held, left }
}

/// Who holds the sum, largest part first.
fn host_holders(flat: &[Held]) -> Vec<HostHolder> {
    let mut holders: Vec<HostHolder> = flat
        .iter()
        .map(|held| HostHolder {
            name: held.name.clone(),
            cpus: held.cpus.clone(),
            bandwidth: held.reservation.bandwidth(),
        })
        .collect();
    holders.sort_by(|a, b| b.bandwidth.cmp(&a.bandwidth).then_with(|| a.name.cmp(&b.name)));
    holders
}

/// Everything a verdict is about.
pub(super) struct State<'a> {
    /// The servers after the verdict.
    pub resulting: &'a [Held],
    /// The servers as asked; the existing ones where the request does not even flatten.
    pub proposed: &'a [Held],
    /// The capsules as asked.
    pub nested: &'a [Nested],
    /// What is asked.
    pub asked: &'a Held,
    /// The host.
    pub limits: &'a Limits,
}

impl State<'_> {
    /// The asked CPUs and those on which somebody would be late.
    pub fn per_cpu(&self, reasons: &[Reason]) -> Vec<CpuVerdict> {
        let late = reasons.iter().filter_map(|reason| match reason {
            Reason::Late { cpus, .. } => Some(cpus),
            _ => None,
        });
        let cpus: CpuSet = late.chain([&self.asked.cpus]).flat_map(CpuSet::iter).collect();
        let host_left = host_sum(self.resulting, self.limits).left;
        let verdict = |cpu: CpuIndex| {
            let held: Bandwidth = servers_on(self.resulting, cpu)
                .iter()
                .map(|held| held.reservation.bandwidth())
                .sum();
            let left = limit(self.limits).saturating_sub(held).min(host_left);
            CpuVerdict { cpu, holders: self.holders(cpu), left }
        };
        cpus.iter().map(verdict).collect()
    }

    /// The servers of `cpu` as asked, most urgent first.
    fn holders(&self, cpu: CpuIndex) -> Vec<Holder> {
        let servers = servers_on(self.proposed, cpu);
        let whole = |name: &CapsuleName| {
            let capsule = self.nested.iter().find(|capsule| capsule.held.name == *name);
            capsule.map(|capsule| in_whole_microseconds(capsule.held.reservation))
        };
        let holder = |(i, held): (usize, &&Held)| Holder {
            name: held.name.clone(),
            reservation: held.reservation,
            own_part: whole(&held.name).is_some_and(|whole| whole != held.reservation),
            asked: held.name == self.asked.name,
            response: response(&servers, i, HORIZON_PERIODS),
        };
        servers.iter().enumerate().map(holder).collect()
    }

    /// What the guarantee leaves open.
    pub fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        if let Some(tick) = self.limits.tick {
            let reservation = self.asked.reservation;
            // A tick is at most 10 ms (HZ=100), so the product is far from any bound.
            if tick.checked_mul(COARSE_TICKS).is_some_and(|short| reservation.period() < short) {
                notes.push(Note::CoarseTick { tick, reservation });
            }
            notes.extend(self.tick_overruns(tick));
        }
        notes.extend(self.ceilings());
        notes.extend(self.counted_everywhere());
        notes
    }

    /// Servers of the asked CPUs that could be late if all above overrun by a tick.
    fn tick_overruns(&self, tick: Span) -> Vec<Note> {
        let late_on = |cpu: CpuIndex| {
            let servers = servers_on(self.proposed, cpu);
            let bound = |i: usize| {
                let higher: Vec<_> = servers[..i].iter().map(|held| held.reservation).collect();
                let own = servers[i].reservation;
                let far = horizon(own, HORIZON_PERIODS);
                let bound = deferrable_response_time_with_overrun(&higher, own, far, tick);
                (cpu, (servers[i], bound))
            };
            let in_time = |held: &Held, bound: Option<Span>| {
                bound.is_some_and(|bound| bound <= held.reservation.period())
            };
            let bounds = (0..servers.len()).map(bound);
            bounds.filter(|(_, (held, bound))| !in_time(held, *bound)).collect::<Vec<_>>()
        };
        let late = grouped(self.asked.cpus.iter().flat_map(late_on));
        late.into_iter()
            .map(|((held, response), cpus)| Note::TickOverrun {
                cpus,
                name: held.name.clone(),
                tick,
                period: held.reservation.period(),
                response,
            })
            .collect()
    }

    /// CPUs whose servers could together run into the kernel's ceiling on real-time threads.
    fn ceilings(&self) -> Vec<Note> {
        let ceiling = self.limits.ceiling;
        let worst_on = |cpu: CpuIndex| {
            let servers = servers_on(self.proposed, cpu);
            let worst = servers.iter().fold(Span::ZERO, |sum, held| {
                sum + consumption_bound(held.reservation, ceiling.period())
            });
            // A CPU has no more than the period, so a ceiling of the whole period never bites.
            (cpu, worst.min(ceiling.period()))
        };
        let bites = |worst: Span| worst > ceiling.budget();
        grouped(self.asked.cpus.iter().map(worst_on).filter(|&(_, worst)| bites(worst)))
            .into_iter()
            .map(|(worst, cpus)| Note::CeilingCouldBite { cpus, worst, ceiling })
            .collect()
    }

    /// Capsules that share no CPU with the asked one and count in the host's sum all the same.
    fn counted_everywhere(&self) -> Option<Note> {
        let elsewhere: Vec<&Held> = self
            .proposed
            .iter()
            .filter(|held| held.cpus.intersection(&self.asked.cpus).is_empty())
            .collect();
        let bandwidth = elsewhere.iter().map(|held| held.reservation.bandwidth()).sum();
        let names: Vec<_> = elsewhere.into_iter().map(|held| held.name.clone()).collect();
        (!names.is_empty()).then_some(Note::CountedEverywhere { names, bandwidth })
    }
}
