// SPDX-License-Identifier: MIT OR Apache-2.0
//! The simulator against theory: supply never below its bound, responses never above theirs.

use evenkeel_theory::{Supply, Task, fixed_priority_response_times};

use crate::bench::{random_scenario, scenario_with_tasks};
use crate::scenario::{Scenario, WorkloadKind};
use crate::shortfall;
use crate::{SchedulerKind, TraceLimit, run, run_traced};

/// What a search for violations found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Violations {
    /// How many capsules or tasks were judged.
    pub judged: u64,
    /// How many broke their bound.
    pub count: u64,
    /// The first that did.
    pub first: Option<String>,
    /// The largest measured figure as a part of its bound: how near the bound is.
    pub closest: f64,
}

impl Violations {
    fn add(&mut self, broken: bool, words: impl FnOnce() -> String) {
        self.judged += 1;
        if broken {
            self.count += 1;
            self.first.get_or_insert_with(words);
        }
    }
}

/// Capsules below their supply bound in the random scenarios of these seeds, under the capsule
/// scheduler.
pub fn supply_violations(seeds: std::ops::Range<u64>) -> Violations {
    let mut found = Violations::default();
    for seed in seeds {
        let scenario = random_scenario(seed);
        let run = run_traced(&scenario, SchedulerKind::Capsule, TraceLimit::default());
        let Ok((_, trace)) = run else {
            found.add(true, || format!("seed {seed} is not taken"));
            continue;
        };
        for (index, capsule) in scenario.capsules.iter().enumerate() {
            let supply = Supply::of_hard_cbs(capsule.reservation);
            let worst = shortfall::worst(&trace, index, supply);
            found.add(worst.is_some() || trace.is_cut, || {
                format!("seed {seed}, {}: {worst:?}", capsule.name)
            });
        }
    }
    found
}

/// Tasks whose response times exceed the bound that theory has for them, in the scenarios of these
/// seeds. Only tasks that have a bound are judged.
pub fn response_violations(seeds: std::ops::Range<u64>) -> Violations {
    let mut found = Violations::default();
    for seed in seeds {
        let scenario = scenario_with_tasks(seed);
        let Ok(outcome) = run(&scenario, SchedulerKind::Capsule) else {
            found.add(true, || format!("seed {seed} is not taken"));
            continue;
        };
        for (index, capsule) in scenario.capsules.iter().enumerate() {
            let (numbers, tasks) = tasks_of(&scenario, index);
            let bounds =
                fixed_priority_response_times(&tasks, Supply::of_hard_cbs(capsule.reservation));
            for (number, bound) in numbers.iter().zip(bounds) {
                let measured = outcome.workloads[*number].max;
                let (Ok(bound), Some(measured)) = (bound, measured) else { continue };
                let ratio = measured.as_ns() as f64 / bound.as_ns() as f64;
                found.closest = found.closest.max(ratio);
                found.add(measured > bound, || {
                    format!("seed {seed}, workload {number}: {measured} above {bound}")
                });
            }
        }
    }
    found
}

/// The workloads of a capsule as theory sees them, with their numbers.
fn tasks_of(scenario: &Scenario, capsule: usize) -> (Vec<usize>, Vec<Task>) {
    let own = scenario.workloads.iter().enumerate().filter(|(_, w)| w.capsule == capsule);
    own.filter_map(|(number, workload)| {
        let (cost, period, jitter) = match workload.kind {
            WorkloadKind::Periodic { period, cost, jitter, .. } => (cost, period, jitter),
            WorkloadKind::Sporadic { gap, cost, .. } => (cost, gap, evenkeel_model::Span::ZERO),
            _ => return None,
        };
        let task = Task::new(&workload.name, cost.most, period, period).ok()?;
        let task = task.with_jitter(jitter).ok()?.with_priority(u32::from(workload.priority));
        Some((number, task))
    })
    .unzip()
}
