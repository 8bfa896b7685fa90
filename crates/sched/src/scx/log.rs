// SPDX-License-Identifier: MIT OR Apache-2.0
//! The decision log: what arrived, what was decided, what the servers were given and used, in the
//! order in which the CPUs wrote it into one ring.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use evenkeel_model::CpuIndex;
use libbpf_rs::RingBufferBuilder;
use serde::{Deserialize, Serialize};

use super::control::Slot;
use super::error::ScxError;
use super::intf::{self, EkRecord};
use super::object::Loaded;
use super::raw;

/// Most records of one log: 200 MB in memory, minutes of a busy host.
pub const RECORDS_MAX: usize = 2_000_000;
/// The ring is emptied this often: an eighth of the time in which a host with 100 000 events a
/// second fills it.
const INTERVAL: Duration = Duration::from_millis(100);

/// What happened. E1 to E8 are the rules of the hard constant bandwidth server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogEvent {
    /// A server woke past its deadline: new budget and deadline.
    WakeLate,
    /// A server woke with its budget spent: it waits for its deadline.
    WakeSpent,
    /// A server woke with more budget than its deadline is worth: both are new.
    WakeRenewed,
    /// A server woke and keeps what it has.
    WakeKept,
    /// The budget is spent (E4).
    Exhausted,
    /// A new budget (E5).
    Replenished,
    /// A new budget, so late that the server begins anew (E6).
    LagReset,
    /// No runnable thread is left (E7).
    Idle,
    /// The deadline passed with budget and work left (E8).
    Missed,
    /// A thread wants to run.
    Wake,
    /// A thread no longer wants to run.
    Block,
    /// A thread begins to run.
    Run,
    /// A thread stops running and still wants to.
    Stop,
    /// A reservation was changed.
    Configured,
    /// A thread is charged for what it executed.
    Charged,
}

impl LogEvent {
    fn of(number: u16) -> Option<LogEvent> {
        Some(match u32::from(number) {
            intf::EK_EV_E1A => LogEvent::WakeLate,
            intf::EK_EV_E1B => LogEvent::WakeSpent,
            intf::EK_EV_E1C => LogEvent::WakeRenewed,
            intf::EK_EV_E1D => LogEvent::WakeKept,
            intf::EK_EV_E4 => LogEvent::Exhausted,
            intf::EK_EV_E5 => LogEvent::Replenished,
            intf::EK_EV_E6 => LogEvent::LagReset,
            intf::EK_EV_E7 => LogEvent::Idle,
            intf::EK_EV_E8 => LogEvent::Missed,
            intf::EK_EV_WAKE => LogEvent::Wake,
            intf::EK_EV_BLOCK => LogEvent::Block,
            intf::EK_EV_RUN => LogEvent::Run,
            intf::EK_EV_STOP => LogEvent::Stop,
            intf::EK_EV_CONFIG => LogEvent::Configured,
            intf::EK_EV_CHARGE => LogEvent::Charged,
            _ => return None,
        })
    }
}

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// CLOCK_MONOTONIC.
    pub at_ns: u64,
    /// On, or for, which CPU.
    pub cpu: CpuIndex,
    /// The capsule's slot; [`intf::EK_KTHREADS`] and [`intf::EK_BEST_EFFORT`] for what is in none.
    pub slot: Slot,
    /// What.
    pub event: LogEvent,
    /// Budget left of that server on that CPU, less than nothing after an overrun.
    pub budget_left_ns: i64,
    /// Its deadline.
    pub deadline_ns: u64,
    /// What the thread executed since it was last charged.
    pub executed_ns: u64,
    /// The thread; 0 where it is about a server.
    pub tid: u32,
    /// The thread's level in its capsule.
    pub level: u32,
}

/// A log, and how many records did not fit into the ring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// In order of time.
    pub records: Vec<LogRecord>,
    /// Records that were lost: the ring was full, or there were more than [`RECORDS_MAX`].
    pub lost: u64,
}

impl Loaded {
    /// Logs for `window`, or until `stop` says so.
    pub fn log(&self, window: Duration, stop: &dyn Fn() -> bool) -> Result<Log, ScxError> {
        let records = RefCell::new(Vec::new());
        let beyond = RefCell::new(0u64);
        let failed = |doing| move |source| ScxError::Load { doing, source };
        let mut builder = RingBufferBuilder::new();
        builder
            .add(&self.decisions, |bytes| {
                match raw::value(bytes).as_ref().and_then(record_of) {
                    Some(record) if records.borrow().len() < RECORDS_MAX => {
                        records.borrow_mut().push(record);
                    }
                    _ => *beyond.borrow_mut() += 1,
                }
                0
            })
            .map_err(failed("opening the log"))?;
        let ring = builder.build().map_err(failed("opening the log"))?;
        // What an earlier reader left.
        ring.consume().map_err(failed("reading the log"))?;
        records.borrow_mut().clear();
        let dropped = self.control()?.trace_dropped;
        self.trace(true)?;
        let start = Instant::now();
        let mut result = Ok(());
        while result.is_ok() && start.elapsed() < window && !stop() {
            std::thread::sleep(INTERVAL.min(window.saturating_sub(start.elapsed())));
            result = ring.consume().map_err(failed("reading the log"));
        }
        self.trace(false)?;
        result?;
        ring.consume().map_err(failed("reading the log"))?;
        let lost = self.control()?.trace_dropped.saturating_sub(dropped) + *beyond.borrow();
        drop(ring);
        let mut records = records.into_inner();
        // Each CPU writes in order; between them the ring's order is that of reservation.
        records.sort_by_key(|record| record.at_ns);
        Ok(Log { records, lost })
    }
}

fn record_of(raw: &EkRecord) -> Option<LogRecord> {
    Some(LogRecord {
        at_ns: raw.time_ns,
        cpu: CpuIndex(raw.cpu),
        slot: u32::from(raw.server),
        event: LogEvent::of(raw.event)?,
        budget_left_ns: raw.budget_left_ns,
        deadline_ns: raw.deadline_ns,
        executed_ns: raw.executed_ns,
        tid: raw.tid,
        level: raw.level,
    })
}
