// SPDX-License-Identifier: MIT OR Apache-2.0
//! One measured window of a TCP flow: counters at both edges, readings in between.

use evenkeel_model::{CpuIndex, Span};

use super::session::unreadable;
use super::urgency;
use crate::clock::{Moment, sleep_until};
use crate::error::LabError;
use crate::fingerprint::StealReading;
use crate::generator::Urgent;
use crate::generator::idle_spinner::IdleSpinners;
use crate::generator::tcp_flow::{FlowCounters, TcpFlow};
use crate::measurement::{AckedSample, Quartiles, STEAL_RATIO_MAX, TcpInterval};
use crate::statistics::quartiles;
use crate::testbed::Testbed;

/// Time between readings inside a window: one for each short period.
const SAMPLE_EVERY: Span = Span::from_ms(20);

/// What is measured.
pub(super) struct Probe<'a> {
    /// Whose supply counts.
    pub vm: &'a str,
    /// The flow towards it.
    pub flow: &'a TcpFlow,
    /// Which tell how idle the client's core was.
    pub spinners: &'a IdleSpinners,
    /// That core.
    pub client_cpu: CpuIndex,
    /// What `begin_ns` counts from.
    pub epoch: Moment,
}

/// A window, and what the caller read at its edges.
pub(super) struct Window<E> {
    /// The flow.
    pub tcp: TcpInterval,
    /// Read at the begin.
    pub before: E,
    /// Read at the end.
    pub after: E,
}

/// Everything at one edge.
struct Edge {
    flow: FlowCounters,
    supply: Span,
    idle: Span,
    steal: StealReading,
}

impl Probe<'_> {
    /// Measures for `length`; `edge` reads further counters at both ends.
    pub fn measure<E>(
        &self,
        testbed: &Testbed,
        length: Span,
        mut edge: impl FnMut() -> Result<E, LabError>,
    ) -> Result<Window<E>, LabError> {
        let _urgent = Urgent::enter(urgency::coordinator(self.client_cpu))?;
        let first = self.edge(testbed)?;
        let before = edge()?;
        let begin = first.flow.at;
        let mut samples = Vec::new();
        for k in 1..length.as_ns().div_ceil(SAMPLE_EVERY.as_ns()) {
            sleep_until(begin + Span::from_ns(SAMPLE_EVERY.as_ns() * k));
            samples.push(sample(&first.flow, &self.flow.counters()?));
        }
        sleep_until(begin + length);
        let last = self.edge(testbed)?;
        let after = edge()?;
        samples.push(sample(&first.flow, &last.flow));
        let tcp = interval(self.epoch, &first, &last, samples);
        Ok(Window { tcp, before, after })
    }

    fn edge(&self, testbed: &Testbed) -> Result<Edge, LabError> {
        // The flow first: its time is the window's.
        let flow = self.flow.counters()?;
        let supply = testbed.supply(self.vm)?;
        let idle = self.spinners.idle_time(self.client_cpu);
        let steal = StealReading::now().map_err(unreadable)?;
        Ok(Edge { flow, supply, idle, steal })
    }
}

fn sample(first: &FlowCounters, now: &FlowCounters) -> AckedSample {
    let bytes = now.bytes_acked.saturating_sub(first.bytes_acked);
    AckedSample { at_ns: now.at.since(first.at), bytes }
}

fn interval(epoch: Moment, first: &Edge, last: &Edge, samples: Vec<AckedSample>) -> TcpInterval {
    let duration_ns = last.flow.at.since(first.flow.at);
    let bytes = last.flow.bytes_acked.saturating_sub(first.flow.bytes_acked);
    let steal_ratio = last.steal.ratio_since(&first.steal);
    TcpInterval {
        begin_ns: first.flow.at.since(epoch),
        duration_ns,
        throughput_bps: per_second(bytes, duration_ns) * 8.0,
        supply_ns: last.supply.saturating_sub(first.supply),
        client_core_idle_ratio: part(last.idle.saturating_sub(first.idle), duration_ns),
        steal_ratio,
        retransmits: last.flow.retransmits.saturating_sub(first.flow.retransmits),
        timeouts: last.flow.timeouts.zip(first.flow.timeouts).map(|(l, f)| l.saturating_sub(f)),
        disturbed: steal_ratio > STEAL_RATIO_MAX,
        samples,
    }
}

/// `count` in `time`, per second; zero in no time.
pub(super) fn per_second(count: u64, time: Span) -> f64 {
    match time {
        Span::ZERO => 0.0,
        time => count as f64 * 1e9 / time.as_ns() as f64,
    }
}

/// `span` as a part of `whole`, at most one: counters that lag may show a little more.
pub(super) fn part(span: Span, whole: Span) -> f64 {
    match whole {
        Span::ZERO => 0.0,
        whole => (span.as_ns() as f64 / whole.as_ns() as f64).min(1.0),
    }
}

/// `a / b`, or nothing where there is nothing to compare with: figures must stay finite, because
/// JSON has no others.
pub(super) fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// The quartiles of some ratios; all zero where there are none.
pub(super) fn spread(ratios: &[f64]) -> Quartiles {
    quartiles(ratios).unwrap_or(Quartiles { lower: 0.0, median: 0.0, upper: 0.0 })
}

/// The median of what the figures of some windows are. Zero without windows, which the plans of
/// all experiments exclude.
pub(super) fn median_of<T>(items: impl IntoIterator<Item = T>, figure: impl Fn(T) -> f64) -> f64 {
    let figures: Vec<f64> = items.into_iter().map(figure).collect();
    crate::statistics::median(&figures).unwrap_or(0.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A window of 500 ms at `bps`, for the tests of the summaries.
    pub fn tcp(bps: f64) -> TcpInterval {
        TcpInterval {
            begin_ns: Span::ZERO,
            duration_ns: Span::from_ms(500),
            throughput_bps: bps,
            supply_ns: Span::from_ms(150),
            client_core_idle_ratio: 0.5,
            steal_ratio: 0.0,
            retransmits: 0,
            timeouts: None,
            disturbed: false,
            samples: Vec::new(),
        }
    }

    fn edge(at: Moment, bytes_acked: u64, ms: u64) -> Edge {
        let flow = FlowCounters {
            at,
            bytes_acked,
            retransmits: ms,
            timeouts: None,
            receiver_limited: Span::ZERO,
        };
        let steal = StealReading::now().unwrap();
        Edge { flow, supply: Span::from_ms(ms), idle: Span::from_ms(2 * ms), steal }
    }

    #[test]
    fn an_interval_is_the_difference_of_its_edges() {
        let epoch = Moment::now();
        let begin = epoch + Span::from_ms(70);
        let first = edge(begin, 1_000, 10);
        let last = edge(begin + Span::from_ms(500), 62_501_000, 160);
        let tcp = interval(epoch, &first, &last, vec![sample(&first.flow, &last.flow)]);
        assert_eq!(tcp.begin_ns, Span::from_ms(70));
        assert!((tcp.throughput_bps - 1e9).abs() < 1.0, "{}", tcp.throughput_bps);
        assert_eq!(tcp.supply_ns, Span::from_ms(150));
        assert!((tcp.client_core_idle_ratio - 0.6).abs() < 1e-12);
        assert_eq!((tcp.retransmits, tcp.timeouts), (150, None));
        assert_eq!(tcp.samples[0].bytes, 62_500_000);
    }

    #[test]
    fn nothing_happens_in_no_time() {
        assert_eq!(per_second(5, Span::ZERO).to_bits(), 0f64.to_bits());
        assert_eq!(part(Span::from_ms(1), Span::ZERO).to_bits(), 0f64.to_bits());
        assert_eq!(part(Span::from_ms(3), Span::from_ms(2)).to_bits(), 1f64.to_bits());
        assert_eq!(ratio(1.0, 0.0).to_bits(), 0f64.to_bits());
        assert_eq!(ratio(3.0, 2.0).to_bits(), 1.5f64.to_bits());
        assert_eq!(spread(&[]).median.to_bits(), 0f64.to_bits());
    }
}
