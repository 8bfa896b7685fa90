// SPDX-License-Identifier: MIT OR Apache-2.0
//! `neighbour`: throughput of A, whose reservation stays, against the share of B, after Figs. 2 and
//! 3 of the paper. B receives TCP or computes.
//!
//! A visit to a point is three windows in random order: one with B at work, two with B idle. The
//! two idle ones against each other are the null comparison. Points are visited in random order
//! within each repetition, so that shares are compared across the whole run.

use evenkeel_model::{NetworkContextKind, Reservation, Span};

use super::share::sink_flow;
use super::window::{Probe, median_of, per_second, ratio, spread};
use super::{SETTLE, Session, WINDOW, urgency};
use crate::error::LabError;
use crate::generator::tcp_flow::{FlowCounters, TcpFlow};
use crate::guest::{SinkWork, SpinnerKind};
use crate::measurement::{
    Neighbour, NeighbourKind, NeighbourPoint, NeighbourRun, NeighbourSummary, NeighbourTrend,
};
use crate::seed::Order;
use crate::statistics::robust_line;
use crate::testbed::{Testbed, VmSpec};

const NAME: &str = "neighbour";
const A: &str = "a";
const B: &str = "b";
const KINDS: [NeighbourKind; 2] = [NeighbourKind::Tcp, NeighbourKind::Compute];

/// B's period. A's is 20 ms, so that A comes first (rate monotonic), and 60 ms of 100 ms fit beside
/// 6 ms of 20 ms by response-time analysis; 60 of 100 beside 30 of 100 would not.
const B_PERIOD: Span = Span::from_ms(100);

/// How much is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A's reservation.
    pub reservation: Reservation,
    /// B's budgets of 100 ms.
    pub neighbour_budgets: Vec<Span>,
    /// What B does.
    pub kinds: Vec<NeighbourKind>,
    /// Visits to each point.
    pub repetitions: u32,
}

impl Plan {
    /// A with 30 %, B with 10 to 60 % in steps of `step_percent`, `repetitions` visits a point.
    pub fn of(step_percent: u64, repetitions: u32) -> Plan {
        let reservation = Reservation::new(Span::from_ms(6), Span::from_ms(20))
            .expect("6 ms are less than 20 ms");
        let mut budgets: Vec<Span> = (10..60)
            .step_by(usize::try_from(step_percent).unwrap_or(10))
            .map(Span::from_ms)
            .collect();
        budgets.push(Span::from_ms(60));
        let kinds = KINDS.to_vec();
        Plan { reservation, neighbour_budgets: budgets, kinds, repetitions }
    }

    fn visits(&self, order: &mut Order) -> Vec<Visit> {
        let mut visits = Vec::new();
        for repetition in 0..self.repetitions {
            let mut once = Vec::new();
            for &kind in &self.kinds {
                for &budget in &self.neighbour_budgets {
                    once.push(Visit { kind, budget, repetition });
                }
            }
            order.shuffle(&mut once);
            visits.extend(once);
        }
        visits
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Visit {
    kind: NeighbourKind,
    budget: Span,
    repetition: u32,
}

/// The testbed with everything that runs in it.
struct Stage<'a> {
    testbed: &'a Testbed,
    probe: Probe<'a>,
    neighbour_flow: &'a TcpFlow,
}

/// Runs it.
pub fn run(session: &mut Session, plan: &Plan) -> Result<Neighbour, LabError> {
    let mut order = Order::new(session.seed);
    let visits = plan.visits(&mut order);
    let mut steps = session.begin(NAME, visits.len())?;
    // Everything in B is started with the largest: with the smallest it would take seconds.
    let largest = plan.neighbour_budgets.iter().copied().max().map(b_reservation).transpose()?;
    let vms = vec![VmSpec::networked(A, Some(plan.reservation)), VmSpec::networked(B, largest)];
    let (mut testbed, spinners) =
        session.testbed(&steps, vms, NetworkContextKind::Dedicated, false)?;
    let client_cpu = session.layout.client_cpu;
    let flow = sink_flow(&testbed, A, SinkWork::Discard, urgency::measured_flow(client_cpu))?;
    let neighbour_flow =
        sink_flow(&testbed, B, SinkWork::Discard, urgency::neighbour_flow(client_cpu))?;
    flow.resume();
    if plan.kinds.contains(&NeighbourKind::Compute) {
        // Started once: from here on it is let go and held by signals inside the guest.
        testbed.guest(B)?.start_spinner(SpinnerKind::Matrix)?;
        testbed.guest(B)?.pause_spinner(SpinnerKind::Matrix)?;
    }
    let epoch = steps.begin().moment();
    let mut runs = Vec::new();
    for visit in visits {
        session.step(&mut steps, words(visit))?;
        testbed.set_reservation(B, Some(b_reservation(visit.budget)?))?;
        let probe = Probe { vm: A, flow: &flow, spinners: &spinners, client_cpu, epoch };
        let stage = Stage { testbed: &testbed, probe, neighbour_flow: &neighbour_flow };
        runs.extend(stage.visit(session, visit, &mut order)?);
    }
    drop((flow, neighbour_flow, spinners));
    let guest = testbed.guest_label().to_owned();
    testbed.close()?;
    let summary = summary(&runs);
    session.measurement(&steps, &guest, runs, summary)
}

fn words(visit: Visit) -> String {
    let kind = match visit.kind {
        NeighbourKind::Tcp => "receives",
        NeighbourKind::Compute => "computes",
    };
    format!("B {kind} with {} every {B_PERIOD}", visit.budget)
}

fn b_reservation(budget: Span) -> Result<Reservation, LabError> {
    Reservation::new(budget, B_PERIOD).map_err(|error| LabError::BadSpec(error.to_string()))
}

impl Stage<'_> {
    /// Three windows, one of them with B at work.
    fn visit(
        &self,
        session: &Session,
        visit: Visit,
        order: &mut Order,
    ) -> Result<Vec<NeighbourRun>, LabError> {
        let mut windows = [true, false, false];
        order.shuffle(&mut windows);
        let mut runs = Vec::new();
        for (position, active) in (0u32..).zip(windows) {
            session.check(NAME)?;
            self.switch(visit.kind, active)?;
            std::thread::sleep(SETTLE.as_duration());
            let mut run = self.measure(visit, active)?;
            run.position = position;
            runs.push(run);
        }
        self.switch(visit.kind, false)?;
        Ok(runs)
    }

    fn switch(&self, kind: NeighbourKind, active: bool) -> Result<(), LabError> {
        match (kind, active) {
            (NeighbourKind::Tcp, true) => self.neighbour_flow.resume(),
            (NeighbourKind::Tcp, false) => self.neighbour_flow.pause(),
            (NeighbourKind::Compute, true) => {
                self.testbed.guest(B)?.start_spinner(SpinnerKind::Matrix)?;
            }
            (NeighbourKind::Compute, false) => {
                self.testbed.guest(B)?.pause_spinner(SpinnerKind::Matrix)?;
            }
        }
        Ok(())
    }

    fn measure(&self, visit: Visit, active: bool) -> Result<NeighbourRun, LabError> {
        let edge = || -> Result<(Span, FlowCounters), LabError> {
            Ok((self.testbed.supply(B)?, self.neighbour_flow.counters()?))
        };
        let window = self.probe.measure(self.testbed, WINDOW, edge)?;
        let ((supply_before, flow_before), (supply_after, flow_after)) =
            (window.before, window.after);
        let bytes = flow_after.bytes_acked.saturating_sub(flow_before.bytes_acked);
        let received = per_second(bytes, flow_after.at.since(flow_before.at)) * 8.0;
        Ok(NeighbourRun {
            kind: visit.kind,
            neighbour_share: visit.budget.as_ns() as f64 / B_PERIOD.as_ns() as f64,
            neighbour_active: active,
            repetition: visit.repetition,
            position: 0,
            tcp: window.tcp,
            neighbour_supply_ns: supply_after.saturating_sub(supply_before),
            neighbour_throughput_bps: (visit.kind == NeighbourKind::Tcp).then_some(received),
        })
    }
}

/// Sums up: a point a kind and share, from the ratios of its visits.
pub fn summary(runs: &[NeighbourRun]) -> NeighbourSummary {
    let mut points = Vec::new();
    for kind in KINDS {
        points.extend(shares(kind, runs).into_iter().map(|share| {
            let own = runs_at(kind, share, runs);
            point(kind, share, &own)
        }));
    }
    let trends: Vec<NeighbourTrend> =
        KINDS.into_iter().filter_map(|kind| trend(kind, runs)).collect();
    let worst = |drop: &dyn Fn(&NeighbourPoint) -> f64| {
        // Without points nothing was lost, and nothing shown.
        points.iter().map(drop).reduce(f64::max).unwrap_or(0.0)
    };
    NeighbourSummary {
        worst_drop_ratio: worst(&|p| 1.0 - ratio(p.throughput_bps, p.alone_bps)),
        worst_drop_over_shares_ratio: trends
            .iter()
            .map(|trend| trend.drop_ratio)
            .reduce(f64::max)
            .unwrap_or(0.0),
        trends,
        worst_null_drop_ratio: worst(&|p| 1.0 - p.null_ratio),
        points,
    }
}

/// The shares that B had, ascending.
fn shares(kind: NeighbourKind, runs: &[NeighbourRun]) -> Vec<f64> {
    let mut shares: Vec<f64> =
        runs.iter().filter(|r| r.kind == kind).map(|r| r.neighbour_share).collect();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    shares
}

fn runs_at(kind: NeighbourKind, share: f64, runs: &[NeighbourRun]) -> Vec<&NeighbourRun> {
    let at = |r: &&NeighbourRun| r.kind == kind && r.neighbour_share.to_bits() == share.to_bits();
    runs.iter().filter(at).collect()
}

/// `None` with fewer than two shares.
fn trend(kind: NeighbourKind, runs: &[NeighbourRun]) -> Option<NeighbourTrend> {
    let shares = shares(kind, runs);
    let (least, most) = (*shares.first()?, *shares.last()?);
    let kept: Vec<(f64, f64)> = shares
        .iter()
        .flat_map(|&share| {
            visits_of(&runs_at(kind, share, runs)).into_iter().map(move |v| (share, v.kept()))
        })
        .collect();
    let line = robust_line(&kept)?;
    let at_least_share = line.intercept + line.slope * least;
    let drop = |slope: f64| ratio(-slope * (most - least), at_least_share);
    Some(NeighbourTrend {
        kind,
        drop_ratio: drop(line.slope),
        drop_ratio_95: (drop(line.slope_95.1), drop(line.slope_95.0)),
    })
}

fn point(kind: NeighbourKind, neighbour_share: f64, runs: &[&NeighbourRun]) -> NeighbourPoint {
    let visits = visits_of(runs);
    let ratios: Vec<f64> = visits.iter().map(VisitFigures::kept).collect();
    let visit_ratio = spread(&ratios);
    let idle = runs.iter().filter(|r| !r.neighbour_active);
    let alone_bps = median_of(idle, |r| r.tcp.throughput_bps);
    NeighbourPoint {
        kind,
        neighbour_share,
        throughput_bps: alone_bps * visit_ratio.median,
        alone_bps,
        visit_ratio,
        null_ratio: median_of(&visits, |v| ratio(v.idle_later, v.idle_earlier)),
        client_core_idle_ratio_min: runs
            .iter()
            .map(|r| r.tcp.client_core_idle_ratio)
            .fold(1.0, f64::min),
    }
}

/// Throughputs of one visit.
struct VisitFigures {
    active: f64,
    idle_earlier: f64,
    idle_later: f64,
}

impl VisitFigures {
    /// What A keeps beside B.
    fn kept(&self) -> f64 {
        ratio(2.0 * self.active, self.idle_earlier + self.idle_later)
    }
}

/// The complete visits among the windows of one point.
fn visits_of(runs: &[&NeighbourRun]) -> Vec<VisitFigures> {
    let mut repetitions: Vec<u32> = runs.iter().map(|r| r.repetition).collect();
    repetitions.sort_unstable();
    repetitions.dedup();
    let visit = |repetition: u32| {
        let mut own: Vec<&&NeighbourRun> =
            runs.iter().filter(|r| r.repetition == repetition).collect();
        own.sort_by_key(|r| r.position);
        let mut idle = own.iter().filter(|r| !r.neighbour_active).map(|r| r.tcp.throughput_bps);
        let active = own.iter().find(|r| r.neighbour_active)?.tcp.throughput_bps;
        Some(VisitFigures { active, idle_earlier: idle.next()?, idle_later: idle.next()? })
    };
    repetitions.into_iter().filter_map(visit).collect()
}

#[cfg(test)]
mod tests {
    use super::super::window::tests::tcp;
    use super::*;

    fn visit(
        kind: NeighbourKind,
        share: f64,
        repetition: u32,
        bps: [(bool, f64); 3],
    ) -> Vec<NeighbourRun> {
        (0u32..)
            .zip(bps)
            .map(|(position, (neighbour_active, bps))| NeighbourRun {
                kind,
                neighbour_share: share,
                neighbour_active,
                repetition,
                position,
                tcp: tcp(bps),
                neighbour_supply_ns: Span::ZERO,
                neighbour_throughput_bps: None,
            })
            .collect()
    }

    #[test]
    fn points_are_medians_and_the_worst_is_reported() {
        let (tcp, compute) = (NeighbourKind::Tcp, NeighbourKind::Compute);
        let mut runs = Vec::new();
        runs.extend(visit(tcp, 0.6, 0, [(false, 100.0), (true, 90.9), (false, 102.0)]));
        // The host has become slower between the visits, which is not B's doing.
        runs.extend(visit(tcp, 0.6, 1, [(true, 72.0), (false, 80.0), (false, 80.0)]));
        runs.extend(visit(tcp, 0.6, 2, [(false, 100.0), (false, 100.0), (true, 20.0)]));
        runs.extend(visit(tcp, 0.1, 0, [(false, 100.0), (true, 100.0), (false, 100.0)]));
        runs.extend(visit(compute, 0.1, 0, [(false, 100.0), (true, 99.0), (false, 100.0)]));
        let summary = summary(&runs);
        assert_eq!(summary.points.len(), 3);
        assert!((summary.worst_drop_ratio - 0.10).abs() < 1e-12, "{}", summary.worst_drop_ratio);
        assert!((summary.worst_drop_over_shares_ratio - 0.10).abs() < 1e-12);
        let worst = &summary.points[1];
        assert_eq!((worst.kind, worst.neighbour_share.to_bits()), (tcp, 0.6f64.to_bits()));
        assert!((worst.null_ratio - 1.0).abs() < 1e-12, "{}", worst.null_ratio);
        assert!((worst.visit_ratio.median - 0.9).abs() < 1e-12, "{:?}", worst.visit_ratio);
        assert!((worst.throughput_bps - 0.9 * worst.alone_bps).abs() < 1e-9);
        assert!(summary.worst_null_drop_ratio.abs() < 1e-12);
    }

    #[test]
    fn an_idle_neighbour_that_seems_to_cost_something_is_noise_and_said() {
        let runs = visit(NeighbourKind::Tcp, 0.1, 0, [(false, 100.0), (true, 90.0), (false, 80.0)]);
        assert!((summary(&runs).worst_null_drop_ratio - 0.2).abs() < 1e-12);
        assert_eq!(summary(&[]).worst_drop_ratio.to_bits(), 0f64.to_bits());
    }

    #[test]
    fn shares_go_from_ten_to_sixty_percent() {
        let shares = |step| {
            let budgets = Plan::of(step, 1).neighbour_budgets;
            budgets.iter().map(|b| b.as_ns() / 1_000_000).collect::<Vec<_>>()
        };
        assert_eq!(shares(10), [10, 20, 30, 40, 50, 60]);
        assert_eq!(shares(50), [10, 60]);
        let visits = Plan::of(50, 2).visits(&mut Order::new(1));
        assert_eq!(visits.len(), 8);
    }
}
