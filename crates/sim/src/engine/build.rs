// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a scenario to the state of an engine: threads, NAPI instances, slots of the calendar.

use std::collections::VecDeque;

use evenkeel_model::Instant;

use crate::calendar::Calendar;
use crate::engine::Engine;
use crate::engine::queue::PacketQueue;
use crate::engine::source::START;
use crate::engine::state::{
    CapsuleState, Costs, Counts, CpuState, Policer, PollState, Role, ThreadState, WorkState,
    scaled_up,
};
use crate::histogram::Histogram;
use crate::random::Random;
use crate::record::Record;
use crate::scenario::{Context, Scenario, WorkloadKind};
use crate::scheduler::{CapsuleId, Cpu, Scheduler, ThreadId, ThreadSpec};

/// Priority of NAPI threads inside their capsule: before every workload, whose priorities end one
/// below.
const NAPI_PRIORITY: u8 = 99;

/// Where the sorts of slots begin in the calendar. At one instant the lower slot goes first: what
/// is done is done before a budget runs out, and both before new work arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    pub(super) irqs: usize,
    pub(super) timers: usize,
    pub(super) sources: usize,
    pub(super) resumes: usize,
    pub(super) devices: usize,
    pub(super) warmup: usize,
}

/// A thread of the simulation: a workload's, or a NAPI instance's.
pub(crate) struct Cast {
    pub(crate) spec: ThreadSpec,
    pub(crate) name: String,
    role: Role,
}

/// All threads of a scenario: the workloads in their order, then the uplink, then the NAPI threads.
pub(crate) fn threads_of(scenario: &Scenario) -> Vec<Cast> {
    let mut cast: Vec<Cast> = scenario
        .workloads
        .iter()
        .enumerate()
        .map(|(index, workload)| {
            let all = cpus_of(scenario, workload.capsule);
            let cpus = workload.cpu.map_or(all, |cpu| vec![Cpu(cpu as usize)]);
            let spec = ThreadSpec {
                capsule: CapsuleId(workload.capsule),
                priority: workload.priority,
                cpus,
                kernel: workload.kernel,
            };
            Cast { spec, name: workload.name.clone(), role: Role::Work(index) }
        })
        .collect();
    for (poll, (capsule, is_uplink)) in polls_of(scenario).into_iter().enumerate() {
        let prefix = if is_uplink { "uplink" } else { "napi" };
        let spec = ThreadSpec {
            capsule: CapsuleId(capsule),
            priority: NAPI_PRIORITY,
            cpus: cpus_of(scenario, capsule),
            kernel: true,
        };
        let name = format!("{prefix}/{}", scenario.capsules[capsule].name);
        cast.push(Cast { spec, name, role: Role::Poll(poll) });
    }
    cast
}

fn cpus_of(scenario: &Scenario, capsule: usize) -> Vec<Cpu> {
    scenario.capsules[capsule].cpus.iter().map(|cpu| Cpu(cpu.0 as usize)).collect()
}

/// The NAPI instances: capsule and whether it is the uplink's.
fn polls_of(scenario: &Scenario) -> Vec<(usize, bool)> {
    let needs = |context: Context| {
        scenario.workloads.iter().any(|workload| {
            workload.kind.is_network() && scenario.capsules[workload.capsule].context == context
        })
    };
    let uplink = scenario.network.uplink.filter(|_| needs(Context::Demux)).map(|u| (u, true));
    let own = (0..scenario.capsules.len()).filter(|&capsule| {
        scenario.capsules[capsule].context != Context::Shared
            && scenario
                .workloads
                .iter()
                .any(|workload| workload.capsule == capsule && workload.kind.is_network())
    });
    uplink.into_iter().chain(own.map(|capsule| (capsule, false))).collect()
}

pub(super) fn engine<S: Scheduler, R: Record>(
    scenario: &Scenario,
    scheduler: S,
    recorder: R,
) -> Engine<S, R> {
    let cast = threads_of(scenario);
    let costs = costs(scenario);
    let cpus = scenario.machine.cpus as usize;
    let work = scenario.workloads.len();
    let irqs = cpus;
    let timers = irqs + cpus;
    let sources = timers + scheduler.timers();
    let resumes = sources + work;
    let devices = resumes + work;
    let polls = polls(scenario, &cast, &costs);
    let warmup = devices + polls.len();
    Engine {
        now: START,
        end: START.saturating_add(scenario.duration),
        warmup: START.saturating_add(scenario.warmup),
        irq_accounting: scenario.machine.irq_accounting,
        calendar: Calendar::new(warmup + 1),
        slots: Slots { irqs, timers, sources, resumes, devices, warmup },
        scheduler,
        orders: Vec::with_capacity(64),
        fired: None,
        recorder,
        cpus: (0..cpus).map(|_| cpu(scenario)).collect(),
        capsules: capsules(scenario, &polls),
        threads: cast.into_iter().map(thread).collect(),
        work: (0..work).map(|index| work_state(scenario, index)).collect(),
        uplink: polls.iter().position(|poll| poll.is_uplink),
        polls,
        costs,
        counts: Counts::default(),
    }
}

fn thread(cast: Cast) -> ThreadState {
    ThreadState {
        capsule: cast.spec.capsule,
        cpus: cast.spec.cpus,
        role: cast.role,
        left_ns: 0,
        awake: false,
        on: None,
    }
}

fn cpu(scenario: &Scenario) -> CpuState {
    CpuState {
        current: None,
        since: START,
        irq: None,
        hard: VecDeque::new(),
        backlog: PacketQueue::new(scenario.network.backlog),
        in_hand: Vec::with_capacity(scenario.network.poll as usize),
        ran_ns: 0,
        left_at_ns: vec![0; scenario.capsules.len()],
        last: None,
        stolen_ns: 0,
    }
}

fn capsules(scenario: &Scenario, polls: &[PollState]) -> Vec<CapsuleState> {
    let own = polls_of(scenario);
    let state = |index: usize| {
        let capsule = &scenario.capsules[index];
        let police = capsule.police_pps.map(|rate| {
            let packet_ps = 1_000_000_000_000_u128.div_ceil(u128::from(rate.max(1)));
            let depth_ps = packet_ps * u128::from(depth(scenario, index));
            Policer { packet_ps, depth_ps, credit_ps: depth_ps, last: START }
        });
        CapsuleState {
            context: capsule.context,
            napi: own.iter().take(polls.len()).position(|&poll| poll == (index, false)),
            police,
            supply_ns: 0,
            stolen_ns: 0,
            overhead_ns: 0,
            throttled: 0,
            server_misses: 0,
        }
    };
    (0..scenario.capsules.len()).map(state).collect()
}

/// Packets that may pass at once after a pause: a poll, and at least one whole request.
fn depth(scenario: &Scenario, capsule: usize) -> u32 {
    let own = scenario.workloads.iter().filter(|workload| workload.capsule == capsule);
    let requests = own.map(|workload| match workload.kind {
        WorkloadKind::Requests { packets, .. } => packets,
        _ => 1,
    });
    requests.max().unwrap_or(1).max(scenario.network.poll)
}

fn polls(scenario: &Scenario, cast: &[Cast], costs: &Costs) -> Vec<PollState> {
    let network = &scenario.network;
    let first = scenario.workloads.len();
    let state = |(number, (_, is_uplink)): (usize, (usize, bool))| PollState {
        thread: ThreadId((first + number).min(cast.len().saturating_sub(1))),
        is_uplink,
        ring: PacketQueue::new(network.ring),
        in_hand: Vec::with_capacity(network.poll as usize),
        cost_ns: costs.with_factor(if is_uplink { network.demux } else { network.napi }),
        scheduled: false,
        quiet_until: START,
    };
    polls_of(scenario).into_iter().enumerate().map(state).collect()
}

fn work_state(scenario: &Scenario, index: usize) -> WorkState {
    WorkState {
        kind: scenario.workloads[index].kind.clone(),
        thread: ThreadId(index),
        random: Random::new(scenario.seed, index as u64),
        items: VecDeque::new(),
        packets: 0,
        arrival: 0,
        nominal: Instant::ORIGIN,
        returns: VecDeque::new(),
        responses: Histogram::default(),
        missed: 0,
        dropped: 0,
        unfinished: 0,
        packets_in: 0,
        packets_done: 0,
        packets_dropped: 0,
    }
}

/// Costs with the cache factor, which counts where more than one capsule has work.
fn costs(scenario: &Scenario) -> Costs {
    let first = scenario.workloads.first().map(|workload| workload.capsule);
    let crowded = scenario.workloads.iter().any(|workload| Some(workload.capsule) != first);
    let interference = &scenario.interference;
    let network = &scenario.network;
    let factor = if crowded { parts(interference.cache_factor) } else { parts(1.0) };
    let scaled = |span: evenkeel_model::Span| scaled_up(span.as_ns(), factor);
    Costs {
        switch_ns: interference.switch.as_ns(),
        refill_rate: parts(interference.refill_rate),
        refill_max_ns: interference.refill_max.as_ns(),
        interrupt_ns: network.interrupt.as_ns(),
        coalesce: network.coalesce,
        softirq_ns: scaled(network.softirq),
        guest_ns: scaled(network.guest),
        guest_gro_ns: scaled(network.guest_gro),
        poll: network.poll,
        socket: network.socket,
        factor,
    }
}

/// A factor in parts of 2^20, to nearest. Factors were checked to be finite and at most ten.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to what fits before it is cast"
)]
fn parts(factor: f64) -> u64 {
    (factor * f64::from(1 << 20)).round().clamp(0.0, f64::from(1 << 30)) as u64
}
