// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw measurements of the native lab as costs of the model, and as what its predictions are
//! compared with. Each interval is used for one of the two, never for both.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use evenkeel_lab::measurement::{
    Flood, FloodRun, Neighbour, NeighbourKind, NeighbourRun, Share, ShareRun, TcpInterval,
};
use evenkeel_lqn::architecture::calibration::{Costs, PACKET_BYTES, Question, packet_ns};
use evenkeel_model::NetworkContextKind;
use serde::de::DeserializeOwned;

use super::failure::ModelFailure;

/// Part of a CPU that the flooded neighbour spends on its flood: the lab's plan, which gives it
/// 20 ms of 100 ms.
const NEIGHBOUR_SUPPLY: f64 = 0.2;

/// Costs, and everything measured that they do not contain.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What the model gets.
    pub costs: Costs,
    /// Where it was measured.
    pub host: String,
    /// How the costs came about.
    pub used: Vec<String>,
    /// What the model must tell.
    pub tasks: Vec<Task>,
}

/// One prediction to be made.
#[derive(Debug, Clone)]
pub struct Task {
    /// Which experiment.
    pub experiment: &'static str,
    /// What.
    pub what: String,
    /// What was measured: bits per second, or a part of one.
    pub measured: f64,
    /// Asked of the model.
    pub question: Question,
    /// If present: the prediction is the part that is left of this one's answer.
    pub relative_to: Option<Question>,
}

/// Reads the results of a lab.
pub fn read(directory: &Path) -> Result<Measured, ModelFailure> {
    let flood: Flood = required(directory, "flood")?;
    let share: Option<Share> = optional(directory, "share")?;
    let neighbour: Option<Neighbour> = optional(directory, "neighbour")?;
    let place = data(directory, "flood");
    let mut measured = costs(&flood, share.as_ref(), &place)?;
    let costs = measured.costs;
    flood_tasks(&flood, &costs, &mut measured.tasks);
    share_tasks(share.as_ref(), &costs, &mut measured.tasks);
    neighbour_tasks(neighbour.as_ref(), &costs, &mut measured.tasks);
    Ok(measured)
}

/// `DIR/data/NAME.json`, or `DIR/NAME.json` where the directory is that of the data.
fn data(directory: &Path, name: &str) -> PathBuf {
    let inside = directory.join("data");
    let base = if inside.is_dir() { inside } else { directory.to_owned() };
    base.join(format!("{name}.json"))
}

fn required<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<T, ModelFailure> {
    let path = data(directory, name);
    let file =
        File::open(&path).map_err(|source| ModelFailure::Read { path: path.clone(), source })?;
    serde_json::from_reader(BufReader::new(file))
        .map_err(|source| ModelFailure::Measurement { path, what: source.to_string() })
}

fn optional<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<Option<T>, ModelFailure> {
    if data(directory, name).exists() { required(directory, name).map(Some) } else { Ok(None) }
}

/// Median of figures, 0 for none.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.retain(|f| f.is_finite());
    figures.sort_by(f64::total_cmp);
    let n = figures.len();
    if n == 0 { 0.0 } else { 0.5 * (figures[(n - 1) / 2] + figures[n / 2]) }
}

fn seconds(span: evenkeel_model::Span) -> f64 {
    // Intervals are far below 2^53 ns.
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let ns = span.as_ns() as f64;
    ns / 1e9
}

/// Part of a CPU that the measured VM got.
fn supply(tcp: &TcpInterval) -> f64 {
    seconds(tcp.supply_ns) / seconds(tcp.duration_ns).max(1e-9)
}

fn costs(flood: &Flood, share: Option<&Share>, place: &Path) -> Result<Measured, ModelFailure> {
    let missing = |what: &str| ModelFailure::Measurement {
        path: place.to_owned(),
        what: format!("has no {what}"),
    };
    let quiet = |context: NetworkContextKind| {
        let of = |r: &&FloodRun| r.context == context && !r.flooding;
        let each = flood.runs.iter().filter(of);
        median(each.map(|r| packet_ns(r.tcp.throughput_bps, supply(&r.tcp))).collect())
    };
    let flooded =
        |r: &&FloodRun| r.context == NetworkContextKind::Dedicated && r.flooding && !r.control;
    let frames = median(flood.runs.iter().filter(flooded).map(|r| r.flood_taken_pps).collect());
    let shared_packet_ns = quiet(NetworkContextKind::Shared);
    let dedicated_packet_ns = quiet(NetworkContextKind::Dedicated);
    if shared_packet_ns <= 0.0 || dedicated_packet_ns <= 0.0 {
        return Err(missing("interval without a flood in both network contexts"));
    }
    if frames <= 0.0 {
        return Err(missing("interval with a flood in context dedicated"));
    }
    let mut used = vec![
        "packet, each context: intervals of flood without a flood".to_owned(),
        format!(
            "frame: frames that B took in with {:.0} % of a CPU, context dedicated",
            100.0 * NEIGHBOUR_SUPPLY
        ),
    ];
    let digest_byte_ns = match share.and_then(middle) {
        Some((budget, runs)) => {
            let each = runs.iter().map(|r| packet_ns(r.tcp.throughput_bps, supply(&r.tcp)));
            used.push(format!("byte that is digested: share at {:.0} %", 100.0 * budget));
            ((median(each.collect()) - dedicated_packet_ns) / PACKET_BYTES).max(0.0)
        }
        None => 0.0,
    };
    let frame_ns = NEIGHBOUR_SUPPLY * 1e9 / frames;
    let costs = Costs { shared_packet_ns, dedicated_packet_ns, frame_ns, digest_byte_ns };
    costs.check()?;
    let host =
        format!("{}, Linux {}, {}", flood.host.cpu_model, flood.host.kernel, flood.host.guest);
    Ok(Measured { costs, host, used, tasks: Vec::new() })
}

fn budget(run: &ShareRun) -> f64 {
    seconds(run.budget_ns) / seconds(run.period_ns).max(1e-9)
}

/// Runs grouped by their budget, in its order.
fn by_budget(share: &Share) -> Vec<(f64, Vec<&ShareRun>)> {
    let mut groups: Vec<(f64, Vec<&ShareRun>)> = Vec::new();
    for run in &share.runs {
        let at = budget(run);
        match groups.iter_mut().find(|(b, _)| (b - at).abs() < 1e-9) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((at, vec![run])),
        }
    }
    groups.sort_by(|a, b| a.0.total_cmp(&b.0));
    groups
}

/// The budget in the middle: used for the cost of a byte, and not predicted.
fn middle(share: &Share) -> Option<(f64, Vec<&ShareRun>)> {
    let groups = by_budget(share);
    groups.get(groups.len() / 2).cloned()
}

fn share_tasks(share: Option<&Share>, costs: &Costs, tasks: &mut Vec<Task>) {
    let Some(share) = share else { return };
    let used = middle(share).map(|(b, _)| b);
    for (budget, runs) in by_budget(share) {
        if Some(budget) == used {
            continue;
        }
        tasks.push(Task {
            experiment: "share",
            what: format!("throughput at a budget of {:.0} %", 100.0 * budget),
            measured: median(runs.iter().map(|r| r.tcp.throughput_bps).collect()),
            question: Question {
                byte_ns: costs.digest_byte_ns,
                ..Question::alone(costs.dedicated_packet_ns, budget)
            },
            relative_to: None,
        });
    }
}

fn neighbour_tasks(neighbour: Option<&Neighbour>, costs: &Costs, tasks: &mut Vec<Task>) {
    let Some(neighbour) = neighbour else { return };
    let runs = |of: &dyn Fn(&NeighbourRun) -> bool| -> Vec<&NeighbourRun> {
        neighbour.runs.iter().filter(|r| of(r)).collect()
    };
    let idle = runs(&|r| !r.neighbour_active);
    let part = median(idle.iter().map(|r| supply(&r.tcp)).collect());
    if part > 0.0 {
        tasks.push(Task {
            experiment: "neighbour",
            what: format!("A alone at {:.0} %", 100.0 * part),
            measured: median(idle.iter().map(|r| r.tcp.throughput_bps).collect()),
            question: Question::alone(costs.dedicated_packet_ns, part),
            relative_to: None,
        });
    }
    let mut shares: Vec<f64> = neighbour.summary.points.iter().map(|p| p.neighbour_share).collect();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    for share in shares {
        let tcp = |r: &NeighbourRun| r.kind == NeighbourKind::Tcp && r.neighbour_share == share;
        let active = runs(&|r| tcp(r) && r.neighbour_active);
        let got = active
            .iter()
            .map(|r| seconds(r.neighbour_supply_ns) / seconds(r.tcp.duration_ns).max(1e-9));
        let got = median(got.collect());
        let throughput = median(active.iter().filter_map(|r| r.neighbour_throughput_bps).collect());
        if got > 0.0 && throughput > 0.0 {
            tasks.push(Task {
                experiment: "neighbour",
                what: format!("B at a share of {:.0} %", 100.0 * share),
                measured: throughput,
                question: Question::alone(costs.dedicated_packet_ns, got),
                relative_to: None,
            });
        }
    }
    for point in &neighbour.summary.points {
        let alone = Question::alone(costs.dedicated_packet_ns, part.max(1e-3));
        let kind = match point.kind {
            NeighbourKind::Tcp => "receives TCP",
            NeighbourKind::Compute => "computes",
        };
        tasks.push(Task {
            experiment: "neighbour",
            what: format!("part A keeps, B {kind} at {:.0} %", 100.0 * point.neighbour_share),
            measured: point.visit_ratio.median,
            question: alone,
            relative_to: Some(alone),
        });
    }
}

fn flood_tasks(flood: &Flood, costs: &Costs, tasks: &mut Vec<Task>) {
    for row in flood.summary.rows.iter().filter(|row| !row.control) {
        let with = |r: &&FloodRun| r.context == row.context && r.flooding && !r.control;
        let runs: Vec<&FloodRun> = flood.runs.iter().filter(with).collect();
        let part = median(runs.iter().map(|r| supply(&r.tcp)).collect());
        if part <= 0.0 {
            continue;
        }
        let taken = median(runs.iter().map(|r| r.flood_taken_pps).collect());
        let (packet_ns, softirq_pps) = match row.context {
            NetworkContextKind::Shared => (costs.shared_packet_ns, taken),
            // The frames are B's own, in B's own time.
            _ => (costs.dedicated_packet_ns, 0.0),
        };
        let alone = Question::alone(packet_ns, part);
        tasks.push(Task {
            experiment: "flood",
            what: format!("part A keeps, context {}", row.context),
            measured: row.kept_ratio,
            question: Question { softirq_pps, frame_ns: costs.frame_ns, ..alone },
            relative_to: Some(alone),
        });
    }
}
