// SPDX-License-Identifier: MIT OR Apache-2.0
//! `accuracy`: what a capsule gets whose only thread wants all it can get. No guest, no packets:
//! the enforcer alone.
//!
//! The thread watches itself (`generator::budget_spinner`); its watch begins with a replenishment
//! and lasts whole periods, so that neither a budget begun nor one left over counts.

use std::process::Command;

use evenkeel_kernel::facts;
use evenkeel_model::{NetworkContextKind, Reservation, Span};

use super::Session;
use super::session::unreadable;
use crate::error::LabError;
use crate::fingerprint::StealReading;
use crate::generator::GeneratorError;
use crate::generator::budget_spinner::{GAP, SpinRecord};
use crate::measurement::{Accuracy, AccuracyRow, AccuracyRun, AccuracySummary, Stretch};
use crate::testbed::Testbed;

const NAME: &str = "accuracy";
const CAPSULE: &str = "spin";

/// The longest scheduler tick that Linux can be built with (HZ=100), where the kernel does not say.
const TICK_MAX: Span = Span::from_ms(10);

/// How long the spinner waits for its first replenishment: a few of the longest periods used.
const PATIENCE: Span = Span::from_s(2);

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The reservations, one after the other.
    pub reservations: Vec<Reservation>,
    /// How long each is watched, rounded down to whole periods.
    pub watch: Span,
}

impl Plan {
    /// (6, 20), (4, 20), (30, 100) and (45, 50) ms, each watched for `watch`.
    pub fn of(watch: Span) -> Plan {
        let reservation = |(budget, period)| {
            Reservation::new(Span::from_ms(budget), Span::from_ms(period))
                .expect("each budget is below its period")
        };
        let reservations = [(6, 20), (4, 20), (30, 100), (45, 50)].map(reservation);
        Plan { reservations: reservations.to_vec(), watch }
    }
}

/// Runs it.
pub fn run(session: &mut Session, plan: &Plan) -> Result<Accuracy, LabError> {
    let mut steps = session.begin(NAME, plan.reservations.len())?;
    let (mut testbed, spinners) =
        session.testbed(&steps, Vec::new(), NetworkContextKind::Dedicated, false)?;
    let mut runs = Vec::new();
    for &reservation in &plan.reservations {
        session.step(&mut steps, format!("a spinner with {reservation}"))?;
        let before = StealReading::now().map_err(unreadable)?;
        let record = spin_inside(session, &mut testbed, plan, reservation)?;
        let after = StealReading::now().map_err(unreadable)?;
        runs.push(AccuracyRun {
            budget_ns: reservation.budget(),
            period_ns: reservation.period(),
            elapsed_ns: record.elapsed,
            supply_ns: record.supply,
            stretches: record.stretches,
            truncated: record.truncated,
            steal_ratio: after.ratio_since(&before),
        });
    }
    drop(spinners);
    testbed.close()?;
    let summary = summary(&runs, facts::tick_hz());
    session.measurement(&steps, "none", runs, summary)
}

/// The spinner as a process of its own, started inside the capsule as a VM would be.
fn spin_inside(
    session: &Session,
    testbed: &mut Testbed,
    plan: &Plan,
    reservation: Reservation,
) -> Result<SpinRecord, LabError> {
    const PROGRAM: &str = "lab-guest spin";
    let (budget, period) = (reservation.budget(), reservation.period());
    let periods = (plan.watch.as_ns() / period.as_ns()).max(1);
    let length = Span::from_ns(period.as_ns() * periods);
    // A capsule that has spent its budget is without service for P - Q, less an overrun and with
    // the tick's help: half of it tells a replenishment from an interrupt.
    let off = Span::from_ns((period.as_ns() - budget.as_ns()) / 2).max(GAP);
    let mut command = Command::new(&session.program.path);
    command.args(&session.program.arguments).arg("spin");
    command.args([length, off, PATIENCE].map(|span| span.as_ns().to_string()));
    let output = testbed.run_inside(CAPSULE, reservation, &mut command)?;
    let unread = || {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        GeneratorError::Output { program: PROGRAM, expected: "record in JSON", output: text }
    };
    Ok(serde_json::from_slice(&output.stdout).map_err(|_| unread())?)
}

/// Sums up: a row a reservation. `tick_hz` is the fingerprint's.
pub fn summary(runs: &[AccuracyRun], tick_hz: Option<u32>) -> AccuracySummary {
    let tick = tick_hz.map_or(TICK_MAX, |hz| Span::from_ns(1_000_000_000 / u64::from(hz.max(1))));
    AccuracySummary { rows: runs.iter().map(|run| row(run, tick)).collect() }
}

fn row(run: &AccuracyRun, tick: Span) -> AccuracyRow {
    let (budget, period) = (run.budget_ns, run.period_ns);
    let elapsed = run.elapsed_ns.as_ns().max(1) as f64;
    let share = run.supply_ns.as_ns() as f64 / elapsed;
    let reserved = budget.as_ns() as f64 / period.as_ns().max(1) as f64;
    let supplies = supply_of_periods(run);
    let overruns = supplies.iter().map(|supply| supply.saturating_sub(budget));
    let debt_max_ns = debt_max(&supplies, budget);
    AccuracyRow {
        budget_ns: budget,
        period_ns: period,
        share,
        share_error_ratio: super::window::ratio(share, reserved) - 1.0,
        overrun_max_ns: overruns.max().unwrap_or_default(),
        debt_max_ns,
        // What interrupts take from the spinner unseen in one stretch is allowed for.
        repaid: debt_max_ns <= tick + GAP,
        gap_max_ns: gaps(run).map(|(_, length)| length).max().unwrap_or_default(),
    }
}

/// Begin and length of the times without service, one after each stretch but the last.
fn gaps(run: &AccuracyRun) -> impl Iterator<Item = (Span, Span)> + '_ {
    run.stretches.windows(2).map(|pair| {
        let end = pair[0].begin_ns + pair[0].length_ns;
        (end, pair[1].begin_ns.saturating_sub(end))
    })
}

/// What each whole period supplied. Periods are cut where the kernel cuts them: at the earliest
/// replenishment seen, that is the smallest begin, modulo the period, of a stretch after a gap of
/// at least half of what the reservation leaves.
fn supply_of_periods(run: &AccuracyRun) -> Vec<Span> {
    let period = run.period_ns.as_ns().max(1);
    let off = run.period_ns.saturating_sub(run.budget_ns).as_ns() / 2;
    let replenished = gaps(run)
        .filter(|(_, length)| length.as_ns() >= off)
        .map(|(end, length)| (end + length).as_ns() % period);
    let anchor = replenished.min().unwrap_or(0);
    let whole = run.elapsed_ns.as_ns().saturating_sub(anchor) / period;
    (0..whole)
        .map(|k| {
            let begin = Span::from_ns(anchor + k * period);
            let end = begin + Span::from_ns(period);
            run.stretches.iter().map(|s| overlap(*s, begin, end)).fold(Span::ZERO, |a, b| a + b)
        })
        .collect()
}

fn overlap(stretch: Stretch, begin: Span, end: Span) -> Span {
    let stretch_end = stretch.begin_ns + stretch.length_ns;
    stretch_end.min(end).saturating_sub(stretch.begin_ns.max(begin))
}

/// The largest supply since the start beyond what the periods so far grant.
fn debt_max(supplies: &[Span], budget: Span) -> Span {
    let (mut supplied, mut granted, mut debt) = (Span::ZERO, Span::ZERO, Span::ZERO);
    for supply in supplies {
        supplied = supplied + *supply;
        granted = granted + budget;
        debt = debt.max(supplied.saturating_sub(granted));
    }
    debt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        budget_ms: u64,
        period_ms: u64,
        stretches_ms: &[(u64, u64)],
        elapsed_ms: u64,
    ) -> AccuracyRun {
        let ms = Span::from_ms;
        let stretches: Vec<Stretch> = stretches_ms
            .iter()
            .map(|&(begin, length)| Stretch { begin_ns: ms(begin), length_ns: ms(length) })
            .collect();
        let supply = stretches_ms.iter().map(|s| s.1).sum();
        AccuracyRun {
            budget_ns: ms(budget_ms),
            period_ns: ms(period_ms),
            elapsed_ns: ms(elapsed_ms),
            supply_ns: ms(supply),
            stretches,
            truncated: false,
            steal_ratio: 0.0,
        }
    }

    /// At 250 ticks a second.
    fn row_of(run: &AccuracyRun) -> AccuracyRow {
        let mut rows = summary(std::slice::from_ref(run), Some(250)).rows;
        rows.pop().unwrap()
    }

    #[test]
    fn an_exact_budget_has_no_error() {
        let row = row_of(&run(6, 20, &[(0, 6), (20, 6), (40, 6), (60, 6), (80, 6)], 100));
        assert!(row.share_error_ratio.abs() < 1e-12, "{}", row.share_error_ratio);
        assert_eq!((row.overrun_max_ns, row.repaid), (Span::ZERO, true));
        assert_eq!(row.gap_max_ns, Span::from_ms(14));
    }

    #[test]
    fn an_overrun_of_a_tick_is_seen_and_repaid() {
        // 4 of 20 ms, throttled at ticks of 4 ms: 8 ms, nothing, 8 ms, nothing.
        let row = row_of(&run(4, 20, &[(0, 8), (40, 8), (80, 4)], 100));
        assert_eq!((row.overrun_max_ns, row.repaid), (Span::from_ms(4), true));
        assert!(row.share_error_ratio.abs() < 1e-12);
        assert_eq!(row.gap_max_ns, Span::from_ms(32));
    }

    #[test]
    fn overruns_that_add_up_are_not_repaid() {
        let row = row_of(&run(6, 20, &[(0, 7), (20, 7), (40, 7), (60, 7), (80, 7)], 100));
        assert_eq!((row.overrun_max_ns, row.debt_max_ns), (Span::from_ms(1), Span::from_ms(5)));
        assert!(!row.repaid);
        assert!((row.share_error_ratio - 1.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn periods_are_cut_at_replenishments() {
        // The first stretch began late in its period; all others at 3 ms after its begin.
        let row = row_of(&run(6, 20, &[(0, 2), (3, 6), (23, 6), (43, 6), (63, 6)], 83));
        assert_eq!(row.overrun_max_ns, Span::ZERO);
        assert!(row.repaid);
    }

    #[test]
    fn nothing_seen_is_no_error_of_ours() {
        let row = row_of(&run(6, 20, &[], 0));
        assert!(row.share_error_ratio.is_finite());
        assert_eq!(row.gap_max_ns, Span::ZERO);
    }
}
