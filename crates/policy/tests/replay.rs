// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records of a machine whose interrupts come late, replayed: they agree within that lateness, and
//! what is wrong in a record is found, where it is.

use evenkeel_model::{CpuIndex, Instant, Span};
use evenkeel_policy::bench::adversary::Adversary;
use evenkeel_policy::bench::sets;
use evenkeel_policy::machine::{Machine, Random, Step};
use evenkeel_policy::replay::{Disagreement, replay};
use evenkeel_policy::trace::{Entry, Record, Trace};
use evenkeel_policy::{Decision, Event, ThreadId, Tie, WakeRule};

const LATE: Span = Span::from_us(5);

/// A random set with jobs of an adversary, recorded; interrupts come up to `late` late.
fn recorded(seed: u64, late: Span) -> Trace {
    let mut random = Random::new(seed);
    let rule = if seed.is_multiple_of(2) { WakeRule::Renewal } else { WakeRule::ZeroLag };
    let config = sets::whole_cpu(rule, Tie::LowestId);
    let set = sets::random_set(&mut random);
    let mut machine = Machine::new(config).expect("sound");
    machine.trace = Some(Trace::new(config));
    for (number, reservation) in (1..).zip(&set) {
        sets::add_capsule(&mut machine, number, *reservation, CpuIndex(0)).expect("it fits");
    }
    machine.set_delay(late, random.next());
    let mut adversary = Adversary::new(random.next());
    for (thread, reservation) in (1..).zip(&set) {
        adversary.next_job(&mut machine, thread, *reservation);
    }
    for _ in 0..600 {
        match machine.step(Instant::from_ns(1_000_000_000)).expect("known") {
            Step::End => break,
            Step::Finished(ThreadId(thread)) => {
                adversary.next_job(&mut machine, thread, set[thread as usize - 1]);
            }
            Step::Other => {}
        }
    }
    machine.trace.expect("it records")
}

#[test]
fn a_record_of_a_machine_on_time_agrees_exactly() {
    for seed in 0..40 {
        let trace = recorded(seed, Span::ZERO);
        let agreement = replay(&trace, Span::ZERO).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!((agreement.longest, agreement.overrun), (Span::ZERO, Span::ZERO));
        assert!(agreement.events > 100 && agreement.decisions > 100, "{agreement:?}");
    }
}

#[test]
fn a_record_of_a_machine_with_late_interrupts_agrees_within_their_lateness() {
    let mut longest = Span::ZERO;
    for seed in 0..40 {
        let trace = recorded(seed, LATE);
        let agreement = replay(&trace, LATE).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        longest = longest.max(agreement.longest).max(agreement.overrun);
    }
    assert!(longest > Span::from_us(1), "{longest}");
    // With less tolerance the lateness is what is found.
    let found = (0..40).filter(|seed| replay(&recorded(*seed, LATE), Span::from_ns(10)).is_err());
    assert!(found.count() > 20);
}

/// The index of the `n`-th record that `wanted` accepts.
fn nth(trace: &Trace, n: usize, wanted: impl Fn(&Record) -> bool) -> usize {
    let all = trace.records.iter().enumerate().filter(|(_, record)| wanted(record));
    all.map(|(index, _)| index).nth(n).expect("there are as many")
}

fn is_run(record: &Record) -> bool {
    matches!(record.entry, Entry::Decision(Decision::Run { .. }))
}

#[test]
fn a_wrong_choice_is_found_where_it_is_made() {
    let mut trace = recorded(4, Span::ZERO);
    let index = nth(&trace, 20, is_run);
    let at = trace.records[index].at;
    let Entry::Decision(Decision::Run { cpu, thread }) = trace.records[index].entry else {
        panic!("chosen so")
    };
    let wrong = ThreadId(if thread.0 == 1 { 2 } else { 1 });
    trace.records[index].entry = Entry::Decision(Decision::Run { cpu, thread: wrong });
    match replay(&trace, Span::ZERO) {
        Err(Disagreement::Runs { at: found, expected, observed, .. }) => {
            assert_eq!((found, expected, observed), (at, Some(thread), Some(wrong)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_is_never_throttled_is_found() {
    let mut trace = recorded(4, Span::ZERO);
    let event =
        nth(&trace, 3, |record| matches!(record.entry, Entry::Decision(Decision::Throttle { .. })));
    // From there on nothing is done about it: the thread runs on, and is charged.
    let at = trace.records[event].at;
    trace.records.truncate(event);
    let last = trace.records.iter().rev().find(|r| matches!(r.entry, Entry::Event(_)));
    let before = last.expect("an event led to it").at;
    assert_eq!(before, at);
    let later = at.saturating_add(Span::from_ms(1));
    let tick = Event::Tick { cpu: CpuIndex(0), executed: Span::from_ms(1) };
    trace.event(later, tick);
    let error = replay(&trace, Span::from_us(10)).expect_err("it ran on");
    assert!(matches!(error, Disagreement::Runs { .. } | Disagreement::Overrun { .. }), "{error}");
}

#[test]
fn another_variant_is_told_apart() {
    let mut found = 0;
    for seed in 0..20 {
        let mut trace = recorded(seed, Span::ZERO);
        trace.config.wake_rule = match trace.config.wake_rule {
            WakeRule::Renewal => WakeRule::ZeroLag,
            WakeRule::ZeroLag => WakeRule::Renewal,
        };
        found += u32::from(replay(&trace, LATE).is_err());
    }
    assert!(found >= 15, "{found} of 20");
}

#[test]
fn a_damaged_record_is_named() {
    let mut trace = recorded(2, Span::ZERO);
    let last = trace.records.len() - 1;
    trace.records[last].at = Instant::ORIGIN;
    assert_eq!(
        replay(&trace, Span::ZERO),
        Err(Disagreement::Backwards { index: last, at: Instant::ORIGIN })
    );
    let mut trace = recorded(2, Span::ZERO);
    let unknown = Event::Wake { thread: ThreadId(999) };
    trace.records.insert(0, Record { at: Instant::ORIGIN, entry: Entry::Event(unknown) });
    let error = replay(&trace, Span::ZERO).expect_err("nobody has that number");
    assert_eq!(error.to_string(), "record 0, at 0ms: thread 999 does not exist; add it first");
}

#[test]
fn records_survive_their_file_form() {
    let trace = recorded(3, LATE);
    let text = serde_json::to_string(&trace).expect("it can be written");
    assert_eq!(serde_json::from_str::<Trace>(&text).expect("and read"), trace);
}
