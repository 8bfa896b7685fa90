// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scenarios made from a seed, for checks and measurements.

use evenkeel_model::{CpuIndex, CpuSet, Reservation, Span};

use crate::random::Random;
use crate::scenario::{
    CapsuleSpec, Context, Cost, Interference, Machine, Network, Pattern, Scenario, WakeRule,
    WorkloadKind, WorkloadSpec,
};

/// Up to six capsules with up to three workloads of any kind but network ones, on one CPU whose
/// whole time may be reserved; overload, suspension and bursts included.
pub fn random_scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed, 0x5ca1e);
    let mut scenario = empty(seed);
    if random.up_to(1) == 1 {
        scenario.machine.wake_rule = WakeRule::W2;
    }
    for reservation in reservations(&mut random, 6) {
        let capsule = add_capsule(&mut scenario, reservation);
        for priority in 0..=u8::try_from(random.up_to(2)).unwrap_or(0) {
            let kind = any_kind(&mut random, reservation);
            add_workload(&mut scenario, capsule, priority, kind);
        }
    }
    let longest = scenario.capsules.iter().map(|c| c.reservation.period()).max();
    scenario.duration = longest.unwrap_or(Span::from_ms(10)).checked_mul(20).unwrap_or_default();
    scenario
}

/// Capsules with periodic and sporadic tasks that theory has bounds for.
pub fn scenario_with_tasks(seed: u64) -> Scenario {
    let mut random = Random::new(seed, 0x7a5c5);
    let mut scenario = empty(seed);
    for reservation in reservations(&mut random, 4) {
        let capsule = add_capsule(&mut scenario, reservation);
        let count = 1 + random.up_to(2);
        for priority in 0..u8::try_from(count).unwrap_or(1) {
            // Periods of two to ten of the server's, so that a bound within the period exists.
            let period =
                random.between(times(reservation.period(), 2), times(reservation.period(), 10));
            let share = part(period, reservation) / (2 * count);
            let cost = Cost::fixed(Span::from_ns(1 + random.up_to(share)));
            let offset = random.between(Span::ZERO, period);
            let kind = match random.up_to(1) {
                0 => {
                    let jitter = random.between(Span::ZERO, Span::from_ns(period.as_ns() / 10));
                    WorkloadKind::Periodic { period, cost, offset, jitter, deadline: period }
                }
                _ => WorkloadKind::Sporadic {
                    gap: period,
                    extra: Span::from_ns(period.as_ns() / 5),
                    cost,
                    offset,
                    deadline: period,
                },
            };
            add_workload(&mut scenario, capsule, priority, kind);
        }
    }
    let longest = scenario.capsules.iter().map(|c| c.reservation.period()).max();
    scenario.duration = times(longest.unwrap_or(Span::from_ms(10)), 200);
    scenario
}

/// Two CPUs, capsules in every network context, streams, floods and requests, interference on.
pub fn network_scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed, 0x7e7);
    let mut scenario = empty(seed);
    scenario.machine = Machine { cpus: 2, tick: Span::from_ms(1), ..Machine::default() };
    scenario.interference = Interference {
        switch: Span::from_us(2),
        refill_rate: 0.01,
        refill_max: Span::from_us(30),
        cache_factor: 1.05,
    };
    scenario.network.uplink = Some(0);
    scenario.duration = Span::from_ms(50 + random.up_to(50));
    scenario.warmup = Span::from_ms(10);
    let reservation = |budget, period| whole(Span::from_ms(budget), Span::from_ms(period));
    add_capsule(&mut scenario, reservation(1, 5));
    for context in [Context::Shared, Context::Dedicated, Context::Demux] {
        let capsule = add_capsule(&mut scenario, reservation(2, 10));
        scenario.capsules[capsule].context = context;
        scenario.capsules[capsule].cpus = [CpuIndex(0), CpuIndex(1)].into_iter().collect();
        if context == Context::Demux {
            scenario.capsules[capsule].police_pps = Some(50_000 + random.up_to(50_000));
        }
        let stream = WorkloadKind::Stream {
            window: u32::try_from(10 + random.up_to(200)).unwrap_or(10),
            delay: Span::from_us(100),
            packet_bytes: 1_514,
        };
        let flood = WorkloadKind::Flood {
            rate_pps: 1 + random.up_to(300_000),
            batch: 8,
            pattern: Pattern::Poisson,
            packet_bytes: 64,
        };
        let requests = WorkloadKind::Requests {
            period: Span::from_ms(2),
            pattern: Pattern::Poisson,
            packets: 3,
            cost: Cost { least: Span::from_us(50), most: Span::from_us(150) },
            offset: Span::ZERO,
            deadline: Span::from_ms(10),
            packet_bytes: 1_514,
        };
        for (priority, kind) in [stream, flood, requests].into_iter().enumerate() {
            let priority = u8::try_from(priority).unwrap_or(0);
            let index = add_workload(&mut scenario, capsule, priority, kind);
            scenario.workloads[index].cpu = [None, Some(0), Some(1)][usize::from(priority) % 3];
        }
    }
    scenario
}

/// 32 capsules, 96 % of one CPU, every kind of local workload: what speed is measured on.
pub fn thirty_two_capsules() -> Scenario {
    let mut scenario = empty(7);
    scenario.duration = Span::from_s(5);
    for index in 0..32_u64 {
        // Periods from 4 to 35 ms, 3 % each.
        let period = Span::from_ms(4 + index);
        let budget = Span::from_ns(period.as_ns() * 3 / 100);
        let capsule = add_capsule(&mut scenario, whole(budget, period));
        let cost = Cost::fixed(Span::from_ns(budget.as_ns() / 3));
        let offset = Span::from_us(37 * index);
        let kind = match index % 4 {
            0 => WorkloadKind::Saturated,
            1 => WorkloadKind::Periodic {
                period: Span::from_ns(period.as_ns() / 3),
                cost,
                offset,
                jitter: Span::ZERO,
                deadline: period,
            },
            2 => WorkloadKind::Sporadic {
                gap: Span::from_ns(period.as_ns() / 4),
                extra: Span::from_ns(period.as_ns() / 8),
                cost,
                offset,
                deadline: period,
            },
            _ => WorkloadKind::Suspending {
                period,
                cost: Cost::fixed(Span::from_ns(budget.as_ns() / 5)),
                suspend: Span::from_us(300),
                rounds: 3,
                offset,
                deadline: period,
            },
        };
        add_workload(&mut scenario, capsule, 1, kind);
    }
    scenario
}

fn empty(seed: u64) -> Scenario {
    Scenario {
        about: String::new(),
        duration: Span::from_ms(100),
        warmup: Span::ZERO,
        seed,
        machine: Machine { tick: Span::ZERO, ..Machine::default() },
        interference: Interference::default(),
        network: Network::default(),
        capsules: Vec::new(),
        workloads: Vec::new(),
    }
}

/// One to `most` reservations that hold one CPU together, at most.
fn reservations(random: &mut Random, most: u64) -> Vec<Reservation> {
    let count = 1 + random.up_to(most - 1);
    // Millionths of the CPU still to be given.
    let mut left = 500_000 + random.up_to(500_000);
    (0..count)
        .map(|index| {
            let share = match index + 1 == count {
                true => left,
                false => random.up_to(left * 2 / (count - index)).min(left),
            };
            left -= share;
            let period = Span::from_us(1_000 + 100 * random.up_to(190));
            let budget = Span::from_ns((period.as_ns() * share / 1_000_000).max(10_000));
            whole(budget, period)
        })
        .scan(0_u64, |total, reservation| {
            // The least budget of 10 us may add up to more than was to be given.
            *total += reservation.bandwidth().as_ppb();
            Some((*total <= 1_000_000_000).then_some(reservation))
        })
        .flatten()
        .collect()
}

fn any_kind(random: &mut Random, reservation: Reservation) -> WorkloadKind {
    let (budget, period) = (reservation.budget(), reservation.period());
    let least = Span::from_ns(1 + random.up_to(budget.as_ns()));
    let cost = Cost { least, most: least + random.between(Span::ZERO, budget) };
    let gap = random.between(Span::from_ns(period.as_ns() / 4), times(period, 3));
    let offset = random.between(Span::ZERO, period);
    match random.up_to(5) {
        0 => WorkloadKind::Saturated,
        1 => WorkloadKind::Periodic {
            period: gap,
            cost,
            offset,
            jitter: random.between(Span::ZERO, gap),
            deadline: gap,
        },
        2 => WorkloadKind::Sporadic { gap, extra: gap, cost, offset, deadline: gap },
        3 => WorkloadKind::Bursty {
            period: times(gap, 4),
            burst: 3,
            spacing: random.between(Span::ZERO, gap),
            cost,
            offset,
            deadline: gap,
        },
        // Wakes that fall on the server's own instants are the interesting ones.
        4 => WorkloadKind::Periodic {
            period,
            cost: Cost::fixed(budget),
            offset: Span::ZERO,
            jitter: Span::ZERO,
            deadline: period,
        },
        _ => WorkloadKind::Suspending {
            period: gap,
            cost,
            suspend: random.between(Span::from_ns(1), period),
            rounds: u32::try_from(1 + random.up_to(3)).unwrap_or(1),
            offset,
            deadline: gap,
        },
    }
}

fn add_capsule(scenario: &mut Scenario, reservation: Reservation) -> usize {
    let index = scenario.capsules.len();
    let name = format!("c{index}");
    scenario.capsules.push(CapsuleSpec {
        name: name.parse().expect("a letter and digits are a name"),
        reservation,
        cpus: CpuSet::single(CpuIndex(0)),
        parent: None,
        phase: Span::ZERO,
        weight: 100,
        priority: None,
        context: Context::Shared,
        police_pps: None,
    });
    index
}

fn add_workload(
    scenario: &mut Scenario,
    capsule: usize,
    priority: u8,
    kind: WorkloadKind,
) -> usize {
    let index = scenario.workloads.len();
    let name = format!("w{index}");
    let workload = WorkloadSpec { capsule, name, priority, cpu: None, kernel: false, kind };
    scenario.workloads.push(workload);
    index
}

fn whole(budget: Span, period: Span) -> Reservation {
    Reservation::new(budget, period).expect("budgets here are within periods of 1 ms to 100 ms")
}

fn times(span: Span, n: u64) -> Span {
    span.checked_mul(n).expect("spans here are below a minute")
}

/// What a reservation has in `window` in the long run, at least a nanosecond.
fn part(window: Span, reservation: Reservation) -> u64 {
    let product = u128::from(window.as_ns()) * u128::from(reservation.budget().as_ns());
    let part = product / u128::from(reservation.period().as_ns());
    u64::try_from(part).unwrap_or(1).max(1)
}
