// SPDX-License-Identifier: MIT OR Apache-2.0
//! The capsule scheduler: `policy` as it is, with the engine's words translated into its own.
//!
//! Threads and capsules keep their numbers, capsules from one on, since the policy's capsule 0 is
//! the class outside all capsules. What a CPU executes is kept until the policy is next told of
//! that CPU. Nothing is decided here.

use evenkeel_model::{Bandwidth, CpuIndex, Instant, Span};
use evenkeel_policy::{
    CapsuleId as PolicyCapsule, Config, ConfigError, CpuMask, Decision, Event, Policy, PolicyError,
    ThreadId as PolicyThread, Tie, WakeRule as PolicyWakeRule,
};

use crate::scenario::{Scenario, WakeRule};
use crate::scheduler::{CapsuleId, Cpu, Order, Orders, Scheduler, ThreadId, ThreadSpec};

/// The policy and what is on its way to it.
pub(crate) struct Capsules {
    policy: Policy,
    decisions: Vec<Decision>,
    cpus: Vec<CpuState>,
}

/// One CPU between the engine and the policy.
#[derive(Clone, Debug, Default)]
struct CpuState {
    /// Executed by the CPU's thread and not yet charged.
    executed: Span,
    /// The number that its timer was armed with.
    generation: u32,
}

/// Why the policy does not take a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The machine is none that a policy schedules.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A capsule or thread that it does not take, or does not admit.
    #[error("{name}: {source}")]
    Policy {
        /// Which capsule or thread.
        name: String,
        /// Why.
        source: PolicyError,
    },
}

impl Capsules {
    /// A policy with the capsules and threads of `scenario`; all threads asleep.
    pub(crate) fn new(scenario: &Scenario, threads: &[ThreadSpec]) -> Result<Capsules, Refusal> {
        let config = Config {
            cpus: scenario.machine.cpus,
            wake_rule: match scenario.machine.wake_rule {
                WakeRule::Renewal => PolicyWakeRule::Renewal,
                WakeRule::W2 => PolicyWakeRule::ZeroLag,
            },
            tie: Tie::LowestId,
            // Nothing exists outside the scenario, so capsules may hold all there is.
            limit: Bandwidth::ONE,
            best_effort: None,
            ..Config::default()
        };
        let mut capsules = Capsules {
            policy: Policy::new(config)?,
            decisions: Vec::with_capacity(64),
            cpus: vec![CpuState::default(); scenario.machine.cpus as usize],
        };
        capsules.create(scenario)?;
        for (number, thread) in (0..).zip(threads) {
            let event = Event::AddThread {
                thread: PolicyThread(number),
                capsule: theirs(thread.capsule),
                priority: thread.priority,
                affinity: mask(thread.cpus.iter().copied()),
            };
            capsules.prepare(event, || format!("thread {number}"))?;
        }
        Ok(capsules)
    }

    /// Creates parents before their children. A scenario that was checked has no cycles, so every
    /// round creates at least one.
    fn create(&mut self, scenario: &Scenario) -> Result<(), Refusal> {
        let mut created = vec![false; scenario.capsules.len()];
        for _ in 0..scenario.capsules.len() {
            for (index, capsule) in scenario.capsules.iter().enumerate() {
                if created[index] || capsule.parent.is_some_and(|parent| !created[parent]) {
                    continue;
                }
                created[index] = true;
                let event = Event::CreateCapsule {
                    capsule: theirs(CapsuleId(index)),
                    parent: capsule.parent.map(|parent| theirs(CapsuleId(parent))),
                    reservation: capsule.reservation,
                    cpus: mask(capsule.cpus.iter().map(|cpu| Cpu(cpu.0 as usize))),
                };
                self.prepare(event, || format!("capsule '{}'", capsule.name))?;
            }
        }
        Ok(())
    }

    /// An event before time begins.
    fn prepare(&mut self, event: Event, name: impl FnOnce() -> String) -> Result<(), Refusal> {
        let taken = self.policy.handle(Instant::ORIGIN, event, &mut self.decisions);
        self.decisions.clear();
        taken.map_err(|source| Refusal::Policy { name: name(), source })
    }

    /// An event, and the preemptions that follow from it; a CPU that is to be preempted is at once.
    fn handle(&mut self, now: Instant, event: Event, orders: &mut Orders) {
        self.tell(now, event);
        let mut next = 0;
        // A CPU is preempted once for each wake-up, so this ends; decisions only grow meanwhile.
        while let Some(&decision) = self.decisions.get(next) {
            next += 1;
            if let Decision::Preempt { cpu } = decision {
                let executed = self.take_executed(Cpu(cpu.0 as usize));
                self.tell(now, Event::Tick { cpu, executed });
            } else if let Some(order) = self.order_of(decision) {
                orders.push(order);
            }
        }
        self.decisions.clear();
    }

    /// # Panics
    /// If the policy does not take the event: it was told of all threads, so that is a bug.
    fn tell(&mut self, now: Instant, event: Event) {
        if let Err(error) = self.policy.handle(now, event, &mut self.decisions) {
            panic!("the policy does not take {event:?} of the simulation: {error}");
        }
    }

    fn take_executed(&mut self, cpu: Cpu) -> Span {
        std::mem::take(&mut self.cpus[cpu.0].executed)
    }

    fn order_of(&mut self, decision: Decision) -> Option<Order> {
        Some(match decision {
            Decision::Run { cpu, thread } => Order::Run(ours(cpu), ThreadId(thread.0 as usize)),
            Decision::Idle { cpu } => Order::Idle(ours(cpu)),
            Decision::ArmTimer { cpu, at, generation } => {
                self.cpus[ours(cpu).0].generation = generation;
                Order::Arm(ours(cpu).0, at)
            }
            Decision::Throttle { server, .. } => {
                Order::Throttled(ours(server.cpu), capsule_of(server.capsule)?)
            }
            Decision::Replenish { server, .. } => {
                Order::Replenished(ours(server.cpu), capsule_of(server.capsule)?)
            }
            Decision::LagReset { server, .. } | Decision::ServerMiss { server, .. } => {
                Order::Missed(ours(server.cpu), capsule_of(server.capsule)?)
            }
            Decision::Preempt { .. } | Decision::Boost { .. } => return None,
        })
    }
}

impl Scheduler for Capsules {
    fn timers(&self) -> usize {
        self.cpus.len()
    }

    fn timer_cpu(&self, timer: usize) -> Option<Cpu> {
        // A capsule's thread may go to another of its CPUs when a budget ends or begins.
        (self.cpus.len() == 1).then_some(Cpu(timer))
    }

    fn start(&mut self, _: &mut Orders) {}

    fn charge(&mut self, cpu: Cpu, _: ThreadId, executed: Span) {
        let state = &mut self.cpus[cpu.0];
        state.executed = state.executed + executed;
    }

    fn wake(&mut self, now: Instant, thread: ThreadId, orders: &mut Orders) {
        self.handle(now, Event::Wake { thread: number(thread) }, orders);
    }

    fn block(&mut self, now: Instant, cpu: Cpu, thread: ThreadId, orders: &mut Orders) {
        let executed = self.take_executed(cpu);
        self.handle(now, Event::Block { thread: number(thread), executed }, orders);
    }

    fn timer(&mut self, now: Instant, timer: usize, orders: &mut Orders) {
        let executed = self.take_executed(Cpu(timer));
        let generation = self.cpus[timer].generation;
        let cpu = theirs_cpu(Cpu(timer));
        self.handle(now, Event::Timer { cpu, generation, executed }, orders);
    }
}

// Numbers are dense and far below 2^32: a scenario has at most 64 CPUs, 256 capsules, and as many
// threads as workloads and capsules together.

fn theirs(capsule: CapsuleId) -> PolicyCapsule {
    PolicyCapsule(u32::try_from(capsule.0 + 1).unwrap_or(u32::MAX))
}

fn capsule_of(capsule: PolicyCapsule) -> Option<CapsuleId> {
    (capsule.0 as usize).checked_sub(1).map(CapsuleId)
}

fn number(thread: ThreadId) -> PolicyThread {
    PolicyThread(u32::try_from(thread.0).unwrap_or(u32::MAX))
}

fn ours(cpu: CpuIndex) -> Cpu {
    Cpu(cpu.0 as usize)
}

fn theirs_cpu(cpu: Cpu) -> CpuIndex {
    CpuIndex(u32::try_from(cpu.0).unwrap_or(u32::MAX))
}

fn mask(cpus: impl Iterator<Item = Cpu>) -> CpuMask {
    cpus.fold(CpuMask::EMPTY, |mask, cpu| mask.union(CpuMask::single(theirs_cpu(cpu))))
}
