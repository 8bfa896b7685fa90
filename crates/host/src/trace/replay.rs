// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording replayed through the reference policy: the arrivals, blocks and charges of the kernel
//! go in, and who runs and what the servers are given must come out.
//!
//! The recording must begin before the first thread of its capsules runs: what a server had left
//! before that is not in it. What is in no capsule is not compared; a CPU that it has counts as idle.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::{Bandwidth, Instant, Reservation, Span};
use evenkeel_policy::replay::{Agreement, replay};
use evenkeel_policy::trace::Trace;
use evenkeel_policy::{
    Ageing, CapsuleId, Config, CpuMask, Decision, Event, ServerId, ThreadId, Tie, WakeRule,
};
use evenkeel_sched::scx::{LogEvent, LogRecord, intf};

use super::file::{TraceError, TraceFile};

/// The recording in the form of the policy.
pub fn schedule(file: &TraceFile) -> Result<Trace, TraceError> {
    let mut trace = Trace::new(Config {
        cpus: file.cpus,
        wake_rule: WakeRule::Renewal,
        tie: Tie::LowestId,
        limit: Bandwidth::ONE,
        best_effort: None,
        // A level counts as waiting in the kernel, and here only after long: both are far above
        // what a recording of one thread for each level sees.
        ageing: Ageing { after: Span::from_s(3600), run: Span::from_ms(1) },
        slice: Span::from_ms(5),
    });
    let Some(first) = file.log.records.first() else { return Ok(trace) };
    let start = Instant::from_ns(first.at_ns);
    for capsule in &file.capsules {
        let Ok(reservation) = Reservation::new(capsule.budget_ns, capsule.period_ns) else {
            continue;
        };
        let (id, cpus) = (CapsuleId(capsule.slot), mask(capsule.cpus.iter())?);
        trace.event(start, Event::CreateCapsule { capsule: id, parent: None, reservation, cpus });
    }
    let mut conversion =
        Conversion { file, trace, threads: BTreeMap::new(), awake: BTreeSet::new() };
    for record in file.log.records.iter().filter(|record| record.slot < intf::EK_KTHREADS) {
        conversion.convert(record)?;
    }
    Ok(conversion.trace)
}

/// Replays the recording; what differs for at most `tolerance` is the same. `Err` has the first
/// disagreement in words.
pub fn verify(file: &TraceFile, tolerance: Span) -> Result<Result<Agreement, String>, TraceError> {
    let trace = schedule(file)?;
    Ok(replay(&trace, tolerance).map_err(|disagreement| disagreement.to_string()))
}

fn mask(cpus: impl Iterator<Item = evenkeel_model::CpuIndex>) -> Result<CpuMask, TraceError> {
    let mut mask = CpuMask::EMPTY;
    for cpu in cpus {
        if cpu.0 >= evenkeel_policy::CPUS_MAX {
            return Err(TraceError::Unplayable(format!("it has a CPU {cpu}")));
        }
        mask = mask.union(CpuMask::single(cpu));
    }
    Ok(mask)
}

/// Slot of the capsule, and level inside.
type Place = (u32, u32);

struct Conversion<'a> {
    file: &'a TraceFile,
    trace: Trace,
    /// Thread numbers of the kernel are sparse, those of the policy dense. With each its place: a thread
    /// may change its capsule and its level.
    threads: BTreeMap<u32, (ThreadId, Place)>,
    awake: BTreeSet<u32>,
}

impl Conversion<'_> {
    fn convert(&mut self, record: &LogRecord) -> Result<(), TraceError> {
        let (at, cpu) = (Instant::from_ns(record.at_ns), record.cpu);
        let server = ServerId { capsule: CapsuleId(record.slot), cpu };
        match record.event {
            LogEvent::Wake => {
                let thread = self.thread(at, record)?;
                self.wake(at, record.tid, thread);
            }
            LogEvent::Run => {
                let thread = self.thread(at, record)?;
                // A new thread's first run may come without a wake-up: it was made runnable.
                self.wake(at, record.tid, thread);
                self.trace.decisions(at, &[Decision::Run { cpu, thread }]);
            }
            LogEvent::Charged => {
                // A thread pays for the switch away from it, when it is no longer the one that runs.
                let executed = Span::from_ns(record.executed_ns);
                let event = match self.threads.get(&record.tid) {
                    Some(&(thread, _)) => Event::Charge { cpu, thread, executed },
                    None => Event::Tick { cpu, executed },
                };
                self.trace.event(at, event);
                self.trace.event(at, Event::Tick { cpu, executed: Span::ZERO });
            }
            LogEvent::Block => {
                let thread = self.thread(at, record)?;
                if self.awake.remove(&record.tid) {
                    self.trace.event(at, Event::Block { thread, executed: Span::ZERO });
                }
                self.trace.decisions(at, &[Decision::Idle { cpu }]);
            }
            LogEvent::Stop => self.trace.decisions(at, &[Decision::Idle { cpu }]),
            LogEvent::WakeLate
            | LogEvent::WakeRenewed
            | LogEvent::Replenished
            | LogEvent::LagReset => {
                let left = u64::try_from(record.budget_left_ns).unwrap_or(0);
                let (budget, deadline) =
                    (Span::from_ns(left), Instant::from_ns(record.deadline_ns));
                self.trace.decisions(at, &[Decision::Replenish { server, budget, deadline }]);
            }
            LogEvent::WakeSpent
            | LogEvent::WakeKept
            | LogEvent::Exhausted
            | LogEvent::Idle
            | LogEvent::Missed
            | LogEvent::Configured => {}
        }
        Ok(())
    }

    fn wake(&mut self, at: Instant, tid: u32, thread: ThreadId) {
        if self.awake.insert(tid) {
            self.trace.event(at, Event::Wake { thread });
        }
    }

    fn thread(&mut self, at: Instant, record: &LogRecord) -> Result<ThreadId, TraceError> {
        let place = (record.slot, record.level);
        let known = self.threads.get(&record.tid).copied();
        if let Some((thread, _)) = known.filter(|(_, known)| *known == place) {
            return Ok(thread);
        }
        let next = u32::try_from(self.threads.len()).unwrap_or(u32::MAX);
        let thread = known.map_or(ThreadId(next), |(thread, _)| thread);
        let capsule = self.file.capsules.iter().find(|capsule| capsule.slot == record.slot);
        let capsule = capsule.ok_or_else(|| {
            TraceError::Unplayable(format!("slot {} has gone during the recording", record.slot))
        })?;
        let (capsule, affinity) = (CapsuleId(record.slot), mask(capsule.cpus.iter())?);
        // Level 0 is the most urgent of EK_LEVELS; the policy's higher priority runs first.
        let urgency = intf::EK_LEVELS.saturating_sub(record.level);
        let priority = u8::try_from(urgency).unwrap_or(0);
        let event = match known {
            None => Event::AddThread { thread, capsule, priority, affinity },
            Some(_) => Event::ChangeThread { thread, capsule, priority, affinity },
        };
        self.trace.event(at, event);
        self.threads.insert(record.tid, (thread, place));
        Ok(thread)
    }
}
