// SPDX-License-Identifier: MIT OR Apache-2.0
//! A short look at what runs: every real-time thread's CPU time, and the time stolen from us.

use std::collections::BTreeMap;

use evenkeel_kernel::cgroup::membership;
use evenkeel_kernel::process::{self, ThreadStat};
use evenkeel_kernel::sched::{self, Policy};
use evenkeel_kernel::{Pid, Tid, cpu};
use evenkeel_model::{CpuSet, Span};

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// How long was watched.
    pub(super) window: Span,
    /// Every thread with a real-time or deadline policy that lived all the time.
    pub(super) threads: Vec<RtThread>,
    /// Time stolen and time in all, over all CPUs; `None` where it could not be read.
    pub(super) stolen: Option<(Span, Span)>,
}

/// A thread that the fair class waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RtThread {
    pub(super) tid: Tid,
    pub(super) pid: Pid,
    pub(super) comm: String,
    pub(super) kernel: bool,
    pub(super) policy: Policy,
    /// Its group in the hierarchy of the `cpu` controller.
    pub(super) group: String,
    /// Where it may run; `None` where that could not be read.
    pub(super) cpus: Option<CpuSet>,
    /// CPU time it used in the window.
    pub(super) used: Span,
}

/// Watches for `window`.
pub(super) fn watch(window: Span) -> Watch {
    let times = cpu::stat().ok();
    let threads = real_time_threads();
    std::thread::sleep(window.as_duration());
    let stolen = times.zip(cpu::stat().ok()).map(|(before, after)| stolen(&before, &after));
    let threads =
        threads.into_iter().filter_map(|(thread, before)| since(thread, before)).collect();
    Watch { window, threads, stolen }
}

/// Every real-time thread there is, with its CPU time until now. A thread that ends while we look
/// is left out: it is no hog any more.
fn real_time_threads() -> Vec<(RtThread, Span)> {
    let processes = process::all_processes().unwrap_or_default();
    let threads = processes.into_iter().flat_map(|pid| process::threads(pid).unwrap_or_default());
    threads
        .filter_map(|tid| {
            let policy = sched::sched_attr(tid).ok()?.policy;
            let watched = policy.is_real_time() || matches!(policy, Policy::Deadline { .. });
            let stat = if watched { process::stat(tid).ok()? } else { return None };
            Some((described(stat, policy), process::cpu_time(tid).ok()?))
        })
        .collect()
}

fn described(stat: ThreadStat, policy: Policy) -> RtThread {
    RtThread {
        tid: stat.tid,
        pid: stat.pid,
        comm: stat.comm,
        kernel: stat.kernel_thread,
        policy,
        group: group_of(stat.tid),
        cpus: sched::affinity(stat.tid).ok(),
        used: Span::ZERO,
    }
}

/// The path of the thread's group below the root of the `cpu` hierarchy: version 1, else 2.
fn group_of(tid: Tid) -> String {
    let memberships = membership(tid).unwrap_or_default();
    let with_cpu = |controllers: &[String]| controllers.iter().any(|name| name == "cpu");
    let found = memberships
        .iter()
        .find(|membership| with_cpu(&membership.controllers))
        .or_else(|| memberships.iter().find(|membership| membership.hierarchy_id == 0));
    found.map_or_else(|| "/".to_owned(), |membership| membership.path.clone())
}

fn since(thread: RtThread, before: Span) -> Option<RtThread> {
    let now = process::cpu_time(thread.tid).ok()?;
    Some(RtThread { used: now.saturating_sub(before), ..thread })
}

fn stolen(
    before: &BTreeMap<evenkeel_model::CpuIndex, cpu::CpuTimes>,
    after: &BTreeMap<evenkeel_model::CpuIndex, cpu::CpuTimes>,
) -> (Span, Span) {
    let passed = after.iter().filter_map(|(cpu, now)| Some(now.since(before.get(cpu)?)));
    passed.fold((Span::ZERO, Span::ZERO), |(stolen, all), times| {
        // `user` contains guests, `nice` does not: these eight are all time there is.
        let busy = times.user + times.nice + times.system + times.irq + times.softirq;
        (stolen + times.steal, all + busy + times.idle + times.iowait + times.steal)
    })
}

#[cfg(test)]
mod tests {
    use evenkeel_model::CpuIndex;

    use super::*;

    #[test]
    fn stolen_time_is_summed_over_cpus() {
        let times = |steal, idle| cpu::CpuTimes {
            steal: Span::from_ms(steal),
            idle: Span::from_ms(idle),
            ..cpu::CpuTimes::default()
        };
        let before = BTreeMap::from([(CpuIndex(0), times(0, 0)), (CpuIndex(1), times(10, 10))]);
        let after = BTreeMap::from([(CpuIndex(0), times(30, 70)), (CpuIndex(1), times(10, 110))]);
        assert_eq!(stolen(&before, &after), (Span::from_ms(30), Span::from_ms(200)));
    }

    #[test]
    fn this_host_has_real_time_threads_of_the_kernel() {
        // Every SMP kernel has migration/N, which the policy of its class shows as fifo 99.
        let watch = watch(Span::from_ms(1));
        assert!(watch.threads.iter().any(|thread| thread.kernel), "{:?}", watch.threads);
    }
}
