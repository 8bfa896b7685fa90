// SPDX-License-Identifier: MIT OR Apache-2.0
//! 1 to 32 capsules on all CPUs, each with one spinner per CPU that is pinned there. A spinner rests
//! after every fifty periods, so that what is measured does not add up over thousands of them.

use evenkeel_model::{CapsuleName, CpuIndex};
use evenkeel_sched::scx::running;

use super::session::{Session, Workload, window_in};
use super::tracer::Tracer;
use crate::recording::{Pinned, Recorded, Recording};
use crate::workload::{Window, now, sleep_until};

const MS: u64 = 1_000_000;

/// From a CPU's start to that of the next one: half of the shortest period. Two that do the same at the
/// same time change turns at the same instruction each time; and one that begins a run while the other
/// is busy, and ends it while the other is idle, has a turn in between where it begins only. What the
/// two clocks of the measure differ by would add up.
const APART: u64 = MS;

/// One constellation: (budget, period) of each capsule, and how long it is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Budget and period in ns.
    pub reservations: Vec<(u64, u64)>,
    /// Length of the load.
    pub length_ns: u64,
}

/// Periods of the mixed cases: 2 ms to 1 s, as a user would choose them.
const PERIODS_MS: [u64; 8] = [2, 5, 10, 20, 50, 100, 500, 1000];

/// The cases. Sums stay at 0.94 of each CPU: 0.95 is the most that is admitted, and rounding budgets
/// to whole microseconds may add. Every capsule sees at least three of its periods.
pub fn cases(short: bool) -> Vec<Case> {
    let one = |budget_us: u64, period_ms: u64, periods: u64| Case {
        name: format!("1-of-{budget_us}us-in-{period_ms}ms"),
        reservations: vec![(budget_us * 1000, period_ms * MS)],
        length_ns: periods * period_ms * MS + MS,
    };
    let many = |count: u64, periods_ms: &[u64]| {
        let choose =
            |index: u64| periods_ms[usize::try_from(index).unwrap_or(0) % periods_ms.len()];
        let reservations = (0..count).map(|index| {
            let period = choose(index) * MS;
            // Whole microseconds, rounded down.
            (period * 94 / 100 / count / 1000 * 1000, period)
        });
        let longest = periods_ms.iter().max().copied().unwrap_or(1) * MS;
        Case {
            name: format!("{count}-capsules"),
            reservations: reservations.collect(),
            length_ns: (3 * longest).max(400 * MS) + MS,
        }
    };
    if short {
        return vec![one(600, 2, 200), many(4, &[5, 10, 20, 50])];
    }
    vec![
        one(600, 2, 500),
        one(300_000, 1000, 3),
        one(47_000, 50, 20),
        many(2, &[2, 10]),
        many(4, &[2, 10, 100, 1000]),
        many(8, &PERIODS_MS),
        many(16, &PERIODS_MS[1..]),
        many(32, &PERIODS_MS[2..]),
    ]
}

/// Runs all cases.
pub fn run(session: &Session, short: bool) -> anyhow::Result<()> {
    for case in cases(short) {
        let begun = now();
        record_beside(session, "saturated", &case, &[])?;
        eprintln!("saturated {}: {} ms", case.name, (now() - begun) / MS);
    }
    Ok(())
}

/// Records one case of `experiment` while the workloads `beside` run outside all capsules.
pub fn record_beside(
    session: &Session,
    experiment: &str,
    case: &Case,
    beside: &[&[&str]],
) -> anyhow::Result<()> {
    let directory = session.directory(experiment, &case.name)?;
    Tracer::prepare()?;
    let Loaded { names, mut workloads, mut capsules } = load(session, case)?;
    let outside: anyhow::Result<Vec<Workload>> =
        beside.iter().map(|words| session.start(None, words)).collect();
    let mut outside = outside?;
    // Its buffers take a while: before the window is fixed.
    let tracer = Tracer::start(session.cpus)?;
    let longest = case.reservations.iter().map(|(_, period)| *period).max().unwrap_or(0);
    // After a whole period asleep a server wakes with a full budget and a new deadline, so that its
    // periods are known from outside.
    let window = window_in(longest + longest / 5 + 100 * MS, case.length_ns);
    for workload in &mut outside {
        workload.begin(window)?;
    }
    let apart = (0..u64::from(session.cpus)).map(|cpu| cpu * APART).cycle();
    for (workload, later) in workloads.iter_mut().zip(apart) {
        workload.begin(Window { start: window.start + later, ..window })?;
    }
    sleep_until(window.end);
    let (formats, lost) = tracer.finish(&directory)?;
    for workload in workloads.into_iter().chain(outside) {
        workload.result::<serde_json::Value>()?;
    }
    for (name, capsule) in names.iter().zip(&mut capsules) {
        own_account(name, capsule)?;
        session.delete(name)?;
    }
    let (start_ns, end_ns) = (window.start, window.end);
    let (case, cpus) = (case.name.clone(), session.cpus);
    Recording { case, capsules, start_ns, end_ns, formats, cpus, lost }.write(&directory)
}

/// What our scheduler says of the overruns of `capsule`, where it is what runs.
fn own_account(name: &CapsuleName, capsule: &mut Recorded) -> anyhow::Result<()> {
    let Some(loaded) = running::find()? else { return Ok(()) };
    let Some(slot) = loaded.slot(name)? else { return Ok(()) };
    for pinned in &mut capsule.pinned {
        pinned.overrun_max_ns = Some(loaded.server(CpuIndex(pinned.cpu), slot)?.overrun_max_ns);
    }
    Ok(())
}

/// Capsules with their spinners, ready to begin.
struct Loaded {
    names: Vec<CapsuleName>,
    /// Of each capsule one for each CPU.
    workloads: Vec<Workload>,
    capsules: Vec<Recorded>,
}

fn load(session: &Session, case: &Case) -> anyhow::Result<Loaded> {
    let cpus: Vec<u32> = (0..session.cpus).collect();
    let mut loaded = Loaded { names: Vec::new(), workloads: Vec::new(), capsules: Vec::new() };
    let pins: Vec<String> = cpus.iter().map(u32::to_string).collect();
    for (index, (budget_ns, period_ns)) in case.reservations.iter().copied().enumerate() {
        let period = period_ns.to_string();
        let words: Vec<[&str; 3]> = pins.iter().map(|cpu| [cpu, "spin", &period]).collect();
        let words: Vec<&[&str]> = words.iter().map(<[&str; 3]>::as_slice).collect();
        let (name, workloads) = session.create_filled(&format!("s{index}"), &cpus, &words)?;
        let pin = |(cpu, workload): (&u32, &Workload)| Pinned {
            cpu: *cpu,
            pid: workload.pid(),
            overrun_max_ns: None,
        };
        let pinned = cpus.iter().zip(&workloads).map(pin).collect();
        let recorded = Recorded { name: name.to_string(), budget_ns, period_ns, pinned };
        loaded.workloads.extend(workloads);
        loaded.capsules.push(recorded);
        loaded.names.push(name);
    }
    for (name, (budget_ns, period_ns)) in loaded.names.iter().zip(&case.reservations) {
        session.reserve(name, *budget_ns, *period_ns)?;
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_fits_and_covers_the_promised_range() {
        let cases = cases(false);
        for case in &cases {
            let sum: f64 = case.reservations.iter().map(|(q, p)| *q as f64 / *p as f64).sum();
            assert!(sum <= 0.941, "{}: {sum}", case.name);
            assert!(case.reservations.iter().all(|(_, period)| case.length_ns > 3 * period));
        }
        let counts: Vec<usize> = cases.iter().map(|case| case.reservations.len()).collect();
        assert_eq!(counts, [1, 1, 1, 2, 4, 8, 16, 32]);
        let periods = cases.iter().flat_map(|case| &case.reservations).map(|(_, period)| *period);
        assert_eq!(periods.clone().min(), Some(2 * MS));
        assert_eq!(periods.max(), Some(1000 * MS));
    }
}
