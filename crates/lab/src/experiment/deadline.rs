// SPDX-License-Identifier: MIT OR Apache-2.0
//! `deadline`: completion time of a download every 20 ms, with and without reservation and load,
//! after Fig. 4 and Table 1 of the paper.
//!
//! Load is N guests that compute on A's core while 1000 connections fetch from the web server of
//! the first of them. With reservation A is in a capsule, and so is the first neighbour: the packet
//! work of a VM that has any belongs into a capsule, or it is done in softirq context, on whoever
//! is interrupted. The other neighbours have no network and stay ordinary processes. Without
//! reservation nobody is in a capsule: what a host does today. All guests are booted in every
//! series; which of them compute is told to them over their consoles.

use std::net::SocketAddrV4;

use evenkeel_model::{NetworkContextKind, Reservation, Span};

use super::session::{Steps, unreadable};
use super::window::part;
use super::{SETTLE, Session, urgency};
use crate::clock::{Moment, sleep_until};
use crate::error::LabError;
use crate::fingerprint::StealReading;
use crate::generator::idle_spinner::IdleSpinners;
use crate::generator::periodic_download::{self, DownloadPlan, Downloads};
use crate::generator::web_load::WebLoad;
use crate::guest::{SpinnerKind, WEB_PORT};
use crate::measurement::{Deadline, DeadlineRow, DeadlineRun, DeadlineSummary};
use crate::seed::Order;
use crate::statistics::{mean, percentile, standard_deviation};
use crate::testbed::{Testbed, VmSpec};

const NAME: &str = "deadline";
const A: &str = "a";

/// The deadline, and the time between requests: a video frame at 50 a second, as in the paper.
const PERIOD: Span = Span::from_ms(20);

/// Size of the file: 2.4 MB take A some 2 ms, a tenth of the period, as the paper's did on the host
/// of 2010.
const FILE_BYTES: u64 = 2_400_000;
const FILE: &str = "frame";

/// What the thousand connections fetch: a small file, so that the load is packets and requests.
const SMALL_FILE_BYTES: u64 = 1_000;
const SMALL_FILE: &str = "small";

/// Connections of the web load, as the issue has it.
const CONNECTIONS: u32 = 1_000;

/// Time for a thousand connections to be made before a series begins: a guest that shares its core
/// with eight others accepts some 1500 a second.
const CONNECT_TIME: Span = Span::from_ms(1_500);

/// How long after the last request an answer still counts: beyond the longest seen on a host
/// without reservations (0.8 s), and each period longer makes the series longer.
const DRAIN: Span = Span::from_s(2);

/// Requests before a series; with ten of them the server's congestion window has its full size.
const WARM_UP: u32 = 20;

/// How much is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A's reservation, where it has one.
    pub reservation: Reservation,
    /// That of the first neighbour, which serves the 1000 connections, in the same series.
    pub server_reservation: Reservation,
    /// Requests of a series.
    pub requests: u32,
    /// Numbers of neighbours under load; the largest is booted.
    pub neighbours: Vec<u32>,
    /// Series of each case.
    pub repetitions: u32,
}

impl Plan {
    /// A with 30 %, beside each of `neighbours`, the first of which has 30 % as well.
    pub fn of(neighbours: &[u32], requests: u32, repetitions: u32) -> Plan {
        let reservation = |budget, period| {
            Reservation::new(Span::from_ms(budget), Span::from_ms(period))
                .expect("each budget is below its period")
        };
        Plan {
            reservation: reservation(6, 20),
            server_reservation: reservation(30, 100),
            requests,
            neighbours: neighbours.to_vec(),
            repetitions,
        }
    }

    fn neighbours_max(&self) -> u32 {
        self.neighbours.iter().copied().max().unwrap_or(0)
    }

    /// All series: unloaded and beside each number of neighbours, with and without reservation,
    /// in random order within each repetition.
    fn series(&self, seed: u64) -> Vec<Case> {
        let mut order = Order::new(seed);
        let mut all = Vec::new();
        for repetition in 0..self.repetitions {
            let mut once = Vec::new();
            for reservation in [true, false] {
                once.push(Case { reservation, neighbours: 0, repetition });
                once.extend(self.neighbours.iter().map(|&neighbours| Case {
                    reservation,
                    neighbours,
                    repetition,
                }));
            }
            order.shuffle(&mut once);
            all.extend(once);
        }
        all
    }
}

/// One series. Without neighbours there is no load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Case {
    reservation: bool,
    neighbours: u32,
    repetition: u32,
}

impl Case {
    fn words(self) -> String {
        let with = if self.reservation { "with" } else { "without" };
        match self.neighbours {
            0 => format!("{with} reservation, unloaded"),
            n => format!("{with} reservation, {n} neighbours compute, {CONNECTIONS} connections"),
        }
    }
}

/// The guest that is the `number`th neighbour, from 1.
fn neighbour(number: u32) -> String {
    format!("n{number}")
}

/// Runs it.
pub fn run(session: &mut Session, plan: &Plan) -> Result<Deadline, LabError> {
    let series = plan.series(session.seed);
    let mut steps = session.begin(NAME, series.len())?;
    let (mut testbed, spinners) = stage(session, &steps, plan)?;
    let mut runs = Vec::new();
    for case in series {
        session.step(&mut steps, case.words())?;
        testbed.set_reservation(A, case.reservation.then_some(plan.reservation))?;
        if plan.neighbours_max() > 0 {
            let wanted = case.reservation.then_some(plan.server_reservation);
            testbed.set_reservation(&neighbour(1), wanted)?;
        }
        compute(&testbed, plan, case.neighbours)?;
        runs.push(one_series(session, &testbed, &spinners, plan, case)?);
        session.check(NAME)?;
    }
    drop(spinners);
    let guest = testbed.guest_label().to_owned();
    testbed.close()?;
    let summary = summary(&runs);
    session.measurement(&steps, &guest, runs, summary)
}

/// A, and as many neighbours as the largest case needs; all serve or wait.
fn stage(
    session: &mut Session,
    steps: &Steps,
    plan: &Plan,
) -> Result<(Testbed, IdleSpinners), LabError> {
    let most = plan.neighbours_max();
    let mut vms = vec![VmSpec::networked(A, Some(plan.reservation))];
    vms.extend((1..=most).map(|number| match number {
        1 => VmSpec::networked(&neighbour(1), None),
        _ => VmSpec::computing(&neighbour(number)),
    }));
    let (testbed, spinners) = session.testbed(steps, vms, NetworkContextKind::Dedicated, false)?;
    testbed.guest(A)?.start_web(&[(FILE, FILE_BYTES)])?;
    if most > 0 {
        testbed.guest(&neighbour(1))?.start_web(&[(SMALL_FILE, SMALL_FILE_BYTES)])?;
    }
    for number in 1..=most {
        let guest = testbed.guest(&neighbour(number))?;
        // Started once: from here on they are let go and held by signals inside the guest.
        guest.start_spinner(SpinnerKind::Matrix)?;
        guest.pause_spinner(SpinnerKind::Matrix)?;
    }
    Ok((testbed, spinners))
}

/// Lets the first `count` neighbours compute, and no other.
fn compute(testbed: &Testbed, plan: &Plan, count: u32) -> Result<(), LabError> {
    let most = plan.neighbours_max();
    // Holding comes first: the consoles of those that are let go answer sooner.
    for number in (1..=most).rev() {
        let guest = testbed.guest(&neighbour(number))?;
        match number <= count {
            true => guest.start_spinner(SpinnerKind::Matrix)?,
            false => guest.pause_spinner(SpinnerKind::Matrix)?,
        }
    }
    Ok(())
}

fn one_series(
    session: &Session,
    testbed: &Testbed,
    spinners: &IdleSpinners,
    plan: &Plan,
    case: Case,
) -> Result<DeadlineRun, LabError> {
    let load = match case.neighbours {
        0 => None,
        _ => Some(web_load(testbed)?),
    };
    sleep_until(Moment::now() + if load.is_some() { CONNECT_TIME } else { SETTLE });
    let client_cpu = session.layout.client_cpu;
    let download = DownloadPlan {
        server: SocketAddrV4::new(testbed.address(A)?, WEB_PORT),
        path: format!("/{FILE}"),
        period: PERIOD,
        requests: plan.requests,
        warm_up: WARM_UP,
        drain: DRAIN,
    };
    let placement = urgency::download_client(client_cpu);
    let before = (Moment::now(), spinners.idle_time(client_cpu), steal()?);
    let done = testbed
        .in_client(|| periodic_download::run(&download, placement, session.interrupted))??;
    let after = (Moment::now(), spinners.idle_time(client_cpu), steal()?);
    let report = load.map(WebLoad::finish).transpose()?;
    let idle = after.1.saturating_sub(before.1);
    Ok(DeadlineRun {
        reservation: case.reservation,
        load: case.neighbours > 0,
        neighbours: case.neighbours,
        period_ns: PERIOD,
        repetition: case.repetition,
        client_core_idle_ratio: part(idle, after.0.since(before.0)),
        web_load_rps: report.map(|report| report.requests_per_second),
        steal_ratio: after.2.ratio_since(&before.2),
        ..run_of(done)
    })
}

/// The series alone; the rest is filled in by the caller.
fn run_of(done: Downloads) -> DeadlineRun {
    DeadlineRun {
        reservation: false,
        load: false,
        neighbours: 0,
        period_ns: PERIOD,
        repetition: 0,
        file_bytes: done.file_bytes,
        completion_ns: done.completion,
        wake_lateness_ns: done.wake_lateness,
        ended_ns: done.ended,
        connections: done.connections,
        client_core_idle_ratio: 0.0,
        web_load_rps: None,
        steal_ratio: 0.0,
    }
}

fn steal() -> Result<StealReading, LabError> {
    StealReading::now().map_err(unreadable)
}

/// Niced: the load must not delay the client that measures.
fn web_load(testbed: &Testbed) -> Result<WebLoad, LabError> {
    let server = SocketAddrV4::new(testbed.address(&neighbour(1))?, WEB_PORT);
    let mut command = testbed.client_command("nice");
    command.args(["-n", "10", "wrk"]);
    Ok(WebLoad::start(command, server, &format!("/{SMALL_FILE}"), CONNECTIONS)?)
}

/// Sums up: a row a case, all its series together.
pub fn summary(runs: &[DeadlineRun]) -> DeadlineSummary {
    let mut keys: Vec<(bool, u32)> = runs.iter().map(|r| (!r.reservation, r.neighbours)).collect();
    keys.sort_unstable();
    keys.dedup();
    let rows: Vec<DeadlineRow> = keys
        .into_iter()
        .map(|(without, neighbours)| {
            let own =
                runs.iter().filter(|r| (!r.reservation, r.neighbours) == (without, neighbours));
            row(&own.collect::<Vec<_>>())
        })
        .collect();
    let unloaded = rows.iter().find(|r| r.reservation && !r.load);
    let hardest = rows.iter().filter(|r| r.reservation && r.load).max_by_key(|r| r.neighbours);
    let p99_ratio = match (unloaded, hardest) {
        (Some(unloaded), Some(hardest)) => ratio(hardest.p99_ns, unloaded.p99_ns),
        // Not part of the run.
        _ => 0.0,
    };
    let null = |repetition| {
        let own = runs.iter().find(|r| r.reservation && !r.load && r.repetition == repetition)?;
        percentile(&times(own), 99)
    };
    let null_p99_ratio = null(0).zip(null(1)).map(|(first, second)| ratio(second, first));
    DeadlineSummary { p99_ratio, null_p99_ratio, rows }
}

fn ratio(a: Span, b: Span) -> f64 {
    a.as_ns() as f64 / b.as_ns().max(1) as f64
}

/// Completion times; an unanswered request counts with the time it was waited for.
fn times(run: &DeadlineRun) -> Vec<Span> {
    (0u64..)
        .zip(&run.completion_ns)
        .map(|(index, completion)| {
            let released = run.period_ns.checked_mul(index).unwrap_or(run.ended_ns);
            completion.unwrap_or(run.ended_ns.saturating_sub(released))
        })
        .collect()
}

fn row(runs: &[&DeadlineRun]) -> DeadlineRow {
    let all: Vec<Span> = runs.iter().flat_map(|run| times(run)).collect();
    let in_ns: Vec<f64> = all.iter().map(|t| t.as_ns() as f64).collect();
    let late = runs.iter().flat_map(|run| {
        run.completion_ns.iter().filter(|c| c.is_none_or(|took| took > run.period_ns))
    });
    let unanswered = runs.iter().flat_map(|run| run.completion_ns.iter().filter(|c| c.is_none()));
    let lateness = runs.iter().flat_map(|run| run.wake_lateness_ns.iter().copied());
    let rank = |percent| percentile(&all, percent).unwrap_or_default();
    DeadlineRow {
        reservation: runs.iter().any(|run| run.reservation),
        load: runs.iter().any(|run| run.load),
        neighbours: runs.first().map_or(0, |run| run.neighbours),
        requests: all.len() as u64,
        late: late.count() as u64,
        unanswered: unanswered.count() as u64,
        wake_lateness_max_ns: lateness.max().unwrap_or_default(),
        mean_ns: whole(mean(&in_ns)),
        stddev_ns: whole(standard_deviation(&in_ns)),
        p50_ns: rank(50),
        p99_ns: rank(99),
        max_ns: rank(100),
    }
}

/// To whole nanoseconds; nothing where there is no figure.
fn whole(ns: Option<f64>) -> Span {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "means and deviations of times of some seconds, never negative"
    )]
    let ns = ns.unwrap_or(0.0).round() as u64;
    Span::from_ns(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(
        reservation: bool,
        neighbours: u32,
        repetition: u32,
        ms: &[Option<u64>],
    ) -> DeadlineRun {
        DeadlineRun {
            reservation,
            load: neighbours > 0,
            neighbours,
            repetition,
            completion_ns: ms.iter().map(|t| t.map(Span::from_ms)).collect(),
            wake_lateness_ns: vec![Span::from_us(60); ms.len()],
            ended_ns: Span::from_ms(1_000),
            ..run_of(Downloads {
                completion: Vec::new(),
                wake_lateness: Vec::new(),
                ended: Span::ZERO,
                connections: 1,
                file_bytes: FILE_BYTES,
            })
        }
    }

    #[test]
    fn late_and_unanswered_requests_count() {
        let run = series(true, 8, 0, &[Some(2), Some(20), Some(21), None, Some(3)]);
        let summary = summary(&[run]);
        let row = &summary.rows[0];
        assert_eq!((row.requests, row.late, row.unanswered), (5, 2, 1));
        // Released at 60 ms, waited for until 1000 ms.
        assert_eq!(row.max_ns, Span::from_ms(940));
        assert_eq!(row.p50_ns, Span::from_ms(20));
        assert_eq!(row.wake_lateness_max_ns, Span::from_us(60));
        assert!(row.load && row.reservation);
    }

    #[test]
    fn the_ratio_is_that_of_the_hardest_case_with_reservation() {
        let runs = [
            series(true, 0, 0, &[Some(2); 100]),
            series(true, 0, 1, &[Some(4); 100]),
            series(true, 1, 0, &[Some(40); 100]),
            series(true, 8, 0, &[Some(5); 100]),
            series(false, 8, 0, &[Some(400); 100]),
        ];
        let summary = summary(&runs);
        assert!((summary.p99_ratio - 1.25).abs() < 1e-12, "{}", summary.p99_ratio);
        assert_eq!(summary.null_p99_ratio, Some(2.0));
        let keys: Vec<(bool, u32)> =
            summary.rows.iter().map(|row| (row.reservation, row.neighbours)).collect();
        assert_eq!(keys, [(true, 0), (true, 1), (true, 8), (false, 8)]);
        assert_eq!(summary.rows[0].requests, 200);
        assert_eq!(summary.rows[0].mean_ns, Span::from_ms(3));
    }

    #[test]
    fn every_case_is_in_every_repetition() {
        let series = Plan::of(&[1, 4, 8], 500, 2).series(3);
        assert_eq!(series.len(), 16);
        for reservation in [true, false] {
            for neighbours in [0, 1, 4, 8] {
                for repetition in [0, 1] {
                    assert!(series.contains(&Case { reservation, neighbours, repetition }));
                }
            }
        }
    }
}
