// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a dispatch costs, by the number of capsules on a CPU that all have work. Budgets are the same
//! for few and for many, and so is their sum per CPU: periods are as long as there are capsules, and the
//! scheduler does the same things equally often, with heaps of another size.

use std::collections::BTreeMap;

use anyhow::Context as _;
use evenkeel_kernel::Tid;
use evenkeel_model::CapsuleName;
use evenkeel_sched::scx::{Place, running};
use serde::{Deserialize, Serialize};

use super::sched_ext::{Cost, costs_during};
use super::session::{Session, Workload, window_in};
use crate::workload::{now, sleep_until};

const MS: u64 = 1_000_000;
/// Few and many; the promise is about growth between them.
pub const COUNTS: [u64; 2] = [4, 256];
/// A capsule's part of its period: 256 of them are 100 ms.
const PART: u64 = 390_625;
/// 0.8 of it.
const BUDGET: u64 = 312_000;
/// Five of the longest periods.
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
    let period = PART * count;
    let mut workloads: Vec<Workload> = Vec::new();
    for index in 0..count {
        let name = session.create(&format!("d{index}"), BUDGET, period, &[0])?;
        // Started outside and moved: to start inside takes a 256th of a CPU seconds.
        let workload = session.start(None, &["0", "spin"])?;
        move_inside(&name, &workload)?;
        workloads.push(workload);
        if index % 64 == 63 {
            eprintln!("dispatch: {} capsules", index + 1);
        }
    }
    // All are told within a period, and all wake together.
    let window = window_in(period * 6 / 5 + count * MS, LENGTH);
    for workload in &mut workloads {
        workload.begin(window)?;
    }
    // The first fifth is the crowd waking, not dispatching.
    sleep_until(window.start + LENGTH / 5);
    let costs = costs_during(|| {
        sleep_until(window.end);
        Ok(())
    })?;
    for workload in workloads {
        workload.result::<serde_json::Value>()?;
    }
    session.host.release_all("")?;
    Ok(costs)
}

fn move_inside(name: &CapsuleName, workload: &Workload) -> anyhow::Result<()> {
    let loaded = running::find()?.context("the scheduler is not loaded")?;
    let slot = loaded.slot(name)?.with_context(|| format!("capsule {name} is not there"))?;
    loaded.place(Tid(workload.pid()), Place { slot, level: 0, by_group: false })?;
    Ok(())
}
