// SPDX-License-Identifier: MIT OR Apache-2.0
//! `share`: throughput of one VM against its own budget, after Fig. 1b of the paper. One VM, one
//! flow that never stops, the budget changed under it. The VM digests what it receives, so that its
//! CPU time and not the network's round trip decides.

use evenkeel_model::{NetworkContextKind, Reservation, Span};

use super::window::{Probe, median_of};
use super::{SETTLE, Session, WINDOW, urgency};
use crate::error::LabError;
use crate::generator::tcp_flow::{TcpFlow, connect};
use crate::guest::{SINK_PORT, SinkWork};
use crate::measurement::{Share, SharePoint, ShareRun, ShareSummary};
use crate::seed::Order;
use crate::statistics::line;
use crate::testbed::{Testbed, VmSpec};

const NAME: &str = "share";
const VM: &str = "a";

/// How much is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The reservations that are tried.
    pub reservations: Vec<Reservation>,
    /// How often each.
    pub repetitions: u32,
}

impl Plan {
    /// 10 to 90 ms of 100 ms, as in the paper, `repetitions` times.
    pub fn of(repetitions: u32) -> Plan {
        let reservation = |tens: u64| {
            let budget = Span::from_ms(10 * tens);
            Reservation::new(budget, Span::from_ms(100)).expect("10 to 90 ms fit 100 ms")
        };
        Plan { reservations: (1..=9).map(reservation).collect(), repetitions }
    }

    /// Every visit, in random order within each repetition.
    fn visits(&self, seed: u64) -> Vec<(u32, Reservation)> {
        let mut order = Order::new(seed);
        let mut visits = Vec::new();
        for repetition in 0..self.repetitions {
            let mut once = self.reservations.clone();
            order.shuffle(&mut once);
            visits.extend(once.into_iter().map(|reservation| (repetition, reservation)));
        }
        visits
    }
}

/// Runs it.
pub fn run(session: &mut Session, plan: &Plan) -> Result<Share, LabError> {
    let visits = plan.visits(session.seed);
    let mut steps = session.begin(NAME, visits.len())?;
    // The sink is started with the largest: with the smallest it would take seconds.
    let largest = plan.reservations.iter().copied().max_by_key(|r| r.bandwidth());
    let vms = vec![VmSpec::networked(VM, largest)];
    let (mut testbed, spinners) =
        session.testbed(&steps, vms, NetworkContextKind::Dedicated, false)?;
    let client_cpu = session.layout.client_cpu;
    let flow = sink_flow(&testbed, VM, SinkWork::Digest, urgency::measured_flow(client_cpu))?;
    flow.resume();
    let epoch = steps.begin().moment();
    let probe = Probe { vm: VM, flow: &flow, spinners: &spinners, client_cpu, epoch };
    let mut runs = Vec::new();
    for (repetition, reservation) in visits {
        session.step(&mut steps, format!("A {reservation}"))?;
        testbed.set_reservation(VM, Some(reservation))?;
        std::thread::sleep(SETTLE.as_duration());
        let tcp = probe.measure(&testbed, WINDOW, || Ok(()))?.tcp;
        let (budget_ns, period_ns) = (reservation.budget(), reservation.period());
        runs.push(ShareRun { budget_ns, period_ns, repetition, tcp });
    }
    drop((flow, spinners));
    let guest = testbed.guest_label().to_owned();
    testbed.close()?;
    let summary = summary(&runs);
    session.measurement(&steps, &guest, runs, summary)
}

/// A flow to the sink of `vm`, which is started; paused.
pub(super) fn sink_flow(
    testbed: &Testbed,
    vm: &str,
    work: SinkWork,
    placement: crate::generator::Placement,
) -> Result<TcpFlow, LabError> {
    testbed.guest(vm)?.start_sink(testbed.program(), work)?;
    let peer = std::net::SocketAddrV4::new(testbed.address(vm)?, SINK_PORT);
    let stream = testbed.in_client(|| connect(peer))??;
    Ok(TcpFlow::start(stream, peer, placement)?)
}

/// Sums up: the median of each reservation, and the line through the medians.
pub fn summary(runs: &[ShareRun]) -> ShareSummary {
    let mut keys: Vec<(Span, Span)> = runs.iter().map(|r| (r.budget_ns, r.period_ns)).collect();
    keys.sort_by(|a, b| share(*a).total_cmp(&share(*b)));
    keys.dedup();
    let points: Vec<SharePoint> = keys
        .into_iter()
        .map(|(budget_ns, period_ns)| {
            let own = runs.iter().filter(|r| (r.budget_ns, r.period_ns) == (budget_ns, period_ns));
            let throughput_bps = median_of(own, |run| run.tcp.throughput_bps);
            SharePoint { budget_ns, period_ns, throughput_bps }
        })
        .collect();
    let xy: Vec<(f64, f64)> =
        points.iter().map(|p| (share((p.budget_ns, p.period_ns)), p.throughput_bps)).collect();
    // Without a line (fewer than two budgets) nothing is explained.
    let (r_squared, slope_bps, intercept_bps) =
        line(&xy).map_or((0.0, 0.0, 0.0), |line| (line.r_squared, line.slope, line.intercept));
    ShareSummary { r_squared, slope_bps, intercept_bps, points }
}

/// Budget over period.
fn share((budget, period): (Span, Span)) -> f64 {
    budget.as_ns() as f64 / period.as_ns() as f64
}

#[cfg(test)]
mod tests {
    use super::super::window::tests::tcp;
    use super::*;

    #[test]
    fn every_budget_is_visited_once_a_repetition() {
        let visits = Plan::of(3).visits(7);
        assert_eq!(visits.len(), 27);
        for repetition in 0..3 {
            let mut budgets: Vec<u64> = visits
                .iter()
                .filter(|v| v.0 == repetition)
                .map(|v| v.1.budget().as_ns() / 1_000_000)
                .collect();
            assert_ne!(budgets, [10, 20, 30, 40, 50, 60, 70, 80, 90]);
            budgets.sort_unstable();
            assert_eq!(budgets, [10, 20, 30, 40, 50, 60, 70, 80, 90]);
        }
        assert_eq!(visits, Plan::of(3).visits(7));
    }

    #[test]
    fn the_line_goes_through_the_medians() {
        let run = |budget_ms, repetition, mbps: f64| ShareRun {
            budget_ns: Span::from_ms(budget_ms),
            period_ns: Span::from_ms(100),
            repetition,
            tcp: tcp(mbps * 1e6),
        };
        // One window at 20 ms was disturbed: the median does not follow it.
        let runs = [
            run(20, 0, 1000.0),
            run(10, 0, 500.0),
            run(30, 0, 1500.0),
            run(20, 1, 1000.0),
            run(20, 2, 17.0),
        ];
        let summary = summary(&runs);
        assert!((summary.r_squared - 1.0).abs() < 1e-12);
        assert!((summary.slope_bps - 5e9).abs() < 1.0);
        assert!(summary.intercept_bps.abs() < 1.0);
        let budgets: Vec<Span> = summary.points.iter().map(|p| p.budget_ns).collect();
        assert_eq!(budgets, [10, 20, 30].map(Span::from_ms));
    }

    #[test]
    fn one_budget_makes_no_line() {
        let run = ShareRun {
            budget_ns: Span::from_ms(10),
            period_ns: Span::from_ms(100),
            repetition: 0,
            tcp: tcp(1e9),
        };
        assert_eq!(summary(&[run]).r_squared.to_bits(), 0f64.to_bits());
        assert!(summary(&[]).points.is_empty());
    }
}
