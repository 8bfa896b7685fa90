// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random periodic task sets: capsules that together have 0.95 of a CPU, each with one task of the
//! capsule's period that asks 97 % of its budget, beside a hog on every CPU. All first jobs are
//! released together, the worst moment.

use evenkeel_model::{CapsuleName, CpuIndex};
use evenkeel_sched::scx::running;
use serde::{Deserialize, Serialize};

use super::session::{Session, Workload, window_in};
use crate::random::{Random, uunifast};
use crate::workload::{Jobs, now};

const MS: u64 = 1_000_000;
/// Any; printed with the result.
const SEED: u64 = 2009;
/// Per CPU, the most that admission accepts.
const TOTAL: f64 = 0.95;
/// What a task asks of its budget, in percent. The rest pays for what its server is charged beside
/// the task's own work: switches, interrupts.
const ASKED_PERCENT: u64 = 97;
/// A budget of which 3 % are still some 30 us, what a switch and an interrupt cost in this machine
/// of 250 to 500 million instructions a second. Sets with a smaller one are drawn again.
const BUDGET_MIN: u64 = MS;
/// The longest period is seen three times.
const LENGTH: u64 = 300 * MS;

/// A task and its capsule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Budget of the capsule.
    pub budget_ns: u64,
    /// Period of both.
    pub period_ns: u64,
    /// What the task executes each period.
    pub work_ns: u64,
}

/// One set on one CPU and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetResult {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// Their jobs, in the same order.
    pub jobs: Vec<Jobs>,
    /// What the scheduler counted of their servers, in the same order, where it is ours.
    #[serde(default)]
    pub servers: Vec<Server>,
}

/// A server's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// How often its budget ended with work left.
    pub throttled: u64,
    /// Deadlines that passed with budget and work left.
    pub misses: u64,
    /// Replenishments that came after the next deadline.
    pub lag_resets: u64,
    /// The largest overrun.
    pub overrun_max_ns: u64,
}

fn servers(names: &[CapsuleName], cpu: u32) -> anyhow::Result<Vec<Server>> {
    let Some(loaded) = running::find()? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for name in names {
        let Some(slot) = loaded.slot(name)? else { continue };
        let server = loaded.server(CpuIndex(cpu), slot)?;
        all.push(Server {
            throttled: server.throttled,
            misses: server.misses,
            lag_resets: server.lag_resets,
            overrun_max_ns: server.overrun_max_ns,
        });
    }
    Ok(all)
}

/// The sets of this bench, the same every time.
pub fn sets(count: usize) -> Vec<Vec<Task>> {
    let mut random = Random::new(SEED);
    let mut sets = Vec::new();
    // One draw in three is kept; a hundred times as many is a bound never reached.
    for _ in 0..count * 100 {
        if sets.len() == count {
            break;
        }
        let set = draw(&mut random);
        if set.iter().all(|task| task.budget_ns >= BUDGET_MIN) {
            sets.push(set);
        }
    }
    sets
}

/// Two to five tasks with periods of 10 to 100 ms, as many short as long ones (log-uniform).
#[allow(clippy::cast_precision_loss, reason = "periods in ns are far below 2^53")]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= value < 100")]
fn draw(random: &mut Random) -> Vec<Task> {
    let count = u32::try_from(2 + random.below(4)).unwrap_or(2);
    let utilisations = uunifast(random, count, TOTAL);
    let task = |utilisation: f64| {
        let period_ns = (10.0 * 10f64.powf(random.unit())) as u64 * MS;
        // Whole microseconds, down: the sum stays within what is admitted.
        let budget_ns = (utilisation * period_ns as f64) as u64 / 1000 * 1000;
        Task { budget_ns, period_ns, work_ns: budget_ns * ASKED_PERCENT / 100 }
    };
    utilisations.into_iter().map(task).collect()
}

/// Runs `count` sets, one per CPU at a time.
pub fn run(session: &Session, count: usize) -> anyhow::Result<()> {
    let begun = now();
    let directory = session.directory("tasksets", &format!("seed-{SEED}"))?;
    let mut results = Vec::new();
    let at_once = usize::try_from(session.cpus)?;
    for batch in sets(count).chunks(at_once) {
        results.extend(run_batch(session, batch)?);
        if results.len() % 20 == 0 {
            eprintln!("tasksets {} of {count}: {} ms", results.len(), (now() - begun) / MS);
        }
    }
    let text = serde_json::to_vec_pretty(&results)?;
    std::fs::write(directory.join("sets.json"), text)?;
    eprintln!("tasksets {count}: {} ms", (now() - begun) / MS);
    Ok(())
}

fn run_batch(session: &Session, batch: &[Vec<Task>]) -> anyhow::Result<Vec<SetResult>> {
    let mut names: Vec<CapsuleName> = Vec::new();
    let mut running: Vec<Vec<Workload>> = Vec::new();
    let mut hogs = Vec::new();
    for (cpu, set) in (0u32..).zip(batch) {
        let pin = cpu.to_string();
        let mut workloads = Vec::new();
        for task in set {
            let name = format!("t{}", names.len());
            let (work, period) = (task.work_ns.to_string(), task.period_ns.to_string());
            let words = [pin.as_str(), "periodic", &work, &period];
            let (name, started) = session.create_filled(&name, &[cpu], &[&words])?;
            workloads.extend(started);
            names.push(name);
        }
        running.push(workloads);
        hogs.push(session.start(None, &[&pin, "spin"])?);
    }
    for (name, task) in names.iter().zip(batch.iter().flatten()) {
        session.reserve(name, task.budget_ns, task.period_ns)?;
    }
    let longest = batch.iter().flatten().map(|task| task.period_ns).max().unwrap_or(0);
    let window = window_in(longest + longest / 5 + 50 * MS, LENGTH);
    for workload in running.iter_mut().flatten().chain(&mut hogs) {
        workload.begin(window)?;
    }
    let mut results = Vec::new();
    let mut rest = names.as_slice();
    for ((cpu, set), workloads) in (0u32..).zip(batch).zip(running) {
        let jobs: anyhow::Result<Vec<Jobs>> = workloads.into_iter().map(Workload::result).collect();
        let (own, others) = rest.split_at(set.len());
        rest = others;
        results.push(SetResult { tasks: set.clone(), jobs: jobs?, servers: servers(own, cpu)? });
    }
    drop(hogs);
    for name in &names {
        session.delete(name)?;
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_sets_that_fit_and_nearly_fill_the_cpu() {
        let sets = sets(100);
        assert_eq!(sets.len(), 100);
        for set in &sets {
            let share: f64 = set.iter().map(|t| t.budget_ns as f64 / t.period_ns as f64).sum();
            assert!(share <= TOTAL && share > TOTAL - 0.001, "{share}");
            assert!(set.iter().all(|t| (10 * MS..=100 * MS).contains(&t.period_ns)));
            assert!(set.iter().all(|t| t.work_ns <= t.budget_ns * 97 / 100));
        }
    }
}
