// SPDX-License-Identifier: MIT OR Apache-2.0
//! Synthetic TCP intervals: `share`, `neighbour`, `flood`.

use evenkeel_lab::measurement::{
    Flood, FloodRow, FloodRun, FloodSummary, Neighbour, NeighbourKind, NeighbourPoint,
    NeighbourRun, NeighbourSummary, NeighbourTrend, Quartiles, Share, SharePoint, ShareRun,
    ShareSummary, TcpInterval,
};
use evenkeel_model::{NetworkContextKind, Span};

use super::{Dice, measurement, median, short};

const LENGTH: Span = Span::from_s(3);

fn tcp(dice: &mut Dice, bps: f64, share: f64) -> TcpInterval {
    TcpInterval {
        begin_ns: Span::ZERO,
        duration_ns: LENGTH,
        throughput_bps: bps.round(),
        supply_ns: super::ms(3000.0 * share),
        client_core_idle_ratio: (dice.about(0.4, 0.2) * 1e3).round() / 1e3,
        steal_ratio: 0.001,
        retransmits: 0,
        timeouts: Some(0),
        disturbed: false,
        samples: Vec::new(),
    }
}

pub fn share() -> Share {
    let mut dice = Dice::new(1);
    let (mut runs, mut points) = (Vec::new(), Vec::new());
    let period_ns = Span::from_ms(100);
    for tens in 1..=9_u32 {
        let budget_ns = Span::from_ms(u64::from(tens) * 10);
        let part = f64::from(tens) / 10.0;
        let mut throughputs = Vec::new();
        for repetition in 0..3 {
            let bps = dice.about(40e6 + 3.3e9 * part - 0.25e9 * part * part, 0.04);
            throughputs.push(bps.round());
            runs.push(ShareRun {
                budget_ns,
                period_ns,
                repetition,
                tcp: tcp(&mut dice, bps, part),
            });
        }
        points.push(SharePoint { budget_ns, period_ns, throughput_bps: median(throughputs) });
    }
    let (r_squared, slope_bps, intercept_bps) = line(&points);
    let (slope_bps, intercept_bps) = (slope_bps.round(), intercept_bps.round());
    let r_squared = short(r_squared);
    measurement("share", runs, ShareSummary { r_squared, slope_bps, intercept_bps, points })
}

/// Least squares.
fn line(points: &[SharePoint]) -> (f64, f64, f64) {
    let n = points.len() as f64;
    let xy: Vec<(f64, f64)> = points
        .iter()
        .map(|p| (p.budget_ns.as_ns() as f64 / p.period_ns.as_ns() as f64, p.throughput_bps))
        .collect();
    let mean = |f: fn(&(f64, f64)) -> f64| xy.iter().map(f).sum::<f64>() / n;
    let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
    let sxx: f64 = xy.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let sxy: f64 = xy.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let syy: f64 = xy.iter().map(|p| (p.1 - my).powi(2)).sum();
    let slope = sxy / sxx;
    (sxy * sxy / (sxx * syy), slope, my - slope * mx)
}

pub fn neighbour() -> Neighbour {
    let mut dice = Dice::new(2);
    let (mut runs, mut points) = (Vec::new(), Vec::new());
    for kind in [NeighbourKind::Tcp, NeighbourKind::Compute] {
        for tens in 1..=6_u32 {
            let neighbour_share = f64::from(tens) / 10.0;
            let loss =
                if kind == NeighbourKind::Tcp { 0.022 } else { 0.009 } * neighbour_share / 0.6;
            let visits: Vec<[f64; 3]> = (0..6)
                .map(|_| [1.0 - loss, 1.0, 1.0].map(|p| dice.about(990e6 * p, 0.012).round()))
                .collect();
            for (repetition, visit) in (0..).zip(&visits) {
                for (position, bps) in (0..).zip(visit) {
                    runs.push(NeighbourRun {
                        kind,
                        neighbour_share,
                        neighbour_active: position == 0,
                        repetition,
                        position,
                        tcp: tcp(&mut dice, *bps, 0.3),
                        neighbour_supply_ns: super::ms(3000.0 * neighbour_share),
                        neighbour_throughput_bps: (kind == NeighbourKind::Tcp && position == 0)
                            .then_some((3.2e9 * neighbour_share).round()),
                    });
                }
            }
            points.push(NeighbourPoint {
                kind,
                neighbour_share,
                throughput_bps: median(visits.iter().map(|v| v[0]).collect()),
                alone_bps: median(visits.iter().flat_map(|v| [v[1], v[2]]).collect()),
                visit_ratio: quartiles(visits.iter().map(|v| 2.0 * v[0] / (v[1] + v[2])).collect()),
                null_ratio: short(median(visits.iter().map(|v| v[2] / v[1]).collect())),
                client_core_idle_ratio_min: 0.35,
            });
        }
    }
    let worst =
        |f: &dyn Fn(&NeighbourPoint) -> f64| short(points.iter().map(f).fold(0.0, f64::max));
    let first = |kind| points.iter().find(|p| p.kind == kind).unwrap().throughput_bps;
    let summary = NeighbourSummary {
        worst_drop_ratio: worst(&|p| 1.0 - p.throughput_bps / p.alone_bps),
        worst_drop_over_shares_ratio: worst(&|p| 1.0 - p.throughput_bps / first(p.kind)),
        trends: [NeighbourKind::Tcp, NeighbourKind::Compute]
            .map(|kind| NeighbourTrend { kind, drop_ratio: 0.011, drop_ratio_95: (-0.004, 0.026) })
            .to_vec(),
        worst_null_drop_ratio: worst(&|p| 1.0 - p.null_ratio),
        points: points.clone(),
    };
    measurement("neighbour", runs, summary)
}

/// One visit: throughput under the flood and without it, for the control and for B.
struct Visit {
    under: [f64; 2],
    without: [f64; 2],
}

pub fn flood() -> Flood {
    let mut dice = Dice::new(3);
    let (mut runs, mut rows) = (Vec::new(), Vec::<FloodRow>::new());
    for (context, alone_bps, control_bps, flooded_bps) in [
        (NetworkContextKind::Shared, 580e6, 548e6, 23.5e6),
        (NetworkContextKind::Dedicated, 990e6, 985e6, 978e6),
    ] {
        let visits: Vec<Visit> = (0..6)
            .map(|_| Visit {
                under: [control_bps, flooded_bps].map(|bps| dice.about(bps, 0.02).round()),
                without: [alone_bps; 2].map(|bps| dice.about(bps, 0.02).round()),
            })
            .collect();
        for (repetition, visit) in (0..).zip(&visits) {
            for (position, bps) in (0..4_u32).zip(visit.under.iter().chain(&visit.without)) {
                let flooding = position < 2;
                let flood_pps = if flooding { dice.about(950e3, 0.1).round() } else { 0.0 };
                runs.push(FloodRun {
                    context,
                    control: position % 2 == 0,
                    flooding,
                    repetition,
                    position,
                    flood_pps,
                    flood_taken_pps: (flood_pps * 0.7).round(),
                    tcp: tcp(&mut dice, *bps, 0.3),
                });
            }
        }
        rows.extend([0, 1].map(|i| flood_row(context, i, &visits, &runs)));
    }
    measurement("flood", runs, FloodSummary { rows })
}

fn flood_row(
    context: NetworkContextKind,
    i: usize,
    visits: &[Visit],
    runs: &[FloodRun],
) -> FloodRow {
    let control = i == 0;
    let middle = |f: &dyn Fn(&Visit) -> f64| median(visits.iter().map(f).collect());
    let (throughput_bps, alone_bps) = (middle(&|v| v.under[i]), middle(&|v| v.without[i]));
    let rates = runs.iter().filter(|r| r.context == context && r.control == control && r.flooding);
    let of = if control { alone_bps } else { middle(&|v| v.under[0]) };
    let kept =
        |v: &Visit| if control { v.under[0] / v.without[0] } else { v.under[1] / v.under[0] };
    FloodRow {
        context,
        flood_pps: median(rates.map(|r| r.flood_pps).collect()),
        control,
        throughput_bps,
        alone_bps,
        kept_ratio: short(throughput_bps / of),
        visit_ratio: quartiles(visits.iter().map(kept).collect()),
        kept_ratio_95: (short(throughput_bps / of - 0.01), short(throughput_bps / of + 0.01)),
        null_ratio: short(middle(&|v| v.without[i] / v.without[1 - i])),
    }
}

fn quartiles(mut values: Vec<f64>) -> Quartiles {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let [lower, median, upper] = [n / 4, n / 2, n * 3 / 4].map(|i| short(values[i]));
    Quartiles { lower, median, upper }
}
