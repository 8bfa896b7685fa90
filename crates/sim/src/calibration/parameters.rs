// SPDX-License-Identifier: MIT OR Apache-2.0
//! The numbers of the model, and the scenario that they make of each point.

use evenkeel_model::{CpuIndex, CpuSet, Reservation, Span};
use serde::Serialize;

use super::data::Kind;
use crate::scenario::{
    CapsuleSpec, Context, Interference, Machine, Network, Scenario, WorkloadKind, WorkloadSpec,
};

/// Frames of 1500 bytes carry this much of a stream: less 20 of IP, 32 of TCP with time stamps.
pub(super) const PACKET_BYTES: u32 = 1_448;

/// Packets in flight. The lab's guests have a receive window of 300 kB (`tcp_rmem` of 600,000 bytes,
/// half of it window): 207 packets.
pub(super) const WINDOW: u32 = 207;

/// Beyond it a cold cache costs no more: a guard, four times what any point of the lab comes to.
const REFILL_MAX: Span = Span::from_ms(1);

/// Simulated time of a point: forty of B's periods are measured, and nothing in it is random.
const DURATION: Span = Span::from_ms(4_500);
const WARMUP: Span = Span::from_ms(500);

/// What is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Parameters {
    /// CPU time of a packet, in the NAPI thread and in the guest together. Throughput tells the sum
    /// only; each is given half of it.
    #[serde(rename = "packet_ns")]
    pub packet: Span,
    /// From the end of a packet's processing to the arrival of the one that replaces it.
    #[serde(rename = "delay_ns")]
    pub delay: Span,
    /// Part of the time that others ran which a capsule pays when it comes back.
    pub refill_rate: f64,
    /// What an interrupt takes from whoever runs.
    #[serde(rename = "interrupt_ns")]
    pub interrupt: Span,
}

/// The reservations of the experiment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub reservation: Reservation,
    pub neighbour_period: Span,
}

impl Parameters {
    /// The experiment at one point; `None`: A beside an idle B.
    pub(super) fn scenario(&self, stage: Stage, beside: Option<(Kind, u64)>) -> Scenario {
        let cpus = CpuSet::single(CpuIndex(0));
        let capsule = |name: &str, reservation| CapsuleSpec {
            name: name.parse().expect("a letter is a name"),
            reservation,
            cpus: cpus.clone(),
            parent: None,
            phase: Span::ZERO,
            weight: 100,
            priority: None,
            context: Context::Dedicated,
            police_pps: None,
        };
        let workload = |capsule, name: &str, kind| WorkloadSpec {
            capsule,
            name: name.to_owned(),
            priority: 1,
            cpu: None,
            kernel: false,
            kind,
        };
        let stream =
            WorkloadKind::Stream { window: WINDOW, delay: self.delay, packet_bytes: PACKET_BYTES };
        let mut capsules = vec![capsule("a", stage.reservation)];
        let mut workloads = vec![workload(0, "a", stream.clone())];
        if let Some((kind, share_percent)) = beside {
            let period = stage.neighbour_period;
            let budget = Span::from_ns(period.as_ns() / 100 * share_percent);
            let share = Reservation::new(budget, period).expect("shares are 1 to 100 per cent");
            capsules.push(capsule("b", share));
            let kind = match kind {
                Kind::Tcp => stream,
                Kind::Compute => WorkloadKind::Saturated,
            };
            workloads.push(workload(1, "b", kind));
        }
        let half = self.packet.as_ns() / 2;
        Scenario {
            about: String::new(),
            duration: DURATION,
            warmup: WARMUP,
            seed: 1,
            machine: Machine::default(),
            interference: Interference {
                refill_rate: self.refill_rate,
                refill_max: REFILL_MAX,
                ..Interference::default()
            },
            network: Network {
                interrupt: self.interrupt,
                napi: Span::from_ns(half),
                guest_gro: Span::from_ns(self.packet.as_ns() - half),
                ..Network::default()
            },
            capsules,
            workloads,
        }
    }
}
