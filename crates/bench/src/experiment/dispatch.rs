// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a dispatch costs, by the number of capsules on a CPU that all have work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sched_ext::{Cost, costs_during};
use super::session::{Session, Workload, window_in};
use crate::workload::{now, sleep_until};

const MS: u64 = 1_000_000;
/// Few and many; the promise is about growth between them.
pub const COUNTS: [u64; 2] = [4, 256];
const PERIOD: u64 = 100 * MS;
/// Five of the periods.
const LENGTH: u64 = 500 * MS;

/// One number of capsules and what each program of the scheduler cost meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// Capsules on CPU 0.
    pub capsules: u64,
    /// By the program's name.
    pub programs: BTreeMap<String, Cost>,
}

/// Measures both numbers.
pub fn run(session: &Session) -> anyhow::Result<()> {
    for count in COUNTS {
        let begun = now();
        let directory = session.directory("dispatch", &format!("{count:03}"))?;
        let costs = Costs { capsules: count, programs: crowd(session, count)? };
        std::fs::write(directory.join("costs.json"), serde_json::to_vec_pretty(&costs)?)?;
        eprintln!("dispatch {count}: {} ms", (now() - begun) / MS);
    }
    Ok(())
}

/// `count` capsules with 0.8 of CPU 0 together, each with a spinner.
fn crowd(session: &Session, count: u64) -> anyhow::Result<BTreeMap<String, Cost>> {
    let budget = PERIOD * 8 / 10 / count / 1000 * 1000;
    let mut names = Vec::new();
    let mut workloads: Vec<Workload> = Vec::new();
    for index in 0..count {
        let (name, started) = session.create_filled(&format!("d{index}"), &[0], &[&["0", "spin"]])?;
        workloads.extend(started);
        names.push(name);
        if index % 32 == 31 {
            eprintln!("dispatch: {} capsules", index + 1);
        }
    }
    for name in &names {
        session.reserve(name, budget, PERIOD)?;
    }
    // All are told within a period, and all wake together.
    let window = window_in(PERIOD * 6 / 5 + count * MS, LENGTH);
    for workload in &mut workloads {
        workload.begin(window)?;
    }
    // The first period is the crowd waking, not dispatching.
    sleep_until(window.start + PERIOD);
    let costs = costs_during(|| {
        sleep_until(window.end);
        Ok(())
    })?;
    for workload in workloads {
        workload.result::<serde_json::Value>()?;
    }
    for name in &names {
        session.delete(name)?;
    }
    Ok(costs)
}
