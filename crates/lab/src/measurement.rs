// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measurements as data: what a run of the lab produced, raw and summed up.
//!
//! The report draws from these types alone, and `lab <experiment> --json` prints them. Keys carry
//! their unit; a ratio is a plain number around one. A summary holds only what can be computed from
//! `runs`, so a reader who distrusts it can compute it again.

use evenkeel_model::{NetworkContextKind, Span};
use serde::{Deserialize, Serialize};

pub use crate::statistics::Quartiles;

/// What one experiment produced: `{schema, version, host, runs, summary}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement<Run, Summary> {
    /// `evenkeel.lab.<experiment>.v1`.
    pub schema: String,
    /// Version of the program that measured.
    pub version: String,
    /// Where and when.
    pub host: Fingerprint,
    /// Raw figures, in the order of measurement.
    pub runs: Vec<Run>,
    /// Computed from `runs`.
    pub summary: Summary,
}

/// The host and the circumstances of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// `uname -r`.
    pub kernel: String,
    /// Model name out of /proc/cpuinfo.
    pub cpu_model: String,
    /// Microcode revision of the first CPU; absent where the kernel prints none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microcode: Option<String>,
    /// Frequency governor of the first CPU; absent where nothing scales its frequency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_governor: Option<String>,
    /// Commit that was checked out when the program was built; absent where it was not built in a
    /// git checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Online CPUs, list form.
    pub cpus: String,
    /// Timer frequency, hertz; absent where the kernel's configuration cannot be read.
    pub tick_hz: Option<u32>,
    /// What ran in the guests: `user-mode-linux 6.1.x` or `qemu tcg, linux 6.12.x`.
    pub guest: String,
    /// When the experiment began, RFC 3339, UTC.
    pub started_at: String,
    /// How long it took, wall clock.
    pub elapsed_ns: Span,
    /// Part of all CPU time that the hypervisor below us took away, 0 to 1.
    pub steal_ratio: f64,
    /// Whether `steal_ratio` is beyond [`STEAL_RATIO_MAX`]: the figures are then doubtful.
    pub disturbed: bool,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// The command line, verbatim.
    pub command_line: Vec<String>,
}

/// Beyond this part of CPU time stolen a run calls itself disturbed: the experiments look for
/// differences of 3 %, and a steal of 1 % alone is a third of that.
pub const STEAL_RATIO_MAX: f64 = 0.01;

/// `share`: throughput of one VM against its own budget.
pub type Share = Measurement<ShareRun, ShareSummary>;
/// `neighbour`: throughput of A against B's share.
pub type Neighbour = Measurement<NeighbourRun, NeighbourSummary>;
/// `deadline`: completion times of a periodic download.
pub type Deadline = Measurement<DeadlineRun, DeadlineSummary>;
/// `flood`: throughput of A while B is flooded with small packets.
pub type Flood = Measurement<FloodRun, FloodSummary>;
/// `accuracy`: what a spinning capsule really gets.
pub type Accuracy = Measurement<AccuracyRun, AccuracySummary>;

/// One measured interval of TCP towards (or from) a guest, with what else the host did meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TcpInterval {
    /// When it began, since the experiment began.
    pub begin_ns: Span,
    /// Length of the interval.
    pub duration_ns: Span,
    /// Goodput at the receiver, bits per second.
    pub throughput_bps: f64,
    /// CPU time the measured VM's capsule really got in the interval.
    pub supply_ns: Span,
    /// Part of the interval in which the client's core was idle, 0 to 1: well above 0 means that
    /// the client was not the bottleneck.
    pub client_core_idle_ratio: f64,
    /// Part of all CPU time stolen in the interval, 0 to 1.
    pub steal_ratio: f64,
    /// TCP segments sent again.
    pub retransmits: u64,
    /// Times the sender's retransmission timer fired; absent before Linux 6.7.
    pub timeouts: Option<u64>,
    /// Whether `steal_ratio` is beyond [`STEAL_RATIO_MAX`]. The interval counts all the same.
    pub disturbed: bool,
    /// How the bytes came: readings within the interval.
    pub samples: Vec<AckedSample>,
}

/// Bytes that the receiver had acknowledged at one moment of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckedSample {
    /// When, since the interval began.
    pub at_ns: Span,
    /// How many, since the interval began.
    pub bytes: u64,
}

/// One interval of `share`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareRun {
    /// Budget of the VM.
    pub budget_ns: Span,
    /// Period of the VM.
    pub period_ns: Span,
    /// 0, 1, ...
    pub repetition: u32,
    /// What was measured.
    pub tcp: TcpInterval,
}

/// Summary of `share`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareSummary {
    /// Coefficient of determination of the straight line through the points.
    pub r_squared: f64,
    /// Slope of that line, bits per second for a whole CPU.
    pub slope_bps: f64,
    /// Its intercept, bits per second.
    pub intercept_bps: f64,
    /// One point a budget: the median of its repetitions.
    pub points: Vec<SharePoint>,
}

/// One point of `share`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharePoint {
    /// Budget of the VM.
    pub budget_ns: Span,
    /// Period of the VM.
    pub period_ns: Span,
    /// Median throughput.
    pub throughput_bps: f64,
}

/// What the neighbour does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NeighbourKind {
    /// It receives TCP, 1500-byte frames.
    Tcp,
    /// It inverts or multiplies matrices.
    Compute,
}

/// One interval of `neighbour`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeighbourRun {
    /// What B does.
    pub kind: NeighbourKind,
    /// B's part of the CPU, 0 to 1.
    pub neighbour_share: f64,
    /// Whether B was at work in this interval; the intervals with and without alternate.
    pub neighbour_active: bool,
    /// 0, 1, ...
    pub repetition: u32,
    /// Its place among the intervals of one visit to the point: 0, 1, 2 in random order, two of
    /// them with B idle.
    pub position: u32,
    /// What A got.
    pub tcp: TcpInterval,
    /// What B's capsule got in the interval.
    pub neighbour_supply_ns: Span,
    /// B's throughput, where B does TCP.
    pub neighbour_throughput_bps: Option<f64>,
}

/// Summary of `neighbour`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeighbourSummary {
    /// The worst of `1 - throughput_bps / alone_bps` over the points, 0.03 being 3 %.
    pub worst_drop_ratio: f64,
    /// What A loses when B's share goes from the smallest to the largest: the worst `drop_ratio` of
    /// `trends`.
    pub worst_drop_over_shares_ratio: f64,
    /// The line through all visits of a kind, from which that is taken. Single points are no basis:
    /// each is uncertain by 1 to 3 %, so that the worst difference between them shows 3 to 4 % where
    /// there is none.
    #[serde(default)]
    pub trends: Vec<NeighbourTrend>,
    /// The worst of `1 - null_ratio` over the points: what `worst_drop_ratio` would be if B did
    /// nothing, which is how much of it is noise.
    pub worst_null_drop_ratio: f64,
    /// One point a kind and share: medians.
    pub points: Vec<NeighbourPoint>,
}

/// What A loses over B's shares, by the line of Theil and Sen through what A keeps in each visit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeighbourTrend {
    /// What B does.
    pub kind: NeighbourKind,
    /// One less what the line says at the largest share, over what it says at the smallest.
    pub drop_ratio: f64,
    /// Lower and upper end of its 95 % interval.
    pub drop_ratio_95: (f64, f64),
}

/// One point of `neighbour`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeighbourPoint {
    /// What B does.
    pub kind: NeighbourKind,
    /// B's part of the CPU, 0 to 1.
    pub neighbour_share: f64,
    /// Throughput of A beside B: `alone_bps` times the median of `visit_ratio`. Not the plain
    /// median of its intervals: those of one visit are seconds apart, those of all visits minutes,
    /// in which the host's speed drifts by more than what is looked for.
    pub throughput_bps: f64,
    /// Median throughput of A in the intervals between, with B idle.
    pub alone_bps: f64,
    /// A beside B over the mean of the two intervals with B idle of the same visit: quartiles over
    /// the visits.
    pub visit_ratio: Quartiles,
    /// The null comparison: median over the visits of the later interval with B idle, over that of
    /// the earlier one. One without noise.
    pub null_ratio: f64,
    /// The smallest `client_core_idle_ratio` of the intervals.
    pub client_core_idle_ratio_min: f64,
}

/// One series of periodic downloads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadlineRun {
    /// Whether A is in a capsule; without, every VM is an ordinary process.
    pub reservation: bool,
    /// Whether the neighbours compute and 1000 connections load a web server.
    pub load: bool,
    /// How many neighbours.
    pub neighbours: u32,
    /// Period of the downloads, which is also the deadline.
    pub period_ns: Span,
    /// 0, 1, ...: how often a series of this row has been run before.
    pub repetition: u32,
    /// Size of the downloaded file, bytes.
    pub file_bytes: u64,
    /// Completion time of each request since its release, in order of release; `null` for one that
    /// failed or was not answered by the end of the series.
    pub completion_ns: Vec<Option<Span>>,
    /// How late the client itself woke for each release, in order of release. The client's
    /// lateness is part of the completion time; it is not taken off.
    pub wake_lateness_ns: Vec<Span>,
    /// End of the series, since its first release: what is unanswered then stays so.
    pub ended_ns: Span,
    /// How many connections the client used; a further one is opened where a request is due and
    /// all are still waiting.
    pub connections: u32,
    /// Part of the series in which the client's core was idle, 0 to 1.
    pub client_core_idle_ratio: f64,
    /// Requests per second that the 1000 connections got meanwhile; absent without load.
    pub web_load_rps: Option<f64>,
    /// Part of all CPU time stolen in the series, 0 to 1.
    pub steal_ratio: f64,
}

/// Summary of `deadline`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadlineSummary {
    /// p99 with reservation and load (beside the most neighbours) over p99 with reservation and
    /// without load.
    pub p99_ratio: f64,
    /// The null comparison: p99 of the second series with reservation and without load over that
    /// of the first. Absent where there was one series.
    pub null_p99_ratio: Option<f64>,
    /// One row a series.
    pub rows: Vec<DeadlineRow>,
}

/// One row of `deadline`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadlineRow {
    /// As in [`DeadlineRun`].
    pub reservation: bool,
    /// As in [`DeadlineRun`].
    pub load: bool,
    /// As in [`DeadlineRun`].
    pub neighbours: u32,
    /// How many requests were released.
    pub requests: u64,
    /// How many took longer than the period, or failed.
    pub late: u64,
    /// How many of them failed or were not answered by the end of the series. In the times below
    /// they count with the time from their release to that end, less than the truth.
    pub unanswered: u64,
    /// The longest that the client itself woke late.
    pub wake_lateness_max_ns: Span,
    /// Mean completion time.
    pub mean_ns: Span,
    /// Its standard deviation.
    pub stddev_ns: Span,
    /// Median.
    pub p50_ns: Span,
    /// 99th percentile.
    pub p99_ns: Span,
    /// Longest.
    pub max_ns: Span,
}

/// One interval of `flood`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloodRun {
    /// How packets reach the VMs.
    pub context: NetworkContextKind,
    /// Whether the flood goes to nobody instead of to B.
    pub control: bool,
    /// Whether the flood is on in this interval; the intervals with and without alternate.
    pub flooding: bool,
    /// 0, 1, ...
    pub repetition: u32,
    /// Its place among the four intervals of one visit, in random order: flood to B, flood to
    /// nobody, and one interval without a flood for each.
    pub position: u32,
    /// Frames per second that the flood offered in the interval; 0 without.
    pub flood_pps: f64,
    /// Frames per second that the receiver's ring had room for; the others were dropped there, as
    /// a card drops them.
    pub flood_taken_pps: f64,
    /// What A got.
    pub tcp: TcpInterval,
}

/// Summary of `flood`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloodSummary {
    /// One row a context and destination.
    pub rows: Vec<FloodRow>,
}

/// One row of `flood`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloodRow {
    /// How packets reach the VMs.
    pub context: NetworkContextKind,
    /// Median rate of the flood, 64-byte frames per second.
    pub flood_pps: f64,
    /// Whether the flood went to nobody.
    pub control: bool,
    /// Throughput of A under the flood: what `kept_ratio` is a ratio to, times `kept_ratio`. Not the
    /// plain median of its intervals, for the reason given at [`NeighbourPoint::throughput_bps`].
    pub throughput_bps: f64,
    /// Median throughput of A in the intervals between, without a flood; the same in both rows of a
    /// context.
    pub alone_bps: f64,
    /// The median of `visit_ratio`: against the control of the same context `throughput_bps` over
    /// the control's; for the control itself `throughput_bps / alone_bps`.
    pub kept_ratio: f64,
    /// Visit by visit, quartiles: A's interval over that of the control; for the control itself over
    /// the mean of the two intervals without a flood.
    pub visit_ratio: Quartiles,
    /// Lower and upper end of the 95 % interval of `kept_ratio`; zeros where none was computed.
    #[serde(default)]
    pub kept_ratio_95: (f64, f64),
    /// The null comparison: median over the visits of one interval without a flood over the other.
    /// One without noise.
    pub null_ratio: f64,
}

/// One spinner in one reservation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracyRun {
    /// Budget.
    pub budget_ns: Span,
    /// Period.
    pub period_ns: Span,
    /// How long it was watched.
    pub elapsed_ns: Span,
    /// CPU time it got, by the kernel's accounting.
    pub supply_ns: Span,
    /// Stretches of uninterrupted execution that the spinner itself saw, one or more a period:
    /// begin since the start, and length.
    pub stretches: Vec<Stretch>,
    /// Whether there were more than the buffer holds; the later ones are then missing.
    pub truncated: bool,
    /// Part of all CPU time stolen meanwhile, 0 to 1.
    pub steal_ratio: f64,
}

/// A stretch of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Begin, since the start of the run.
    pub begin_ns: Span,
    /// Length.
    pub length_ns: Span,
}

/// Summary of `accuracy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracySummary {
    /// One row a reservation.
    pub rows: Vec<AccuracyRow>,
}

/// One row of `accuracy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracyRow {
    /// Budget.
    pub budget_ns: Span,
    /// Period.
    pub period_ns: Span,
    /// Supply over elapsed time, 0 to 1.
    pub share: f64,
    /// `share / (budget / period) - 1`.
    pub share_error_ratio: f64,
    /// The largest supply of one period beyond the budget.
    pub overrun_max_ns: Span,
    /// The largest supply since the start beyond what the periods so far grant, at the end of any
    /// period: overruns that are not repaid add up here.
    pub debt_max_ns: Span,
    /// Whether every overrun was repaid: `debt_max_ns` is at most one scheduler tick, which is what
    /// a single overrun can be.
    pub repaid: bool,
    /// Longest time without service.
    pub gap_max_ns: Span,
}

/// What `lab demo` and `lab all` produced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// `evenkeel.lab.results.v1`.
    pub schema: String,
    /// Version of the program that measured.
    pub version: String,
    /// Present where the experiment was part of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// As above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// As above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbour: Option<Neighbour>,
    /// As above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// As above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flood: Option<Flood>,
}
