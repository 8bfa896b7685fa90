// SPDX-License-Identifier: MIT OR Apache-2.0
//! A synthetic spinner in hard reservations on a kernel that checks budgets at its tick: `accuracy`.

use evenkeel_lab::measurement::{Accuracy, AccuracyRow, AccuracyRun, AccuracySummary, Stretch};
use evenkeel_model::Span;

use super::{Dice, measurement};

const TICK_NS: u64 = 4_000_000;
const LENGTH_NS: u64 = 10_000_000_000;

pub fn accuracy() -> Accuracy {
    let mut dice = Dice::new(5);
    let runs: Vec<AccuracyRun> = [(6, 20), (4, 20), (30, 100), (45, 50)]
        .into_iter()
        .map(|(q, p)| spin(&mut dice, q * 1_000_000, p * 1_000_000))
        .collect();
    let rows = runs.iter().map(row).collect();
    measurement("accuracy", runs, AccuracySummary { rows })
}

/// Runs until a tick finds the budget spent, then waits for a period to pay the debt.
fn spin(dice: &mut Dice, budget_ns: u64, period_ns: u64) -> AccuracyRun {
    let mut stretches = Vec::new();
    let mut left = i128::from(budget_ns);
    let phase_ns = 1_700_000;
    let mut release = phase_ns;
    while release < LENGTH_NS {
        if left > 0 {
            let late_ns = nanoseconds(dice, 60_000.0);
            let begin = release + late_ns;
            // The first tick at which the budget is spent, or the next release.
            let spent_at = begin + u64::try_from(left).unwrap();
            let tick = spent_at.div_ceil(TICK_NS) * TICK_NS;
            let end = tick.min(release + period_ns).min(LENGTH_NS);
            push(dice, &mut stretches, begin, end);
            left -= i128::from(end - begin);
        }
        left = (left + i128::from(budget_ns)).min(i128::from(budget_ns));
        release += period_ns;
    }
    let supply_ns: u64 = stretches.iter().map(|s: &Stretch| s.length_ns.as_ns()).sum();
    AccuracyRun {
        budget_ns: Span::from_ns(budget_ns),
        period_ns: Span::from_ns(period_ns),
        elapsed_ns: Span::from_ns(LENGTH_NS),
        supply_ns: Span::from_ns(supply_ns),
        stretches,
        truncated: false,
        steal_ratio: 0.0,
    }
}

/// One stretch in three is cut by an interrupt of 20 us.
fn push(dice: &mut Dice, stretches: &mut Vec<Stretch>, begin: u64, end: u64) {
    let length = end.saturating_sub(begin);
    let cut = if dice.part() < 0.33 { length / 3 } else { 0 };
    if cut > 20_000 {
        let length_ns = Span::from_ns(cut - 20_000);
        stretches.push(Stretch { begin_ns: Span::from_ns(begin), length_ns });
    }
    let (begin_ns, length_ns) = (Span::from_ns(begin + cut), Span::from_ns(length - cut));
    stretches.push(Stretch { begin_ns, length_ns });
}

fn nanoseconds(dice: &mut Dice, up_to: f64) -> u64 {
    super::ms(dice.part() * up_to / 1e6).as_ns()
}

fn row(run: &AccuracyRun) -> AccuracyRow {
    let share = run.supply_ns.as_ns() as f64 / run.elapsed_ns.as_ns() as f64;
    let promised = run.budget_ns.as_ns() as f64 / run.period_ns.as_ns() as f64;
    let gaps = run
        .stretches
        .windows(2)
        .map(|pair| pair[1].begin_ns.saturating_sub(pair[0].begin_ns + pair[0].length_ns));
    let longest = |begin: u64| -> u64 {
        let inside =
            |s: &&Stretch| (begin..begin + run.period_ns.as_ns()).contains(&s.begin_ns.as_ns());
        run.stretches.iter().filter(inside).map(|s| s.length_ns.as_ns()).sum()
    };
    let periods = (1_700_000..LENGTH_NS).step_by(usize::try_from(run.period_ns.as_ns()).unwrap());
    let supplies: Vec<u64> = periods.map(longest).collect();
    let most = supplies.iter().copied().max().unwrap_or(0);
    let debt = (1u64..).zip(&supplies).scan(0, |sum, (periods, supply)| {
        *sum += supply;
        Some(u64::saturating_sub(*sum, periods * run.budget_ns.as_ns()))
    });
    AccuracyRow {
        budget_ns: run.budget_ns,
        period_ns: run.period_ns,
        share: super::short(share),
        share_error_ratio: super::short(share / promised - 1.0),
        overrun_max_ns: Span::from_ns(most.saturating_sub(run.budget_ns.as_ns())),
        debt_max_ns: Span::from_ns(debt.max().unwrap_or(0)),
        repaid: true,
        gap_max_ns: gaps.max().unwrap_or(Span::ZERO),
    }
}
