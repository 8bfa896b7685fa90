// SPDX-License-Identifier: MIT OR Apache-2.0
//! Costs that the native lab measured, in place of the literature's, and what they predict of the
//! same host.
//!
//! Measured and used: CPU time of the VM for a packet, without a flood, in each network context;
//! CPU time that a VM's own context spends on a frame of a flood; CPU time for a byte that the
//! application digests, from one of the budgets of `share`. Everything else the lab measured is
//! predicted: other budgets, other experiments, and the collapse of the shared context.
//!
//! Unit: nanoseconds of one core. No clock is asked for.
//!
//! The collapse: frames of B's flood are processed in softirqs, which interrupt whoever runs on
//! the CPU and are charged to it. The part that falls into A's slots goes before A's own work:
//! a task of higher, preemptive priority on A's part of the CPU.

use serde::Serialize;

use super::catalogue::Architecture;
use super::error::{ArchitectureError, in_range};
use super::fit;
use super::machine::Machine;
use super::scenario::{Direction, Load, Scenario};
use super::solve::solve;
use super::source::{Origin, Source};
use crate::model::{CallKind, Multiplicity, ProcessorDiscipline};
use crate::{Builder, mva};

/// Bytes that the lab counts a packet with: packets of an Ethernet's MTU.
pub const PACKET_BYTES: f64 = fit::BYTES;
/// Packets under way between client and VM: enough for the CPU to be the limit.
const WINDOW: u32 = 64;
const NANOSECONDS: f64 = 1e9;

/// What the lab measured of one host.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Costs {
    /// CPU time of a VM for a packet in context `shared`.
    pub shared_packet_ns: f64,
    /// CPU time of a VM for a packet in context `dedicated`.
    pub dedicated_packet_ns: f64,
    /// CPU time of a VM's own context for a small frame that nobody wants.
    pub frame_ns: f64,
    /// CPU time of the application for a byte.
    pub digest_byte_ns: f64,
}

impl Costs {
    /// Every cost in its range.
    ///
    /// # Errors
    /// [`ArchitectureError::Range`].
    pub fn check(&self) -> Result<(), ArchitectureError> {
        in_range("cost of a packet (shared), ns", self.shared_packet_ns, 1.0, 1e9)?;
        in_range("cost of a packet (dedicated), ns", self.dedicated_packet_ns, 1.0, 1e9)?;
        in_range("cost of a frame, ns", self.frame_ns, 1.0, 1e9)?;
        in_range("cost of a digested byte, ns", self.digest_byte_ns, 0.0, 1e6)
    }
}

/// CPU time for a packet, from a throughput and the part of a CPU that it took.
#[must_use]
pub fn packet_ns(throughput_bps: f64, supply: f64) -> f64 {
    supply * NANOSECONDS * PACKET_BYTES * 8.0 / throughput_bps
}

/// What a prediction is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// CPU time for a packet.
    pub packet_ns: f64,
    /// CPU time for each of its bytes besides.
    pub byte_ns: f64,
    /// Part of a CPU that the VM has.
    pub supply: f64,
    /// Frames of somebody else's flood that softirqs of this CPU take, per second.
    pub softirq_pps: f64,
    /// CPU time for one of them.
    pub frame_ns: f64,
}

impl Question {
    /// Throughput of a VM with that part of a CPU, nobody else's softirqs on it.
    #[must_use]
    pub fn alone(packet_ns: f64, supply: f64) -> Self {
        Self { packet_ns, byte_ns: 0.0, supply, softirq_pps: 0.0, frame_ns: 0.0 }
    }
}

/// The throughput that the model predicts, bits per second.
///
/// # Errors
/// [`ArchitectureError`]; a flood that takes the whole CPU leaves the model unstable, which is
/// answered with a throughput of 0.
pub fn predict(q: &Question) -> Result<f64, ArchitectureError> {
    in_range("part of a CPU", q.supply, 1e-6, 1024.0)?;
    in_range("frames per second", q.softirq_pps, 0.0, 1e9)?;
    let mut b = Builder::new("one VM of the lab");
    let outside = b.processor("outside", ProcessorDiscipline::Delay);
    let cpu = b.processor("cpu.vm", ProcessorDiscipline::PriorityPreemptive);
    // Nanoseconds of work in a microsecond.
    b.speed(cpu, q.supply * 1e3);
    let stream = b.reference_task("stream", outside, WINDOW, 0.0);
    let packet = b.entry("packet", stream);
    let vm = b.task("vm", cpu, Multiplicity::Infinite);
    let work = b.entry("vm.packet", vm);
    b.demand(work, 1, q.packet_ns + q.byte_ns * PACKET_BYTES);
    b.call(packet, 1, CallKind::Synchronous, work, 1.0);
    if q.softirq_pps > 0.0 {
        let softirq = b.task("softirq", cpu, Multiplicity::Infinite);
        b.priority(softirq, 1);
        let frame = b.entry("softirq.frame", softirq);
        b.demand(frame, 1, q.frame_ns);
        // Of all frames, those that arrive in the slots of this VM.
        b.open_arrivals(frame, q.softirq_pps * q.supply * 1e-6);
    }
    let model = b.build()?;
    let throughput = match mva::solve(&model, &mva::Options::default()) {
        Ok(results) => results.tasks[stream.index()].throughput.mean,
        Err(mva::MvaError::Unstable { .. }) => 0.0,
        Err(error) => return Err(error.into()),
    };
    Ok(throughput * 1e6 * PACKET_BYTES * 8.0)
}

/// The machine on which the path of a context of its own takes as long as was measured: the
/// costs of all other architectures are scaled with it.
///
/// # Errors
/// [`ArchitectureError`].
pub fn machine(costs: &Costs, cores: u32) -> Result<Machine, ArchitectureError> {
    costs.check()?;
    let source = Source {
        origin: Origin::Measured,
        note: "native lab: packet in a context of its own; a cycle is a nanosecond",
    };
    let today = Machine::named("today")?;
    let unit = Machine {
        name: "this-host".to_owned(),
        clock_hz: NANOSECONDS,
        cores,
        factor_today: 1.0,
        source,
        ..today
    };
    let scenario = Scenario::new(unit.clone(), 1, Load::bulk(Direction::Receive, 1));
    let cycles = solve(&Architecture::named("linux-dedicated")?, &scenario)?.cycles;
    let factor_today = costs.dedicated_packet_ns / cycles;
    let machine = Machine { factor_today, factor_2006: factor_today * unit.factor_2006, ..unit };
    machine.check()?;
    Ok(machine)
}
