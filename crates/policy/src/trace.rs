// SPDX-License-Identifier: MIT OR Apache-2.0
//! A record of what a scheduler was told and what it decided, as data: one line each in a file, the
//! same from this policy and from the scheduler in the kernel.

use evenkeel_model::Instant;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::decision::Decision;
use crate::event::Event;

/// Name of this form and its version.
pub const SCHEMA: &str = "evenkeel.schedule/1";

/// One event or decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// What the scheduler was told.
    Event(Event),
    /// What it decided.
    Decision(Decision),
}

/// An entry and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    #[serde(rename = "at_ns")]
    pub at: Instant,
    /// What.
    #[serde(flatten)]
    pub entry: Entry,
}

/// A whole record. Its first events create what it is about: capsules and threads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// [`SCHEMA`].
    pub schema: String,
    /// The choices of the scheduler that made it: every trace names its variant.
    pub config: Config,
    /// In order of time. Decisions stand behind the event that they follow from.
    pub records: Vec<Record>,
}

impl Trace {
    /// One without records.
    pub fn new(config: Config) -> Trace {
        Trace { schema: SCHEMA.to_owned(), config, records: Vec::new() }
    }

    /// Appends an event.
    pub fn event(&mut self, at: Instant, event: Event) {
        self.records.push(Record { at, entry: Entry::Event(event) });
    }

    /// Appends decisions.
    pub fn decisions(&mut self, at: Instant, decisions: &[Decision]) {
        let records = decisions.iter().map(|d| Record { at, entry: Entry::Decision(*d) });
        self.records.extend(records);
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_model::{CpuIndex, Span};

    use super::*;
    use crate::ids::ThreadId;

    #[test]
    fn records_are_flat_json_and_come_back() {
        let mut trace = Trace::new(Config::default());
        let (at, cpu) = (Instant::from_ns(7), CpuIndex(0));
        trace.event(at, Event::Block { thread: ThreadId(3), executed: Span::from_ns(5) });
        trace.decisions(at, &[Decision::Idle { cpu }]);
        let text = serde_json::to_string(&trace.records).unwrap();
        assert_eq!(
            text,
            r#"[{"at_ns":7,"event":"block","thread":3,"executed_ns":5},{"at_ns":7,"decision":"idle","cpu":0}]"#
        );
        let back: Vec<Record> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, trace.records);
    }
}
