// SPDX-License-Identifier: MIT OR Apache-2.0
//! `show`: one capsule with every thread, what it does, what it has had, and what has drifted.

use std::collections::BTreeMap;

use evenkeel_kernel::Tid;
use evenkeel_kernel::cgroup::CgroupError;
use evenkeel_kernel::process::{self, ThreadStat, is_alive};
use evenkeel_kernel::sched::{self, Policy};
use evenkeel_model::{CapsuleName, Role, Span};
use evenkeel_netctx::state_of;
use evenkeel_sched::{Enforcer, EnforcerError};
use evenkeel_vm::{VmThread, refresh};

use crate::error::HostError;
use crate::findings::{outside, violations, warnings};
use crate::host::Host;
use crate::members::{placement, role_inside};
use crate::plan_attach::is_gone;
use crate::state::{CapsuleRecord, NetdevRecord, children_of};
use crate::subtree::{path_of, tell_roles};
use crate::supply::{Subject, measure, silent};
use crate::view::{CapsuleStatus, CapsuleView, NetdevView, Priorities, ThreadView};

impl Host {
    /// One capsule, its supply watched for `sample` (nothing is watched for [`Span::ZERO`]; at most
    /// a minute).
    pub fn show(&self, name: &CapsuleName, sample: Span) -> Result<CapsuleView, HostError> {
        let state = self.load()?;
        let record = state.capsule(name)?;
        let enforcer = self.enforcer(record.enforcer)?;
        let facts = self.facts()?;
        let summary = self.summary(&state, name, record)?;
        let subject = Subject {
            enforcer: &*enforcer,
            name,
            own: record.own,
            cpus: &record.cpus,
            tick: facts.tick,
        };
        let present = summary.status != CapsuleStatus::GroupMissing;
        let (supply, uncounted) = match measure(&subject, sample) {
            _ if !present => (silent(Span::ZERO), None),
            // A v1 `cpu` hierarchy alone enforces, and counts nothing.
            Err(EnforcerError::Cgroup(error @ CgroupError::NoUsage(_))) => {
                (silent(Span::ZERO), Some(format!("its supply is not known: {error}")))
            }
            measured => (measured?, None),
        };
        let inside = if present { enforcer.members(name)? } else { Vec::new() };
        let recognised = recognised(record);
        let threads = thread_views(record, &inside, &recognised, &*enforcer)?;
        let netdev_details =
            record.netdevs.iter().map(netdev_view).collect::<Result<Vec<_>, _>>()?;
        let mut violations = violations(present, &threads, &netdev_details);
        if present {
            violations.extend(enforcer.discrepancy(name, record.own, &record.cpus)?);
            for claim in record.subtrees() {
                violations.extend(enforcer.claim_discrepancy(name, claim)?);
            }
        }
        violations.extend(outside(&recognised, &inside, &*enforcer, name));
        let mut warnings = warnings(&state, name, summary.status);
        warnings.extend(uncounted);
        Ok(CapsuleView {
            own: record.own,
            children: children_of(&state.capsules, name),
            guarantee: enforcer.guarantee().to_owned(),
            priorities: record.band.map(|band| Priorities {
                lowest: band.priority(Role::Vmm),
                highest: band.priority(Role::Irq),
            }),
            violations,
            warnings,
            netdev_details,
            threads,
            supply,
            summary,
        })
    }

    /// CPU time that the capsule has had since it was made: one read of a counter, for whoever
    /// asks often. It lags by at most one tick on each CPU.
    pub fn supply(&self, name: &CapsuleName) -> Result<Span, HostError> {
        let state = self.load()?;
        let enforcer = self.enforcer(state.capsule(name)?.enforcer)?;
        Ok(enforcer.usage(name)?.total)
    }
}

/// Every thread inside, most urgent role first.
fn thread_views(
    record: &CapsuleRecord,
    inside: &[Tid],
    recognised: &BTreeMap<Tid, VmThread>,
    enforcer: &dyn Enforcer,
) -> Result<Vec<ThreadView>, HostError> {
    let mut threads = Vec::with_capacity(inside.len());
    for tid in inside {
        match thread_view(record, *tid, recognised.get(tid), enforcer) {
            Ok(view) => threads.push(view),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    threads.sort_by_key(|thread| (thread.role, thread.pid, thread.tid));
    Ok(threads)
}

/// What discovery says about the threads of the capsule's VMs now; of VMs that have gone, nothing.
fn recognised(record: &CapsuleRecord) -> BTreeMap<Tid, VmThread> {
    let alive = record.vms.iter().filter(|vm| is_alive(&vm.main));
    let vms = alive.filter_map(|vm| refresh(&vm.as_vm()).ok());
    let mut threads: Vec<VmThread> = vms.flat_map(|vm| vm.threads).collect();
    tell_roles(record.subtrees(), &mut threads);
    threads.into_iter().map(|thread| (thread.tid, thread)).collect()
}

fn thread_view(
    record: &CapsuleRecord,
    tid: Tid,
    recognised: Option<&VmThread>,
    enforcer: &dyn Enforcer,
) -> Result<ThreadView, HostError> {
    let stat = process::stat(tid)?;
    let time = process::thread_time(tid)?;
    let attr = sched::sched_attr(tid).map_err(EnforcerError::from)?;
    let affinity = sched::affinity(tid).map_err(EnforcerError::from)?;
    let by_group = enforcer.role_by_group(tid)?;
    let role_set = by_group.map_or_else(|| role_inside(record, &stat), Ok)?;
    let role = recognised.filter(|_| by_group.is_none()).map_or(role_set, |thread| thread.role);
    let placement = placement(record, role_set);
    let mut drift = match by_group {
        None => placement.drift(tid)?,
        Some(_) => Vec::from_iter(placement.policy_drift(tid)?),
    };
    if by_group.is_some() && affinity.iter().all(|cpu| !record.cpus.contains(cpu)) {
        drift.push(format!("may run on CPUs {affinity}, none of the capsule's"));
    }
    if role != role_set && record.band.is_some() {
        drift
            .push(format!("has the priority of role {role_set}; attach the VM again to change it"));
    }
    Ok(ThreadView {
        tid,
        pid: stat.pid,
        role,
        evidence: match by_group {
            Some(_) => by_group_evidence(tid),
            None => evidence(record, &stat, recognised),
        },
        comm: stat.comm,
        cpu_time_ns: time.cpu,
        run_delay_ns: time.run_delay,
        policy: policy_word(attr.policy).to_owned(),
        priority: match attr.policy {
            Policy::Fifo { priority } | Policy::RoundRobin { priority } => Some(priority),
            _ => None,
        },
        affinity,
        cpu: stat.cpu,
        drift,
    })
}

/// Why a thread is inside that nobody put there.
fn by_group_evidence(tid: Tid) -> String {
    match path_of(tid) {
        Some(path) => format!("inside by its control group {path}"),
        None => "inside by its control group".to_owned(),
    }
}

/// How the role is known, in words.
fn evidence(record: &CapsuleRecord, stat: &ThreadStat, recognised: Option<&VmThread>) -> String {
    if let Some(thread) = recognised {
        return thread.evidence.clone();
    }
    let napi = record.netdevs.iter().find(|netdev| {
        let mut kthreads = netdev.found.kthreads.iter();
        kthreads.any(|k| k.tid == stat.tid && k.start_ticks == stat.start_ticks)
    });
    match napi {
        Some(netdev) => format!("NAPI thread of {}", netdev.found.name),
        None if record.thread(stat.tid, stat.start_ticks).is_some() => {
            "as it was recognised when it was attached".to_owned()
        }
        None => "born inside: priority inherited from its creator".to_owned(),
    }
}

/// The policy as `chrt` calls it.
const fn policy_word(policy: Policy) -> &'static str {
    match policy {
        Policy::Other { .. } => "other",
        Policy::Batch { .. } => "batch",
        Policy::Idle => "idle",
        Policy::Fifo { .. } => "fifo",
        Policy::RoundRobin { .. } => "rr",
        Policy::Deadline { .. } => "deadline",
        Policy::Ext { .. } => "ext",
    }
}

fn netdev_view(netdev: &NetdevRecord) -> Result<NetdevView, HostError> {
    let found = &netdev.found;
    Ok(match state_of(found)? {
        Some(state) => NetdevView {
            name: state.name,
            gone: false,
            threaded: state.threaded,
            gro: state.gro,
            gro_flush_timeout_ns: state.gro_flush_timeout,
            napi_defer_hard_irqs: state.napi_defer_hard_irqs,
            kthreads: state.kthreads,
        },
        None => NetdevView {
            name: found.name.clone(),
            gone: true,
            threaded: false,
            gro: false,
            gro_flush_timeout_ns: Span::ZERO,
            napi_defer_hard_irqs: 0,
            kthreads: Vec::new(),
        },
    })
}
