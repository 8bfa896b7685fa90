// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens inside capsules, among nested ones, and outside all: priorities on several CPUs,
//! turns, ageing, the floor for everybody else, CPUs that go away, supply that is stolen.

use evenkeel_model::{Bandwidth, CpuIndex, Instant, Reservation, Span};
use evenkeel_policy::bench::judge::wrong_periods;
use evenkeel_policy::bench::sets::{random_set, whole_cpu};
use evenkeel_policy::machine::{ENDLESS, Machine, Random, Segment};
use evenkeel_policy::{
    Ageing, CapsuleId, Config, CpuMask, Decision, Event, Policy, PolicyError, ServerId,
    ServerState, ThreadId, Tie, WakeRule,
};

fn ms(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

fn rsv(budget_ms: u64, period_ms: u64) -> Reservation {
    Reservation::new(Span::from_ms(budget_ms), Span::from_ms(period_ms)).expect("in range")
}

fn capsule(machine: &mut Machine, number: u32, reservation: Reservation, cpus: u32) {
    let (capsule, cpus) = (CapsuleId(number), CpuMask::first(cpus));
    let event = Event::CreateCapsule { capsule, parent: None, reservation, cpus };
    machine.tell(event).expect("it fits");
}

fn thread(machine: &mut Machine, number: u32, capsule: u32, priority: u8, affinity: CpuMask) {
    let (thread, capsule) = (ThreadId(number), CapsuleId(capsule));
    machine.tell(Event::AddThread { thread, capsule, priority, affinity }).expect("it may");
}

fn spin(machine: &mut Machine, thread: u32, from_ms: u64) {
    machine.submit(ms(from_ms), ThreadId(thread), ENDLESS);
}

fn got(machine: &Machine, thread: u32) -> Span {
    let mine = machine.segments.iter().filter(|segment| segment.thread == ThreadId(thread));
    mine.map(|segment| segment.to - segment.from).fold(Span::ZERO, |sum, part| sum + part)
}

fn ran(machine: &Machine) -> Vec<(u64, u64, u32, u32)> {
    let in_ms = |at: Instant| at.as_ns() / 1_000_000;
    let segments = machine.segments.iter();
    let mut all: Vec<_> =
        segments.map(|s| (in_ms(s.from), in_ms(s.to), s.cpu.0, s.thread.0)).collect();
    all.sort_unstable();
    all
}

#[test]
fn the_most_urgent_threads_run_on_the_cpus_they_may_use() {
    let mut machine = Machine::new(Config { cpus: 2, ..Config::default() }).expect("sound");
    capsule(&mut machine, 1, rsv(9, 10), 2);
    let both = CpuMask::first(2);
    thread(&mut machine, 1, 1, 1, both);
    thread(&mut machine, 2, 1, 2, both);
    thread(&mut machine, 3, 1, 3, CpuMask::single(CpuIndex(0)));
    spin(&mut machine, 1, 0);
    spin(&mut machine, 2, 1);
    spin(&mut machine, 3, 2);
    machine.run(ms(5)).expect("known");
    // At 2 the pinned thread takes CPU 0 from the least urgent; nobody else moves.
    assert_eq!(ran(&machine), [(0, 2, 0, 1), (1, 5, 1, 2), (2, 5, 0, 3)]);
    assert_eq!(machine.policy().audit(), Vec::<String>::new());
}

#[test]
fn a_lone_spinner_uses_the_budgets_of_all_its_cpus_unless_it_is_pinned() {
    for (affinity, share_ms) in [(CpuMask::first(2), 60), (CpuMask::first(1), 30)] {
        let mut machine = Machine::new(Config { cpus: 2, ..Config::default() }).expect("sound");
        capsule(&mut machine, 1, rsv(3, 10), 2);
        thread(&mut machine, 1, 1, 1, affinity);
        spin(&mut machine, 1, 0);
        machine.run(ms(100)).expect("known");
        assert_eq!(got(&machine, 1), Span::from_ms(share_ms));
    }
}

#[test]
fn a_capsule_with_enough_threads_has_its_whole_budget_on_each_of_its_cpus() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let config = Config { cpus: 3, ..whole_cpu(WakeRule::Renewal, Tie::LowestId) };
        let mut machine = Machine::new(config).expect("sound");
        let set = random_set(&mut random);
        let mut threads = 0;
        for (number, reservation) in (1..).zip(&set) {
            // As many threads as CPUs, free to move among them.
            let cpus = u32::try_from(random.between(1, 3)).expect("small");
            capsule(&mut machine, number, *reservation, cpus);
            for _ in 0..cpus {
                threads += 1;
                thread(&mut machine, threads, number, 1, CpuMask::first(cpus));
                spin(&mut machine, threads, 0);
            }
        }
        machine.run(ms(60)).expect("known");
        for (number, reservation) in (1..).map(CapsuleId).zip(&set) {
            for cpu in (0..3).map(CpuIndex) {
                let name = ServerId { capsule: number, cpu };
                let Some(_) = machine.policy().server(name) else { continue };
                let mine = |s: &&Segment| {
                    s.cpu == cpu && machine.policy().capsule_of(s.thread) == Some(number)
                };
                let service: Vec<_> =
                    machine.segments.iter().filter(mine).map(|s| (s.from, s.to)).collect();
                let whole = (Instant::ORIGIN, ms(60));
                let (wrong, periods) = wrong_periods(&service, *reservation, whole);
                assert_eq!(wrong, 0, "seed {seed}, {name}: of {periods} periods");
                assert!(periods > 0);
            }
        }
        assert_eq!(machine.counts.misses, 0, "seed {seed}");
        assert_eq!(machine.policy().audit(), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn equal_threads_take_turns() {
    let slice = Span::from_ms(2);
    let mut machine = Machine::new(Config { slice, ..Config::default() }).expect("sound");
    capsule(&mut machine, 1, rsv(9, 10), 1);
    for number in 1..=3 {
        thread(&mut machine, number, 1, 7, CpuMask::first(1));
        spin(&mut machine, number, 0);
    }
    machine.run(ms(14)).expect("known");
    // The turn that throttling interrupts at 9 goes on at 10.
    assert_eq!(
        ran(&machine),
        [
            (0, 2, 0, 1),
            (2, 4, 0, 2),
            (4, 6, 0, 3),
            (6, 8, 0, 1),
            (8, 9, 0, 2),
            (10, 11, 0, 2),
            (11, 13, 0, 3),
            (13, 14, 0, 1)
        ]
    );
}

#[test]
fn without_a_slice_a_thread_runs_until_it_blocks_or_yields() {
    let slice = Span::ZERO;
    let mut machine = Machine::new(Config { slice, ..Config::default() }).expect("sound");
    capsule(&mut machine, 1, rsv(9, 10), 1);
    for number in 1..=2 {
        thread(&mut machine, number, 1, 7, CpuMask::first(1));
        spin(&mut machine, number, 0);
    }
    machine.run(ms(3)).expect("known");
    machine.tell(Event::Yield { thread: ThreadId(1), executed: Span::ZERO }).expect("known");
    machine.run(ms(5)).expect("known");
    assert_eq!(ran(&machine).last(), Some(&(3, 5, 0, 2)));
    assert_eq!(got(&machine, 1), Span::from_ms(3));
}

#[test]
fn nobody_waits_longer_than_the_ageing_rule_allows() {
    // 30 s is when the watchdog of sched_ext unloads a scheduler. A busy capsule of 1 % in which 20
    // threads wait behind one that never stops.
    let mut machine = Machine::new(Config::default()).expect("sound");
    capsule(&mut machine, 1, rsv(1, 100), 1);
    thread(&mut machine, 1, 1, 100, CpuMask::first(1));
    spin(&mut machine, 1, 0);
    for number in 2..=21 {
        thread(&mut machine, number, 1, 1, CpuMask::first(1));
        spin(&mut machine, number, 0);
    }
    machine.run(ms(120_000)).expect("known");
    let Ageing { after, run } = Config::default().ageing;
    let bound = Span::from_ns(after.as_ns() + 21 * 100 * run.as_ns());
    assert!(bound < Span::from_s(30), "{bound}");
    for number in 1..=21 {
        let mut since = Instant::ORIGIN;
        let mut longest = Span::ZERO;
        for segment in machine.segments.iter().filter(|s| s.thread == ThreadId(number)) {
            longest = longest.max(segment.from - since);
            since = segment.to;
        }
        longest = longest.max(ms(120_000) - since);
        assert!(longest <= bound, "thread {number} waited {longest}");
    }
    // Priorities still rule: the urgent thread has most of the capsule.
    assert!(got(&machine, 1) > Span::from_ms(600), "{}", got(&machine, 1));
}

#[test]
fn threads_outside_capsules_get_what_is_left_and_at_least_their_floor() {
    for (capsule_ms, rest_ms) in [(19, 50), (10, 500)] {
        let mut machine = Machine::new(Config::default()).expect("sound");
        capsule(&mut machine, 1, rsv(capsule_ms, 20), 1);
        thread(&mut machine, 1, 1, 1, CpuMask::first(1));
        thread(&mut machine, 2, 0, 1, CpuMask::first(1));
        spin(&mut machine, 1, 0);
        spin(&mut machine, 2, 0);
        machine.run(ms(1_000)).expect("known");
        assert_eq!(got(&machine, 1), Span::from_ms(capsule_ms * 50));
        assert_eq!(got(&machine, 2), Span::from_ms(rest_ms));
        assert_eq!(machine.counts.misses, 0);
    }
}

/// Four levels: 1 holds 50 %, of which 2 holds 30, of which 3 holds 20, of which 4 holds 10.
fn four_levels() -> Machine {
    let config = Config { best_effort: None, limit: Bandwidth::ONE, ..Config::default() };
    let mut machine = Machine::new(config).expect("sound");
    let levels = [
        (1, None, rsv(10, 20)),
        (2, Some(1), rsv(3, 10)),
        (3, Some(2), rsv(8, 40)),
        (4, Some(3), rsv(1, 10)),
    ];
    for (number, parent, reservation) in levels {
        let (capsule, parent) = (CapsuleId(number), parent.map(CapsuleId));
        let cpus = CpuMask::first(1);
        let event = Event::CreateCapsule { capsule, parent, reservation, cpus };
        machine.tell(event).expect("it fits");
        thread(&mut machine, number, number, 1, cpus);
        spin(&mut machine, number, 0);
    }
    machine
}

#[test]
fn nested_capsules_share_out_what_the_outermost_holds() {
    let mut machine = four_levels();
    machine.run(ms(1_000)).expect("known");
    // Own parts: 20, 10, 10 and 10 %.
    for (number, own_ms) in [(1, 200), (2, 100), (3, 100), (4, 100)] {
        assert_eq!(got(&machine, number), Span::from_ms(own_ms), "capsule {number}");
    }
}

#[test]
fn a_deleted_child_gives_its_part_and_its_threads_back() {
    let mut machine = four_levels();
    machine.run(ms(200)).expect("known");
    let capsule = CapsuleId(4);
    assert!(matches!(
        machine.tell(Event::DeleteCapsule { capsule: CapsuleId(3) }),
        Err(PolicyError::HasChildren { .. })
    ));
    machine.tell(Event::DeleteCapsule { capsule }).expect("it has no children");
    assert_eq!(machine.policy().capsule_of(ThreadId(4)), Some(CapsuleId(3)));
    // Two periods of the parent later it has all of its own again.
    machine.run(ms(280)).expect("known");
    machine.segments.clear();
    machine.run(ms(680)).expect("known");
    let both = got(&machine, 3) + got(&machine, 4);
    assert_eq!(both, Span::from_ms(80));
    assert_eq!(got(&machine, 1), Span::from_ms(80));
    assert_eq!(machine.counts.misses, 0);
}

#[test]
fn what_children_cannot_have_is_refused_and_changes_nothing() {
    let mut machine = four_levels();
    let before = format!("{:?}", machine.policy());
    let (parent, cpus) = (Some(CapsuleId(2)), CpuMask::first(1));
    let mut create = |capsule, parent, reservation| {
        let capsule = CapsuleId(capsule);
        machine.tell(Event::CreateCapsule { capsule, parent, reservation, cpus })
    };
    let error = create(9, parent, rsv(2, 10)).expect_err("only 10 % are left");
    assert!(matches!(error, PolicyError::ChildrenExceed { .. }), "{error}");
    let error = create(9, parent, rsv(1, 10)).expect_err("then its own threads have nothing");
    assert_eq!(error, PolicyError::NothingOwn(CapsuleId(2)));
    let error = create(9, None, rsv(6, 10)).expect_err("half is taken");
    assert_eq!(
        error.to_string(),
        "capsule 9 does not fit on CPU 0: capsules would hold 110 % of 100 %"
    );
    assert_eq!(format!("{:?}", machine.policy()), before);
}

#[test]
fn a_cpu_that_goes_away_leaves_its_threads_to_others_and_comes_back() {
    let mut machine = Machine::new(Config { cpus: 2, ..Config::default() }).expect("sound");
    capsule(&mut machine, 1, rsv(5, 10), 2);
    thread(&mut machine, 1, 1, 1, CpuMask::first(2));
    thread(&mut machine, 2, 1, 1, CpuMask::first(1));
    spin(&mut machine, 1, 0);
    spin(&mut machine, 2, 0);
    machine.run(ms(1)).expect("known");
    machine.tell(Event::CpuOffline { cpu: CpuIndex(0) }).expect("known");
    machine.run(ms(100)).expect("known");
    let name = ServerId { capsule: CapsuleId(1), cpu: CpuIndex(0) };
    let state = |machine: &Machine| machine.policy().server(name).map(|server| server.state);
    assert_eq!(state(&machine), Some(ServerState::Idle));
    let before = got(&machine, 2);
    machine.tell(Event::CpuOnline { cpu: CpuIndex(0) }).expect("known");
    machine.run(ms(200)).expect("known");
    assert!(got(&machine, 2) > before);
    assert_eq!(machine.policy().audit(), Vec::<String>::new());
}

/// One CPU, one saturated capsule of 4 ms every 10 ms; the driver is the test.
fn lone_policy() -> (Policy, Vec<Decision>) {
    let mut policy = Policy::new(Config::default()).expect("sound");
    let mut out = Vec::new();
    let (capsule, cpus) = (CapsuleId(1), CpuMask::first(1));
    for event in [
        Event::CreateCapsule { capsule, parent: None, reservation: rsv(4, 10), cpus },
        Event::AddThread { thread: ThreadId(1), capsule, priority: 1, affinity: cpus },
        Event::Wake { thread: ThreadId(1) },
    ] {
        policy.handle(Instant::ORIGIN, event, &mut out).expect("taken");
    }
    (policy, out)
}

#[test]
fn stolen_supply_is_a_miss_counted_once() {
    let (mut policy, mut out) = lone_policy();
    let cpu = CpuIndex(0);
    let server = ServerId { capsule: CapsuleId(1), cpu };
    let mut tick = |at, executed_ms| {
        out.clear();
        let executed = Span::from_ms(executed_ms);
        policy.handle(ms(at), Event::Tick { cpu, executed }, &mut out).expect("taken");
        out.clone()
    };
    assert!(!tick(9, 1).iter().any(|d| matches!(d, Decision::ServerMiss { .. })));
    let miss = Decision::ServerMiss { server, deadline: ms(10) };
    assert!(tick(10, 1).contains(&miss));
    assert!(!tick(11, 1).contains(&miss));
    // It keeps budget and deadline; once spent, the deadline is past, and E5 follows at once.
    let after = tick(12, 1);
    let replenished = Decision::Replenish { server, budget: Span::from_ms(4), deadline: ms(20) };
    assert!(after.contains(&replenished), "{after:?}");
}

#[test]
fn a_replenishment_that_comes_a_period_late_begins_anew() {
    let (mut policy, mut out) = lone_policy();
    let cpu = CpuIndex(0);
    let server = ServerId { capsule: CapsuleId(1), cpu };
    let executed = Span::from_ms(7);
    policy.handle(ms(25), Event::Tick { cpu, executed }, &mut out).expect("taken");
    let reset = Decision::LagReset { server, deadline: ms(35) };
    assert!(out.contains(&reset), "{out:?}");
}

#[test]
fn debt_is_paid_before_the_server_runs_again() {
    let (mut policy, mut out) = lone_policy();
    let cpu = CpuIndex(0);
    let server = ServerId { capsule: CapsuleId(1), cpu };
    let mut tick = |at, executed_ms| {
        out.clear();
        let executed = Span::from_ms(executed_ms);
        policy.handle(ms(at), Event::Tick { cpu, executed }, &mut out).expect("taken");
        out.clone()
    };
    // 9 ms at the expense of 4: the next budget is eaten by debt, 3 ms of the one after are left.
    assert!(tick(9, 9).contains(&Decision::Throttle { server, until: ms(10) }));
    let paid = |budget_ms, deadline| Decision::Replenish {
        server,
        budget: Span::from_ms(budget_ms),
        deadline: ms(deadline),
    };
    assert!(tick(10, 0).contains(&paid(0, 20)));
    let last = tick(20, 0);
    assert!(last.contains(&paid(3, 30)), "{last:?}");
    assert!(last.contains(&Decision::Run { cpu, thread: ThreadId(1) }));
}
