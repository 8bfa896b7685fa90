// SPDX-License-Identifier: MIT OR Apache-2.0
//! Synthetic series of periodic downloads: `deadline`.

use evenkeel_lab::measurement::{Deadline, DeadlineRow, DeadlineRun, DeadlineSummary};
use evenkeel_model::Span;

use super::{Dice, measurement, ms};

const REQUESTS: usize = 500;
const PERIOD: Span = Span::from_ms(20);

pub fn deadline() -> Deadline {
    let mut dice = Dice::new(4);
    let mut runs = Vec::new();
    for reservation in [true, false] {
        for (load, neighbours) in [(false, 0), (true, 1), (true, 4), (true, 8)] {
            let crowd = f64::from(neighbours);
            let completion_ns = (0..REQUESTS)
                .map(|_| Some(ms(completion_ms(&mut dice, reservation, crowd))))
                .collect();
            runs.push(DeadlineRun {
                reservation,
                load,
                neighbours,
                period_ns: PERIOD,
                repetition: 0,
                file_bytes: 1_200_000,
                completion_ns,
                wake_lateness_ns: (0..REQUESTS).map(|_| ms(0.08 * dice.part())).collect(),
                ended_ns: Span::from_s(10),
                connections: 1,
                client_core_idle_ratio: 0.6,
                web_load_rps: load.then_some(5200.0 - 300.0 * crowd),
                steal_ratio: 0.0,
            });
        }
    }
    let rows: Vec<DeadlineRow> = runs.iter().map(row).collect();
    let p99 = |load: bool| {
        let wanted = |r: &&DeadlineRow| r.reservation && r.load == load;
        rows.iter().filter(wanted).max_by_key(|r| r.neighbours).unwrap().p99_ns.as_ns() as f64
    };
    let p99_ratio = super::short(p99(true) / p99(false));
    measurement("deadline", runs, DeadlineSummary { p99_ratio, null_p99_ratio: None, rows })
}

/// A short time with a tail that grows with the crowd, where nothing is reserved.
fn completion_ms(dice: &mut Dice, reservation: bool, crowd: f64) -> f64 {
    let short = 1.1 + 0.5 * dice.part() - 0.35 * (1.0 - dice.part()).ln().max(-5.0);
    if reservation || crowd < 4.0 {
        return short + 0.02 * crowd;
    }
    let wait = -(1.0 - dice.part()).ln() * crowd * 0.55;
    (short + wait).min(34.9)
}

fn row(run: &DeadlineRun) -> DeadlineRow {
    let mut sorted: Vec<Span> = run.completion_ns.iter().flatten().copied().collect();
    sorted.sort();
    let all: Vec<f64> = sorted.iter().map(|s| s.as_ns() as f64 / 1e6).collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
    DeadlineRow {
        reservation: run.reservation,
        load: run.load,
        neighbours: run.neighbours,
        requests: run.completion_ns.len() as u64,
        late: run.completion_ns.iter().filter(|c| c.is_none_or(|c| c > PERIOD)).count() as u64,
        unanswered: 0,
        wake_lateness_max_ns: run.wake_lateness_ns.iter().copied().max().unwrap(),
        mean_ns: ms(mean),
        stddev_ns: ms(variance.sqrt()),
        p50_ns: sorted[sorted.len() / 2],
        p99_ns: sorted[sorted.len() * 99 / 100],
        max_ns: *sorted.last().unwrap(),
    }
}
