// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of the measurements that need no trace: task sets, cost of dispatch, comparison with the
//! kernel's own scheduler, random operations.

use evenkeel_model::BenchRow;

use super::saturated::{as_f64, percentile};
use crate::experiment::compare::Phase;
use crate::experiment::dispatch::Costs;
use crate::experiment::guest::Guest;
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
    let mut rows = Vec::new();
    for (kind, traffic) in [("TCP", &guest.tcp), ("flood", &guest.flood)] {
        let budget = float(traffic.window_ns) * float(guest.budget_ns) / float(guest.period_ns);
        let all = float(traffic.executed_ns) / budget;
        let vhost = float(traffic.vhost_ns) / budget;
        let unit = "of the budget";
        if promised {
            let name = |what: &str| format!("guest under {kind}: {what}");
            // 150 periods: one budget more at the edges is 0.7 %, and charges come with the tick.
            let row = BenchRow::at_most(name("all its threads, vhost included"), all, unit, 1.02);
            rows.push(row.and(vhost > 0.0));
            rows.push(BenchRow::at_most(name("vhost workers"), vhost, unit, 1.02).and(vhost > 0.0));
        } else {
            let name = |what: &str| format!("guest under {kind}, cpu.max for comparison: {what}");
            rows.push(BenchRow::at_least(name("all its threads"), all, unit, 0.0));
            rows.push(BenchRow::at_least(name("vhost workers"), vhost, unit, 0.0));
        }
    }
    let rate = guest.tcp.bits_per_second / 1e6;
    let threads = f64::from(guest.vhost_threads);
    if promised {
        rows.push(BenchRow::at_least("guest: vhost workers recognised", threads, "threads", 1.0));
        // Any figure that only real traffic has; emulated inside emulation it is some tens.
        rows.push(BenchRow::at_least("guest: TCP from a namespace", rate, "Mb/s", 5.0));
    } else {
        rows.push(BenchRow::at_least("guest: TCP, cpu.max for comparison", rate, "Mb/s", 0.0));
    }
    rows
}

/// Lines of the kernel's log that must not be there.
pub fn complaints(dmesg: &str) -> Vec<&str> {
    const BAD: [&str; 8] = [
        "WARNING:",
        "BUG:",
        "Oops",
        "watchdog:",
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
    let count = |list: usize| i64::try_from(list).map_or(f64::NAN, as_f64);
    let name = |what: &str| format!("{} random operations: {what}", soaked.operations);
    let late = float(soaked.guarded_late);
    vec![
        BenchRow::at_most(name("faults"), count(soaked.faults.len()), "faults", 0.0).and(loaded),
        BenchRow::at_most(name("left behind"), count(soaked.left.len()), "things", 0.0),
        BenchRow::at_most(name("deadlines missed beside them"), late, "jobs", 0.0)
            .and(soaked.guarded_jobs > 0),
        BenchRow::at_most(name("warnings in dmesg"), count(complaints(dmesg).len()), "lines", 0.0)
            .and(!dmesg.is_empty()),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
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
            bits_per_second: 1e9,
        };
        let good = Guest {
            budget_ns: 6,
            period_ns: 20,
            vhost_threads: 1,
            threads: Vec::new(),
            tcp: traffic(300, 20),
            flood: traffic(300, 100),
        };
        assert!(guest(&good, true).iter().all(|row| row.holds));
        let greedy = Guest { flood: traffic(310, 100), ..good.clone() };
        assert_eq!(guest(&greedy, true).iter().filter(|row| !row.holds).count(), 1);
        let silent = Guest { vhost_threads: 0, tcp: traffic(300, 0), ..good };
        assert_eq!(guest(&silent, true).iter().filter(|row| !row.holds).count(), 3);
    }

    #[test]
    fn warnings_are_seen() {
        let dmesg =
            "[1.0] Linux version 7.2\n[9.1] WARNING: CPU: 0 PID: 1 at kernel/sched/ext.c:1\n";
        assert_eq!(complaints(dmesg).len(), 1);
        let soaked = Soaked { operations: 5, guarded_jobs: 1, ..Soaked::default() };
        let soaked = Soaked { state: "enabled evenkeel".into(), ..soaked };
        assert!(!soak(&soaked, dmesg)[3].holds);
        assert!(soak(&soaked, "[1.0] Linux version 7.2\n").iter().all(|row| row.holds));
        assert!(!soak(&soaked, "").iter().all(|row| row.holds));
    }
}
