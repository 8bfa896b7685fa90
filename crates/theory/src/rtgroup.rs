// SPDX-License-Identifier: MIT OR Apache-2.0
//! Admission for real-time groups (cgroup v1, CONFIG_RT_GROUP_SCHED).
//!
//! Four tests, all of which must hold:
//!
//! 1. children fit into their parents (`flatten`);
//! 2. the kernel's sum over all groups of the host stays within the root's budget, or the kernel
//!    refuses the write;
//! 3. there is a band of priorities for every capsule, and one to spare;
//! 4. on every CPU that the request touches, each deferrable server has its budget within its
//!    period (`response`).
//!
//! A change that only shrinks a capsule without parent is admitted without the tests: whatever a
//! server of a smaller budget does, the larger one could have done, so nobody is worse off.

mod facts;

use evenkeel_model::{BANDS_MAX, Bandwidth, CapsuleName, CpuIndex, CpuSet, EnforcerKind};

use crate::alternatives::{Search, smallest_changes};
use crate::granularity::Grain;
use crate::verdict::{Reason, Verdict};
use crate::{
    FlattenError, Held, Limits, Nested, NestedRequest, Request, deferrable_response_time, flatten,
};

/// How many periods ahead a verdict looks for the time when a late server would have its budget.
/// Only words depend on it: beyond four periods "too late" says all there is to say.
const HORIZON_PERIODS: u64 = 4;

/// Most capsules with servers on a host: one less than there are bands of priorities, so that a
/// capsule whose place in the order changes always finds an empty band to move to, and no two
/// capsules ever share one.
pub const RTGROUP_CAPSULES_MAX: usize = BANDS_MAX as usize - 1;

/// Whether `asked` fits beside `existing`, capsules that have no parents.
///
/// The test: deferrable servers under rate-monotonic priorities, one set per CPU, by response
/// times (Strosnider, Lehoczky, Sha 1995; Davis and Burns, RTSS 2005; see
/// [`deferrable_response_time`] for the formula and the assumptions that Linux breaks), and the
/// kernel's own sum (kernel/sched/rt.c, `tg_rt_schedulable`).
///
/// # Panics
/// If `replaces` and `existing` disagree on whether the capsule exists, or a name comes twice: the
/// caller looks names up before it asks.
pub fn admit_rtgroup(existing: &[Held], asked: &Request, limits: &Limits) -> Verdict {
    let existing: Vec<Nested> = existing.iter().cloned().map(Nested::top).collect();
    let nested = Nested::top(asked.held.clone());
    let asked = NestedRequest { nested, replaces: asked.replaces };
    admit_rtgroup_nested(&existing, &asked, limits)
        .expect("capsules without parents form a forest where names are unique")
}

/// As [`admit_rtgroup`], where capsules may have parents. The parts are flattened anew for every
/// alternative that is tried, so offers are right for children and parents as well. Children that
/// exceed their parent are a refusal; what is no forest at all is an error.
///
/// To see whether a parent may take back what a deleted child held, ask for the parent unchanged
/// with the child gone.
///
/// # Panics
/// As [`admit_rtgroup`].
pub fn admit_rtgroup_nested(
    existing: &[Nested],
    asked: &NestedRequest,
    limits: &Limits,
) -> Result<Verdict, FlattenError> {
    let name = &asked.nested.held.name;
    let before = existing.iter().find(|capsule| capsule.held.name == *name);
    let known = before.is_some();
    assert_eq!(known, asked.replaces, "whether capsule '{name}' exists is for the caller to know");

    let unchanged = flatten(existing)?;
    let after = with(existing, &[&asked.nested]);
    let touched = touched(existing, &[&asked.nested]);
    let (proposed, reasons) = match flatten(&after) {
        Ok(flat) if before.is_some_and(|before| only_shrinks(before, &asked.nested)) => {
            (flat, Vec::new())
        }
        Ok(flat) => {
            let reasons = facts::refusals(&flat, &unchanged, Some(name), &touched, limits);
            (flat, reasons)
        }
        Err(error) => (unchanged.clone(), vec![parent_exceeded(error, &after, name)?]),
    };

    let admitted = reasons.is_empty();
    let state = facts::State {
        resulting: if admitted { &proposed } else { &unchanged },
        proposed: &proposed,
        nested: &after,
        asked: &asked.nested.held,
        limits,
    };
    let search = Search {
        existing,
        asked: &asked.nested,
        limits,
        grain: Grain::Microsecond,
        fits: &|set, cpus| fits(set, cpus, limits),
    };
    Ok(Verdict {
        admitted,
        enforcer: EnforcerKind::Rtgroup,
        asked: asked.nested.held.clone(),
        replaces: before.map(|before| before.held.reservation),
        per_cpu: state.per_cpu(&reasons),
        host: Some(facts::host_sum(state.resulting, limits)),
        notes: if admitted { state.notes() } else { Vec::new() },
        smallest_change: if admitted { Vec::new() } else { smallest_changes(&search) },
        reasons,
    })
}

/// Why `asked` would be refused beside `existing`, capsules that have no parents; empty where it
/// would not be.
pub(crate) fn refusals(existing: &[Held], asked: &Held, limits: &Limits) -> Vec<Reason> {
    let tops: Vec<Nested> = existing.iter().cloned().map(Nested::top).collect();
    let after = with(&tops, &[&Nested::top(asked.clone())]);
    // Names are unique and nobody has a parent, so there is nothing that would not be flat.
    let flat = |set: &[Nested]| flatten(set).unwrap_or_default();
    facts::refusals(&flat(&after), &flat(&tops), Some(&asked.name), &asked.cpus, limits)
}

/// Why the servers `flat`, as they are, could miss their guarantees; empty where none can.
pub(crate) fn set_refusals(flat: &[Held], limits: &Limits) -> Vec<Reason> {
    let cpus: CpuSet = flat.iter().flat_map(|held| held.cpus.iter()).collect();
    facts::refusals(flat, &[], None, &cpus, limits)
}

/// `existing`, with `changed` in the place of those of the same name, or added.
pub(crate) fn with(existing: &[Nested], changed: &[&Nested]) -> Vec<Nested> {
    let is_changed =
        |capsule: &&Nested| !changed.iter().any(|other| other.held.name == capsule.held.name);
    let kept = existing.iter().filter(is_changed);
    kept.chain(changed.iter().copied()).cloned().collect()
}

/// The CPUs on which a change of `changed` can add load: their own, and those of their parents,
/// whose own parts change with them, before and after.
pub(crate) fn touched(existing: &[Nested], changed: &[&Nested]) -> CpuSet {
    let after = with(existing, changed);
    let find = |name: &CapsuleName| after.iter().find(|capsule| capsule.held.name == *name);
    let mut cpus: Vec<CpuIndex> = Vec::new();
    for capsule in changed {
        let before = existing.iter().find(|other| other.held.name == capsule.held.name);
        let parents = [capsule.parent.as_ref(), before.and_then(|before| before.parent.as_ref())];
        cpus.extend(capsule.held.cpus.iter());
        for parent in parents.into_iter().flatten().filter_map(find) {
            cpus.extend(parent.held.cpus.iter());
        }
    }
    cpus.into_iter().collect()
}

/// Whether nobody can be worse off: no parent, whose own part would grow, the same period, hence
/// the same priority, less budget or fewer CPUs, and more of neither.
fn only_shrinks(before: &Nested, after: &Nested) -> bool {
    let (old, new) = (before.held.reservation, after.held.reservation);
    let less = new.budget() < old.budget() || after.held.cpus != before.held.cpus;
    before.parent.is_none()
        && after.parent.is_none()
        && new.period() == old.period()
        && new.budget() <= old.budget()
        && after.held.cpus.is_subset(&before.held.cpus)
        && less
}

/// A parent's overdrawn reservation as a reason; what is no forest stays an error.
fn parent_exceeded(
    error: FlattenError,
    after: &[Nested],
    asked: &CapsuleName,
) -> Result<Reason, FlattenError> {
    let FlattenError::ChildrenExceed { parent, reservation, needed } = error else {
        return Err(error);
    };
    // Children other than the one that asks were admitted before, so they fit by themselves.
    let own = after.iter().find(|c| c.held.name == *asked && c.parent.as_ref() == Some(&parent));
    let left = own.map(|child| {
        let share = Grain::Microsecond.share(child.held.reservation, reservation);
        reservation.budget().saturating_sub(needed.saturating_sub(share))
    });
    Ok(Reason::ParentExceeded { parent, reservation, needed, left })
}

/// The whole test, as a yes or no, on the CPUs `touched`.
fn fits(set: &[Nested], touched: &CpuSet, limits: &Limits) -> bool {
    let Ok(flat) = flatten(set) else { return false };
    flat.len() <= RTGROUP_CAPSULES_MAX
        && total(&flat) + limits.foreign <= limit(limits)
        && touched.iter().all(|cpu| {
            let servers = servers_on(&flat, cpu);
            (0..servers.len()).all(|i| response(&servers, i, 1).is_some())
        })
}

/// The servers of `cpu`, in the order of `flat`, which is that of priorities.
fn servers_on(flat: &[Held], cpu: CpuIndex) -> Vec<&Held> {
    flat.iter().filter(|held| held.cpus.contains(cpu)).collect()
}

/// The response time of the `i`-th of `servers`, if within `periods` of its periods.
fn response(servers: &[&Held], i: usize, periods: u64) -> Option<evenkeel_model::Span> {
    let higher: Vec<_> = servers[..i].iter().map(|held| held.reservation).collect();
    let own = servers[i].reservation;
    deferrable_response_time(&higher, own, horizon(own, periods))
}

/// `periods` periods of `own`; at most 40 s, since a period is at most 10 s.
fn horizon(own: evenkeel_model::Reservation, periods: u64) -> evenkeel_model::Span {
    own.period().checked_mul(periods).expect("a few periods are far below 584 years")
}

/// The bandwidth of all servers, each counted once however many CPUs it has.
fn total(flat: &[Held]) -> Bandwidth {
    flat.iter().map(|held| held.reservation.bandwidth()).sum()
}

/// What the kernel lets all groups have, rounded down.
fn limit(limits: &Limits) -> Bandwidth {
    Bandwidth::at_most(limits.ceiling.budget(), limits.ceiling.period())
}
