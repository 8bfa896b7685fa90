// SPDX-License-Identifier: MIT OR Apache-2.0
//! Admission for quotas: a cap needs no room, so it is refused only where the kernel would refuse
//! it, and every verdict says that nothing is guaranteed.

use evenkeel_model::{Bandwidth, CpuIndex, CpuSet, EnforcerKind, Span};

use crate::alternatives::{Search, smallest_changes};
use crate::granularity::Grain;
use crate::verdict::{CpuVerdict, Holder, Note, Reason, Verdict};
use crate::{Held, Limits, Nested, Request, in_whole_microseconds, rate_monotonic_order};

/// Least quota and least period of the kernel (kernel/sched/core.c, `min_cfs_quota_period`).
const QUOTA_MIN: Span = Span::from_ms(1);
/// Longest period of the kernel (kernel/sched/core.c, `max_cfs_quota_period`).
const QUOTA_PERIOD_MAX: Span = Span::from_s(1);

/// Whether `asked` can be capped beside `existing`.
///
/// No paper: a cap is not a guarantee. The fair scheduler shares a CPU by weight among whoever has
/// quota left, so even ΣQ/P <= 1 promises no one its budget within a period; the sum per CPU is
/// reported all the same, because beyond one it cannot even hold on average. The range is the
/// kernel's (kernel/sched/core.c, `tg_set_cfs_bandwidth`). On 6.18 and later a quota does not bind
/// kernel threads (kernel/sched/fair.c, `task_throttle_setup_work`).
///
/// # Panics
/// If `replaces` and `existing` disagree on whether the capsule exists: the caller looks names up
/// before it asks.
pub fn admit_quota(existing: &[Held], asked: &Request, limits: &Limits) -> Verdict {
    let name = &asked.held.name;
    let before = existing.iter().find(|held| held.name == *name);
    let known = before.is_some();
    assert_eq!(known, asked.replaces, "whether capsule '{name}' exists is for the caller to know");

    let admitted = in_range(&asked.held);
    let others: Vec<Held> = existing.iter().filter(|held| held.name != *name).cloned().collect();
    let resulting: Vec<Held> = match admitted {
        true => others.iter().cloned().chain([asked.held.clone()]).collect(),
        false => existing.to_vec(),
    };
    let per_cpu = asked.held.cpus.iter().map(|cpu| cpu_verdict(&resulting, name.as_str(), cpu));
    let mut notes = vec![Note::NoGuarantee];
    notes.extend(overcommitted(&resulting, &asked.held.cpus));
    let existing: Vec<Nested> = existing.iter().cloned().map(Nested::top).collect();
    let nested = Nested::top(asked.held.clone());
    let search = Search {
        existing: &existing,
        asked: &nested,
        limits,
        grain: Grain::Microsecond,
        fits: &|set, _| set.iter().all(|c| c.held.name != *name || in_range(&c.held)),
    };
    let reason = Reason::QuotaOutOfRange {
        reservation: asked.held.reservation,
        budget_min: QUOTA_MIN,
        period_max: QUOTA_PERIOD_MAX,
    };
    Verdict {
        admitted,
        enforcer: EnforcerKind::Quota,
        asked: asked.held.clone(),
        replaces: before.map(|before| before.reservation),
        per_cpu: per_cpu.collect(),
        host: None,
        reasons: if admitted { Vec::new() } else { vec![reason] },
        smallest_change: if admitted { Vec::new() } else { smallest_changes(&search) },
        notes: if admitted { notes } else { Vec::new() },
    }
}

/// Whether the kernel accepts it, in the microseconds in which it is written. One quota serves all
/// CPUs of the group, so it is the budget times their number.
fn in_range(held: &Held) -> bool {
    let written = in_whole_microseconds(held.reservation);
    let cpus = u64::try_from(held.cpus.len()).unwrap_or(u64::MAX);
    let quota = written.budget().checked_mul(cpus).unwrap_or(Span::from_ns(u64::MAX));
    quota >= QUOTA_MIN && written.period() <= QUOTA_PERIOD_MAX
}

/// Who is capped on `cpu`, and what is left of it.
fn cpu_verdict(resulting: &[Held], asked: &str, cpu: CpuIndex) -> CpuVerdict {
    let order = rate_monotonic_order(resulting);
    let on_cpu = order.into_iter().map(|i| &resulting[i]).filter(|held| held.cpus.contains(cpu));
    let holder = |held: &Held| Holder {
        name: held.name.clone(),
        reservation: held.reservation,
        own_part: false,
        asked: held.name.as_str() == asked,
        response: None,
    };
    let left = Bandwidth::ONE.saturating_sub(sum_on(resulting, cpu));
    CpuVerdict { cpu, holders: on_cpu.map(holder).collect(), left }
}

/// ΣQ/P on `cpu`.
fn sum_on(held: &[Held], cpu: CpuIndex) -> Bandwidth {
    held.iter().filter(|h| h.cpus.contains(cpu)).map(|h| h.reservation.bandwidth()).sum()
}

/// The CPUs among `cpus` whose caps sum to more than the CPU.
fn overcommitted(resulting: &[Held], cpus: &CpuSet) -> Option<Note> {
    let over: CpuSet = cpus.iter().filter(|&c| sum_on(resulting, c) > Bandwidth::ONE).collect();
    let sum = over.iter().map(|cpu| sum_on(resulting, cpu)).max()?;
    Some(Note::QuotaOvercommitted { cpus: over, sum })
}
