// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of the measurements that need no trace: task sets, cost of dispatch, comparison with the
//! kernel's own scheduler, random operations.

use evenkeel_model::BenchRow;

use super::saturated::{as_f64, percentile};
use crate::experiment::compare::Phase;
use crate::experiment::dispatch::Costs;
use crate::experiment::guest::{Guest, VhostMode};
use crate::experiment::soak::Soaked;
use crate::experiment::tasksets::SetResult;

fn float(number: u64) -> f64 {
    i64::try_from(number).map_or(f64::NAN, as_f64)
}

/// Deadlines missed; a set without jobs has proven nothing.
pub fn tasksets(sets: &[SetResult]) -> Vec<BenchRow> {
    let late: u64 = sets.iter().flat_map(|set| &set.jobs).map(|jobs| jobs.late).sum();
    let all_ran = sets
        .iter()
        .all(|set| set.jobs.len() == set.tasks.len() && set.jobs.iter().all(|jobs| jobs.jobs > 0));
    let name = format!("deadline misses of {} random task sets", sets.len());
    vec![BenchRow::at_most(name, float(late), "jobs", 0.0).and(all_ran && !sets.is_empty())]
}

/// Mean cost of a dispatch with many capsules by that with few.
pub fn dispatch(costs: &[Costs]) -> Vec<BenchRow> {
    let mean = |costs: &Costs| {
        let dispatch = costs.programs.iter().find(|(name, _)| name.contains("dispatch"));
        dispatch.map_or(f64::NAN, |(_, cost)| float(cost.time_ns) / float(cost.runs))
    };
    let [few, many] = costs else { return Vec::new() };
    let name = format!("dispatch cost, {} to {} capsules", few.capsules, many.capsules);
    vec![BenchRow::at_most(name, mean(many) / mean(few), "x", 1.5)]
}

/// Ours by the kernel's. A phase in which the wrong scheduler was loaded never holds.
pub fn compare(kernel: &Phase, ours: &Phase) -> Vec<BenchRow> {
    let right = kernel.states.iter().all(|state| state.starts_with("disabled"))
        && ours.states.iter().all(|state| state.starts_with("enabled"));
    let at = |values: &[u64], permille| {
        percentile(&mut values.to_vec(), permille).map_or(f64::NAN, float)
    };
    let ratio = |name: &str, ours: &[u64], kernel: &[u64], permille, limit| {
        BenchRow::at_most(name, at(ours, permille) / at(kernel, permille), "x", limit).and(right)
    };
    let (idle, kernel_idle) = (&ours.wake_idle.latencies_ns, &kernel.wake_idle.latencies_ns);
    let (loaded, kernel_loaded) =
        (&ours.wake_loaded.latencies_ns, &kernel.wake_loaded.latencies_ns);
    let (turns, kernel_turns) = (&ours.ping_pong.latencies_ns, &kernel.ping_pong.latencies_ns);
    vec![
        ratio("no capsule: hackbench", &ours.hackbench_ns, &kernel.hackbench_ns, 500, 1.05),
        ratio("no capsule: wake-up when idle, median", idle, kernel_idle, 500, 1.5),
        ratio("no capsule: wake-up when idle, p99", idle, kernel_idle, 990, 1.5),
        ratio("no capsule: wake-up beside hogs, median", loaded, kernel_loaded, 500, 1.5),
        ratio("no capsule: wake-up beside hogs, p99", loaded, kernel_loaded, 990, 1.5),
        ratio("no capsule: threads waking each other, median", turns, kernel_turns, 500, 1.5),
        ratio("no capsule: threads waking each other, p99", turns, kernel_turns, 990, 1.5),
    ]
}

/// A guest's whole CPU time by its budget; `promised` for ours, the other for comparison only.
pub fn guest(guest: &Guest, promised: bool) -> Vec<BenchRow> {
    let kthread = guest.mode == VhostMode::Kthread;
    let worker = if kthread { "kernel's vhost thread" } else { "QEMU's vhost thread" };
    let with = if promised { "" } else { ", cpu.max for comparison" };
    let name = |kind: &str, what: &str| format!("guest, {worker}, {kind}{with}: {what}");
    let mut rows = Vec::new();
    for (kind, traffic) in [("TCP", &guest.tcp), ("flood", &guest.flood)] {
        let budget = float(traffic.window_ns) * float(guest.budget_ns) / float(guest.period_ns);
        let all = float(traffic.executed_ns) / budget;
        let vhost = float(traffic.vhost_ns) / budget;
        let unit = "of the budget";
        let row = |what: &str, figure| match promised {
            // 150 periods: one budget more at the edges is 0.7 %, and charges come with the tick.
            true => BenchRow::at_most(name(kind, what), figure, unit, 1.02).and(vhost > 0.0),
            false => BenchRow::at_least(name(kind, what), figure, unit, 0.0),
        };
        rows.push(row("all its threads, vhost included", all));
        rows.push(row("vhost", vhost));
    }
    // Any figure that only real traffic has; emulated inside emulation it is some tens.
    let rate_min = if promised { 5.0 } else { 0.0 };
    let rate = float(guest.tcp.delivered) * 8e3 / float(guest.tcp.window_ns);
    rows.push(BenchRow::at_least(name("TCP", "delivered to it"), rate, "Mb/s", rate_min));
    if promised {
        let found = if kthread { guest.vhost_kthreads } else { guest.vhost_threads };
        let row = BenchRow::at_least(
            name("attach", "vhost recognised"),
            f64::from(found),
            "threads",
            1.0,
        );
        rows.push(row.and(kthread == (guest.vhost_kthreads > 0)));
    }
    rows
}

/// Lines of the kernel's log that must not be there.
pub fn complaints(dmesg: &str) -> Vec<&str> {
    const BAD: [&str; 10] = [
        "WARNING:",
        "BUG:",
        "Oops",
        "soft lockup",
        "hard LOCKUP",
        "failed to run for",
        "rcu_preempt detected stalls",
        "rcu: INFO:",
        "blocked for more than",
        "runtime error",
    ];
    dmesg.lines().filter(|line| BAD.iter().any(|bad| line.contains(bad))).collect()
}

/// Everything that went wrong, counted.
pub fn soak(soaked: &Soaked, dmesg: &str) -> Vec<BenchRow> {
    let loaded = soaked.state.starts_with("enabled");
    let name = |what: &str| format!("{} random operations: {what}", soaked.operations);
    let none = |what: &str, found: usize, unit: &str| {
        let found = i64::try_from(found).map_or(f64::NAN, as_f64);
        BenchRow::at_most(name(what), found, unit, 0.0)
    };
    let left = soaked.left.len() + soaked.after.grown_since(&soaked.before).len();
    // The guarded capsule is the least that both have.
    let counted = soaked.before.slots > 0 && soaked.after.slots > 0;
    let late = usize::try_from(soaked.guarded_late).unwrap_or(usize::MAX);
    vec![
        none("faults", soaked.faults.len(), "faults").and(loaded),
        none("left behind", left, "things").and(counted),
        none("deadlines missed beside them", late, "jobs").and(soaked.guarded_jobs > 0),
        none("kernel unlike the record", soaked.differences.len(), "capsules")
            .and(soaked.compared > 0),
        none("warnings in dmesg", complaints(dmesg).len(), "lines").and(!dmesg.is_empty()),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::experiment::held::Held;
    use crate::experiment::sched_ext::Cost;
    use crate::workload::{Jobs, Latencies};

    #[test]
    fn a_late_job_and_an_idle_set_break_the_row() {
        let task = crate::experiment::tasksets::Task { budget_ns: 2, period_ns: 10, work_ns: 1 };
        let set = |jobs, late| SetResult {
            tasks: vec![task],
            jobs: vec![Jobs { jobs, late, responses_ns: Vec::new() }],
            servers: Vec::new(),
        };
        assert!(tasksets(&[set(3, 0)])[0].holds);
        assert!(!tasksets(&[set(3, 1)])[0].holds);
        assert!(!tasksets(&[set(0, 0)])[0].holds);
        assert!(!tasksets(&[])[0].holds);
    }

    #[test]
    fn the_cost_is_per_run() {
        let costs = |capsules, runs, time_ns| Costs {
            capsules,
            programs: BTreeMap::from([("evenkeel_dispatch".to_owned(), Cost { runs, time_ns })]),
        };
        let rows = dispatch(&[costs(4, 10, 100), costs(256, 100, 1400)]);
        assert!((rows[0].figure - 1.4).abs() < 1e-9 && rows[0].holds);
        let none = Costs { capsules: 256, programs: BTreeMap::new() };
        assert!(!dispatch(&[costs(4, 10, 100), none])[0].holds);
    }

    #[test]
    fn the_wrong_scheduler_never_holds() {
        let phase = |state: &str| {
            let some = || Latencies { latencies_ns: vec![10, 10] };
            Phase {
                states: [state.to_owned(), state.to_owned()],
                hackbench_ns: vec![100],
                hackbench_switches: vec![7],
                wake_idle: some(),
                wake_loaded: some(),
                ping_pong: some(),
            }
        };
        let (kernel, ours) = (phase("disabled"), phase("enabled evenkeel"));
        assert!(compare(&kernel, &ours).iter().all(|row| row.holds && row.figure == 1.0));
        assert!(compare(&kernel, &kernel).iter().all(|row| !row.holds));
    }

    #[test]
    fn a_guest_beyond_its_budget_breaks_the_row() {
        use crate::experiment::guest::Traffic;
        let traffic = |executed_ns, vhost_ns| Traffic {
            window_ns: 1000,
            executed_ns,
            vhost_ns,
            delivered: 1000,
        };
        let good = Guest {
            budget_ns: 6,
            period_ns: 20,
            mode: VhostMode::Thread,
            vhost_threads: 1,
            vhost_kthreads: 0,
            threads: Vec::new(),
            tcp: traffic(300, 20),
            flood: traffic(300, 100),
        };
        assert!(guest(&good, true).iter().all(|row| row.holds));
        let greedy = Guest { flood: traffic(310, 100), ..good.clone() };
        assert_eq!(guest(&greedy, true).iter().filter(|row| !row.holds).count(), 1);
        let silent = Guest { vhost_threads: 0, tcp: traffic(300, 0), ..good.clone() };
        assert_eq!(guest(&silent, true).iter().filter(|row| !row.holds).count(), 3);
        // Asked for the kernel's thread, and QEMU's came.
        let other = Guest { mode: VhostMode::Kthread, ..good };
        assert_eq!(guest(&other, true).iter().filter(|row| !row.holds).count(), 1);
    }

    #[test]
    fn warnings_are_seen() {
        let dmesg =
            "[1.0] Linux version 7.2\n[9.1] WARNING: CPU: 0 PID: 1 at kernel/sched/ext.c:1\n";
        assert_eq!(complaints(dmesg).len(), 1);
        let held = || Held { slots: 1, ..Held::default() };
        let soaked = Soaked { operations: 5, guarded_jobs: 1, compared: 1, ..Soaked::default() };
        let soaked =
            Soaked { state: "enabled evenkeel".into(), before: held(), after: held(), ..soaked };
        assert!(!soak(&soaked, dmesg)[4].holds);
        assert!(soak(&soaked, "[1.0] Linux version 7.2\n").iter().all(|row| row.holds));
        assert!(!soak(&soaked, "").iter().all(|row| row.holds));
        let leaky = Soaked { after: Held { files: 1, ..held() }, ..soaked };
        assert!(!soak(&leaky, "[1.0] Linux version 7.2\n")[1].holds);
    }
}
