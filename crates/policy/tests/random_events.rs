// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random events, sensible and not, on several CPUs: nothing panics, what is refused changes nothing,
//! and after each event the state is one that it should be in.

use evenkeel_model::{CpuIndex, Instant, Reservation, Span};
use evenkeel_policy::machine::Random;
use evenkeel_policy::{
    CapsuleId, Config, CpuMask, Decision, Event, Policy, ThreadId, ThreadState, Tie, WakeRule,
};

const CPUS: u32 = 4;

/// A driver that executes all the time that passes, and answers at once.
struct Driver {
    policy: Policy,
    random: Random,
    now: Instant,
    charged: Vec<Instant>,
    out: Vec<Decision>,
    refused: u32,
    taken: u32,
}

impl Driver {
    fn new(seed: u64) -> Driver {
        let mut random = Random::new(seed);
        let config = Config {
            cpus: CPUS,
            wake_rule: [WakeRule::Renewal, WakeRule::ZeroLag][pick(&mut random, 2)],
            tie: [Tie::LowestId, Tie::Runner][pick(&mut random, 2)],
            slice: Span::from_us([0, 300, 5_000][pick(&mut random, 3)]),
            ..Config::default()
        };
        Driver {
            policy: Policy::new(config).expect("a sound configuration"),
            random,
            now: Instant::ORIGIN,
            charged: vec![Instant::ORIGIN; CPUS as usize],
            out: Vec::new(),
            refused: 0,
            taken: 0,
        }
    }

    fn executed(&mut self, cpu: usize) -> Span {
        let executed = self.now.saturating_since(self.charged[cpu]);
        self.charged[cpu] = self.now;
        // Now and then an interrupt steals some.
        if self.random.up_to(9) == 0 { Span::from_ns(executed.as_ns() / 2) } else { executed }
    }

    /// The event, and answers to all that it leads to.
    fn tell(&mut self, event: Event, seed: u64) {
        let before = self.policy.clone();
        self.out.clear();
        let done = self.policy.handle(self.now, event, &mut self.out);
        match done {
            Ok(()) => self.taken += 1,
            Err(error) => {
                self.refused += 1;
                assert!(self.out.is_empty(), "seed {seed}: {error}, with {:?}", self.out);
                assert_eq!(
                    format!("{before:?}"),
                    format!("{:?}", self.policy),
                    "seed {seed}: {error}"
                );
                assert!(!error.to_string().is_empty());
            }
        }
        let wrong = self.policy.audit();
        assert_eq!(wrong, Vec::<String>::new(), "seed {seed} at {}: after {event:?}", self.now);
        for decision in std::mem::take(&mut self.out) {
            if let Decision::Run { cpu, .. } | Decision::Idle { cpu } = decision {
                self.charged[cpu.0 as usize] = self.now;
            }
            if let Decision::Preempt { cpu } = decision {
                let executed = self.executed(cpu.0 as usize);
                self.tell(Event::Tick { cpu, executed }, seed);
            }
        }
    }

    /// All CPUs are charged, as before events that concern who runs.
    fn charge_all(&mut self, seed: u64) {
        for cpu in 0..CPUS {
            if let Some(thread) = self.policy.running(CpuIndex(cpu)) {
                let executed = self.executed(cpu as usize);
                self.tell(Event::Charge { cpu: CpuIndex(cpu), thread, executed }, seed);
            }
        }
    }

    /// Timers that are due by then, in order, and then the time itself.
    fn advance(&mut self, span: Span, seed: u64) {
        let until = self.now.saturating_add(span);
        for _ in 0..10_000 {
            let timers = (0..CPUS).filter_map(|cpu| Some((self.policy.timer(CpuIndex(cpu))?, cpu)));
            let Some((at, cpu)) = timers.min().filter(|(at, _)| *at <= until) else { break };
            self.now = self.now.max(at);
            let executed = self.executed(cpu as usize);
            self.tell(Event::Tick { cpu: CpuIndex(cpu), executed }, seed);
        }
        self.now = until;
    }

    fn random_event(&mut self) -> Event {
        let random = &mut self.random;
        let thread = ThreadId(small(random, 24));
        let capsule = CapsuleId(small(random, 8));
        let affinity: CpuMask = mask(random);
        let priority = if random.up_to(29) == 0 { 128 } else { [1, 2, 3][pick(random, 3)] };
        match random.up_to(24) {
            0 => Event::CreateCapsule {
                capsule,
                parent: (random.up_to(1) == 0).then(|| CapsuleId(small(random, 8))),
                reservation: reservation(random),
                cpus: affinity,
            },
            1 => Event::ChangeCapsule { capsule, reservation: reservation(random) },
            2 if random.up_to(2) == 0 => Event::DeleteCapsule { capsule },
            3 | 4 => Event::AddThread { thread, capsule, priority, affinity },
            5 | 6 => Event::ChangeThread { thread, capsule, priority, affinity },
            7 if random.up_to(3) == 0 => Event::RemoveThread { thread },
            8 if random.up_to(3) == 0 => Event::CpuOffline { cpu: CpuIndex(small(random, CPUS)) },
            9 => Event::CpuOnline { cpu: CpuIndex(small(random, CPUS)) },
            10..15 => self.of_running(thread),
            _ => Event::Wake { thread },
        }
    }

    /// A running thread blocks or yields; one that does not run blocks.
    fn of_running(&mut self, thread: ThreadId) -> Event {
        let executed = match self.policy.thread_state(thread) {
            Some(ThreadState::Running(cpu)) => self.executed(cpu.0 as usize),
            _ => Span::ZERO,
        };
        if self.random.up_to(2) == 0 {
            Event::Yield { thread, executed }
        } else {
            Event::Block { thread, executed }
        }
    }
}

fn pick(random: &mut Random, count: u64) -> usize {
    usize::try_from(random.up_to(count - 1)).expect("small")
}

fn small(random: &mut Random, most: u32) -> u32 {
    u32::try_from(random.up_to(u64::from(most))).expect("small")
}

fn mask(random: &mut Random) -> CpuMask {
    (0..CPUS)
        .filter(|_| random.up_to(1) == 0)
        .fold(CpuMask::EMPTY, |mask, cpu| mask.union(CpuMask::single(CpuIndex(cpu))))
}

fn reservation(random: &mut Random) -> Reservation {
    let period = random.between(1_000, 20_000);
    let budget = random.between(1, (period / 3).max(1));
    Reservation::new(Span::from_us(budget), Span::from_us(period)).expect("in range")
}

#[test]
fn no_event_leads_to_a_wrong_state() {
    let (mut refused, mut taken) = (0, 0);
    for seed in 0..40 {
        let mut driver = Driver::new(seed);
        for _ in 0..1_000 {
            let wait = match driver.random.up_to(3) {
                0 => 0,
                1 => 50_000,
                _ => driver.random.up_to(3_000_000),
            };
            driver.advance(Span::from_ns(wait), seed);
            driver.charge_all(seed);
            let event = driver.random_event();
            driver.tell(event, seed);
        }
        refused += driver.refused;
        taken += driver.taken;
    }
    assert!(refused > 1_000 && taken > 20_000, "{refused} refused, {taken} taken");
}
