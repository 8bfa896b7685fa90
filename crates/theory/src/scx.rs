// SPDX-License-Identifier: MIT OR Apache-2.0
//! Admission for the `scx` enforcer: hard constant bandwidth servers, one per capsule and CPU,
//! scheduled by earliest deadline on each CPU by itself.
//!
//! Two tests, both of which must hold:
//!
//! 1. children fit into their parents, on every CPU ([`flatten_per_cpu`]);
//! 2. on every CPU that the request touches, ΣQ/P of all capsules stays within what is left to
//!    them: the whole CPU, less a floor for best effort, less what outranks sched_ext.
//!
//! Unlike for real-time groups, one CPU does not count on another, and deadlines need no response
//! times: by utilisation the answer is exact.
//!
//! A change that only shrinks a capsule without parent is admitted without the tests: nobody is
//! worse off.

use evenkeel_model::{Bandwidth, CapsuleName, CpuIndex, CpuSet, EnforcerKind};

use crate::alternatives::{Search, smallest_changes};
use crate::granularity::Grain;
use crate::rtgroup::{touched, with};
use crate::verdict::{CpuVerdict, Holder, HostHolder, Note, Reason, Verdict};
use crate::{FlattenError, Held, Limits, Nested, NestedRequest, Request, flatten_per_cpu};

/// The part of every CPU that capsules never get, 5 %: threads outside capsules and the scheduler's
/// own per-CPU kernel threads would otherwise starve, and the sched_ext watchdog
/// (kernel/sched/ext.c, SCX_WATCHDOG_MAX_TIMEOUT, 30 s) unloads a scheduler that starves anyone.
/// The kernel keeps as much from its own real-time classes (`sched_rt_runtime_us`, 950 ms of 1 s).
pub const BEST_EFFORT_MIN: Bandwidth = Bandwidth::from_ppb(50_000_000);

/// Whether `asked` fits beside `existing`, capsules that have no parents.
///
/// The test: ΣQ/P <= 1 is necessary and sufficient for servers by earliest deadline, Liu and
/// Layland, JACM 20(1), 1973, theorem 7; for hard constant bandwidth servers, which demand no more
/// than Q/P whatever their threads do, Abeni and Buttazzo, RTSS 1998, theorem 1, and Biondi, Melani
/// and Bertogna, SIES 2014. Rounding: each Q/P up to a part per billion, the limit down.
///
/// Of `limits`, `ceiling` may leave capsules less than the floor does, never more; `foreign` is
/// what SCHED_DEADLINE and real-time threads may take of every CPU before sched_ext runs anything;
/// `tick` does not matter, since timers end budgets.
///
/// Assumptions, and how Linux breaks them:
/// * nothing runs above but what `foreign` says: interrupts, softirqs, stop and deadline class,
///   real-time threads and the fair class do (class order stop > dl > rt > fair > ext);
/// * budgets end exactly: timers fire late by some microseconds, and the debt is paid from the next
///   budget;
/// * preemption takes no time: each switch costs its cache misses.
///
/// # Panics
/// If `replaces` and `existing` disagree on whether the capsule exists, or a name comes twice: the
/// caller looks names up before it asks.
pub fn admit_scx(existing: &[Held], asked: &Request, limits: &Limits) -> Verdict {
    let existing: Vec<Nested> = existing.iter().cloned().map(Nested::top).collect();
    let nested = Nested::top(asked.held.clone());
    let asked = NestedRequest { nested, replaces: asked.replaces };
    admit_scx_nested(&existing, &asked, limits)
        .expect("capsules without parents form a forest where names are unique")
}

/// As [`admit_scx`], where capsules may have parents. Children that exceed their parent on some CPU
/// are a refusal; what is no forest at all is an error.
///
/// # Errors
/// If the capsules form no forest.
///
/// # Panics
/// As [`admit_scx`].
pub fn admit_scx_nested(
    existing: &[Nested],
    asked: &NestedRequest,
    limits: &Limits,
) -> Result<Verdict, FlattenError> {
    let name = &asked.nested.held.name;
    let before = existing.iter().find(|capsule| capsule.held.name == *name);
    let known = before.is_some();
    assert_eq!(known, asked.replaces, "whether capsule '{name}' exists is for the caller to know");

    let unchanged = flatten_per_cpu(existing)?;
    let after = with(existing, &[&asked.nested]);
    let touched = touched(existing, &[&asked.nested]);
    let (proposed, reasons) = match flatten_per_cpu(&after) {
        Ok(flat) if before.is_some_and(|before| only_shrinks(before, &asked.nested)) => {
            (flat, Vec::new())
        }
        Ok(flat) => {
            let reasons = refusals(&flat, &unchanged, &touched, limits);
            (flat, reasons)
        }
        Err(error) => (unchanged.clone(), vec![parent_exceeded(error, &after, name)?]),
    };
    let admitted = reasons.is_empty();
    let resulting = if admitted { &proposed } else { &unchanged };
    let cpus: CpuSet = asked.nested.held.cpus.iter().chain(blamed(&reasons)).collect();
    let per_cpu = |cpu| cpu_verdict(cpu, resulting, &proposed, &after, name, limits);
    let search = Search {
        existing,
        asked: &asked.nested,
        limits,
        grain: Grain::Nanosecond,
        fits: &|set, cpus| fits(set, cpus, limits),
    };
    Ok(Verdict {
        admitted,
        enforcer: EnforcerKind::Scx,
        asked: asked.nested.held.clone(),
        replaces: before.map(|before| before.held.reservation),
        per_cpu: cpus.iter().map(per_cpu).collect(),
        host: None,
        notes: if admitted {
            vec![Note::Outranked { foreign: limits.foreign }]
        } else {
            Vec::new()
        },
        smallest_change: if admitted { Vec::new() } else { smallest_changes(&search) },
        reasons,
    })
}

/// What capsules of one CPU may have together: the ceiling or the floor, whichever leaves less,
/// less what outranks them.
fn room(limits: &Limits) -> Bandwidth {
    let ceiling = Bandwidth::at_most(limits.ceiling.budget(), limits.ceiling.period());
    ceiling.min(Bandwidth::ONE - BEST_EFFORT_MIN).saturating_sub(limits.foreign)
}

/// ΣQ/P on `cpu`.
fn sum_on(flat: &[Held], cpu: CpuIndex) -> Bandwidth {
    flat.iter().filter(|h| h.cpus.contains(cpu)).map(|h| h.reservation.bandwidth()).sum()
}

/// The whole test, as a yes or no, on the CPUs `touched`.
fn fits(set: &[Nested], touched: &CpuSet, limits: &Limits) -> bool {
    flatten_per_cpu(set)
        .is_ok_and(|flat| touched.iter().all(|cpu| sum_on(&flat, cpu) <= room(limits)))
}

/// Why the servers `flat`, as they are, could miss their guarantees; empty where none can.
pub(crate) fn set_refusals(flat: &[Held], limits: &Limits) -> Vec<Reason> {
    let cpus: CpuSet = flat.iter().flat_map(|held| held.cpus.iter()).collect();
    refusals(flat, &[], &cpus, limits)
}

/// The CPUs whose sum exceeds the room; those of equal content are one reason.
fn refusals(
    proposed: &[Held],
    unchanged: &[Held],
    touched: &CpuSet,
    limits: &Limits,
) -> Vec<Reason> {
    let room = room(limits);
    let mut reasons: Vec<Reason> = Vec::new();
    for cpu in touched.iter().filter(|&cpu| sum_on(proposed, cpu) > room) {
        let held = sum_on(unchanged, cpu);
        let adds = sum_on(proposed, cpu).saturating_sub(held);
        let (left, holders) = (room.saturating_sub(held), holders_on(unchanged, cpu));
        let same = reasons.iter_mut().find_map(|reason| match reason {
            Reason::CpuSumExceeded { cpus, adds: a, left: l, holders: h, .. } => {
                (*a == adds && *l == left && same_holders(h, &holders)).then_some((cpus, h))
            }
            _ => None,
        });
        match same {
            Some((cpus, known)) => {
                *cpus = cpus.iter().chain([cpu]).collect();
                for holder in known {
                    holder.cpus = holder.cpus.iter().chain([cpu]).collect();
                }
            }
            None => reasons.push(Reason::CpuSumExceeded {
                cpus: CpuSet::single(cpu),
                adds,
                limit: room,
                foreign: limits.foreign,
                left,
                holders,
            }),
        }
    }
    reasons
}

/// Who holds a part of `cpu`.
fn holders_on(flat: &[Held], cpu: CpuIndex) -> Vec<HostHolder> {
    let holder = |held: &Held| HostHolder {
        name: held.name.clone(),
        cpus: CpuSet::single(cpu),
        bandwidth: held.reservation.bandwidth(),
    };
    let mut holders: Vec<HostHolder> =
        flat.iter().filter(|held| held.cpus.contains(cpu)).map(holder).collect();
    holders.sort_by(|a, b| b.bandwidth.cmp(&a.bandwidth).then_with(|| a.name.cmp(&b.name)));
    holders
}

/// Whether two CPUs are held by the same capsules, in the same parts.
fn same_holders(a: &[HostHolder], b: &[HostHolder]) -> bool {
    let same = |(a, b): (&HostHolder, &HostHolder)| a.name == b.name && a.bandwidth == b.bandwidth;
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// The CPUs that reasons are about.
fn blamed(reasons: &[Reason]) -> impl Iterator<Item = CpuIndex> {
    let cpus = reasons.iter().filter_map(|reason| match reason {
        Reason::CpuSumExceeded { cpus, .. } => Some(cpus),
        _ => None,
    });
    cpus.flat_map(CpuSet::iter)
}

/// One CPU after the verdict.
fn cpu_verdict(
    cpu: CpuIndex,
    resulting: &[Held],
    proposed: &[Held],
    nested: &[Nested],
    asked: &CapsuleName,
    limits: &Limits,
) -> CpuVerdict {
    // By deadlines everybody is in time up to a full CPU, and nobody is sure to be beyond it.
    let in_time = sum_on(proposed, cpu) + limits.foreign <= Bandwidth::ONE;
    let whole = |held: &Held| {
        let capsule = nested.iter().find(|capsule| capsule.held.name == held.name);
        capsule.is_some_and(|capsule| capsule.held.reservation != held.reservation)
    };
    let holder = |held: &Held| Holder {
        name: held.name.clone(),
        reservation: held.reservation,
        own_part: whole(held),
        asked: held.name == *asked,
        response: in_time.then_some(held.reservation.period()),
    };
    let on_cpu = proposed.iter().filter(|held| held.cpus.contains(cpu));
    let left = room(limits).saturating_sub(sum_on(resulting, cpu));
    CpuVerdict { cpu, holders: on_cpu.map(holder).collect(), left }
}

/// Whether nobody can be worse off: no parent, whose own part would grow, less bandwidth or fewer
/// CPUs, and more of neither.
fn only_shrinks(before: &Nested, after: &Nested) -> bool {
    let (old, new) = (before.held.reservation.bandwidth(), after.held.reservation.bandwidth());
    let less = new < old || after.held.cpus != before.held.cpus;
    before.parent.is_none()
        && after.parent.is_none()
        && new <= old
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
    let own = after.iter().find(|c| c.held.name == *asked && c.parent.as_ref() == Some(&parent));
    let left = own.map(|child| {
        let share = Grain::Nanosecond.share(child.held.reservation, reservation);
        reservation.budget().saturating_sub(needed.saturating_sub(share))
    });
    Ok(Reason::ParentExceeded { parent, reservation, needed, left })
}
