// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random sets of servers of at most one CPU, and machines with one thread in each capsule.

use evenkeel_model::{Bandwidth, CpuIndex, Reservation, Span};

use crate::config::{Config, Tie, WakeRule};
use crate::cpu_mask::CpuMask;
use crate::event::Event;
use crate::ids::{CapsuleId, ThreadId};
use crate::machine::{Machine, Random};

/// Most servers of a random set. More make periods short of a nanosecond's share, not other cases.
const SERVERS_MAX: u64 = 8;

/// All of the CPU for capsules: the configuration under which every promise is tightest.
pub fn whole_cpu(wake_rule: WakeRule, tie: Tie) -> Config {
    Config { wake_rule, tie, limit: Bandwidth::ONE, best_effort: None, ..Config::default() }
}

/// A random set of servers with Σ Q/P <= 1: in a third of the cases exactly 1.
pub fn random_set(random: &mut Random) -> Vec<Reservation> {
    let count = random.between(1, SERVERS_MAX);
    match random.up_to(2) {
        0 => exactly_full(random, count),
        1 => shares(random, count, |random| 1_000_000 * random.between(1, 20)),
        _ => shares(random, count, |random| random.between(1_000_000, 20_000_000)),
    }
}

/// Periods of any length; budgets are shares of them, rounded down, of a total of at most one.
fn shares(random: &mut Random, count: u64, period: fn(&mut Random) -> u64) -> Vec<Reservation> {
    let weights: Vec<u64> = (0..count).map(|_| random.between(1, 1000)).collect();
    // Sometimes a server that is nobody's: the total is below one.
    let nobody = if random.up_to(1) == 0 { 0 } else { random.up_to(1000) };
    let total = weights.iter().sum::<u64>() + nobody;
    let one = |weight: u64| {
        let period = period(random);
        // At most 2·10^7 · 1000: far from 2^64.
        Reservation::new(Span::from_ns(period * weight / total), Span::from_ns(period)).ok()
    };
    weights.into_iter().filter_map(one).collect()
}

/// Harmonic periods and a last server that takes exactly what the others leave.
fn exactly_full(random: &mut Random, count: u64) -> Vec<Reservation> {
    const BASE_NS: u64 = 1_000_000;
    const LONGEST_NS: u64 = BASE_NS << 4;
    let mut left_ns = LONGEST_NS;
    let mut set = Vec::new();
    for _ in 1..count {
        let repeats = 1 << random.up_to(4);
        let period_ns = LONGEST_NS / repeats;
        // Of each period at most what is left of it, and at least a nanosecond for the last.
        let most = (left_ns - 1) / repeats;
        let budget_ns = random.up_to(most / 2);
        let one = Reservation::new(Span::from_ns(budget_ns), Span::from_ns(period_ns));
        if let Ok(one) = one {
            left_ns -= budget_ns * repeats;
            set.push(one);
        }
    }
    set.extend(Reservation::new(Span::from_ns(left_ns), Span::from_ns(LONGEST_NS)).ok());
    set
}

/// A machine with a capsule for each reservation, all on `cpu`, and a thread in each; both are
/// numbered from 1.
///
/// # Panics
/// If the set does not fit: the sets of the benchmarks do.
pub fn one_thread_each(config: Config, set: &[Reservation], cpu: CpuIndex) -> Machine {
    let mut machine = Machine::new(config).expect("the configurations of benchmarks are sound");
    for (number, reservation) in (1..).zip(set) {
        add_capsule(&mut machine, number, *reservation, cpu).expect("the set fits by construction");
    }
    machine
}

/// One more capsule, and a thread in it of the same number if there is none yet.
pub fn add_capsule(
    machine: &mut Machine,
    number: u32,
    reservation: Reservation,
    cpu: CpuIndex,
) -> Result<(), crate::error::PolicyError> {
    let (capsule, thread, cpus) = (CapsuleId(number), ThreadId(number), CpuMask::single(cpu));
    machine.tell(Event::CreateCapsule { capsule, parent: None, reservation, cpus })?;
    let (priority, affinity) = (1, cpus);
    match machine.policy().thread_state(thread) {
        Some(_) => machine.tell(Event::ChangeThread { thread, capsule, priority, affinity }),
        None => machine.tell(Event::AddThread { thread, capsule, priority, affinity }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission;
    use crate::budget::Params;

    #[test]
    fn sets_fit_and_some_fill_the_cpu() {
        let mut random = Random::new(1);
        let mut full = 0;
        for _ in 0..1000 {
            let set: Vec<Params> = random_set(&mut random).into_iter().map(Params::from).collect();
            assert!(admission::fits(&set, Bandwidth::ONE), "{set:?}");
            let below = Bandwidth::from_ppb(Bandwidth::ONE.as_ppb() - 1);
            full += u32::from(!admission::fits(&set, below));
        }
        assert!(full > 250, "{full}");
    }
}
