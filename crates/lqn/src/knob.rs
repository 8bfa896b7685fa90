// SPDX-License-Identifier: MIT OR Apache-2.0
//! One number of a model by name, to set it or to sweep over it: `demand:serve`, `threads:server`.

use std::fmt;

use crate::builder::Builder;
use crate::model::{EntryId, GroupId, Model, Multiplicity, PHASES_MAX, ProcessorId, TaskId};
use crate::text::whole;

/// A number of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knob {
    kind: Kind,
    names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Demand,
    Calls,
    Rate,
    Threads,
    Customers,
    Think,
    Cores,
    Speed,
    Share,
    Replicas,
}

/// Every kind with what it is and its names.
const KINDS: [(Kind, &str, &str, &str); 10] = [
    (Kind::Demand, "demand", "ENTRY[:PHASE] or TASK/ACTIVITY", "mean demand"),
    (Kind::Calls, "calls", "FROM:TO[:PHASE]", "mean number of calls"),
    (Kind::Rate, "rate", "ENTRY", "open arrivals per unit of time"),
    (Kind::Threads, "threads", "TASK", "threads"),
    (Kind::Customers, "customers", "TASK", "customers of a reference task"),
    (Kind::Think, "think", "TASK", "think time of a reference task"),
    (Kind::Cores, "cores", "PROCESSOR", "cores"),
    (Kind::Speed, "speed", "PROCESSOR", "speed"),
    (Kind::Share, "share", "GROUP", "share of its processor"),
    (Kind::Replicas, "replicas", "TASK", "replicas"),
];

/// Why a number cannot be set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KnobError {
    /// Not one of the kinds.
    #[error("\"{0}\" is no number of a model: {kinds}", kinds = Kinds)]
    Kind(String),
    /// An element that is not there.
    #[error("there is no {kind} \"{name}\"")]
    NoSuch {
        /// What kind of element.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A phase that no entry has.
    #[error("phase \"{0}\" is not 1, 2 or 3")]
    Phase(String),
    /// A count that is none.
    #[error("{knob} is {value}: must be a whole number of at least 1")]
    NotWhole {
        /// Which number.
        knob: Knob,
        /// What it was to be.
        value: f64,
    },
}

/// The list of kinds, for the error.
struct Kinds;

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> =
            KINDS.iter().map(|(_, word, names, _)| format!("{word}:{names}")).collect();
        f.write_str(&all.join(", "))
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = KINDS.iter().find(|k| k.0 == self.kind).map_or("", |k| k.1);
        write!(f, "{word}:{}", self.names.join(":"))
    }
}

impl Knob {
    /// Lines of help: every kind, its names and its meaning.
    #[must_use]
    pub fn help() -> Vec<(String, &'static str)> {
        KINDS.iter().map(|(_, word, names, says)| (format!("{word}:{names}"), *says)).collect()
    }

    /// Reads `kind:name[:name...]`.
    ///
    /// # Errors
    /// [`KnobError::Kind`].
    pub fn parse(text: &str) -> Result<Self, KnobError> {
        let wrong = || KnobError::Kind(text.to_owned());
        let mut parts = text.split(':');
        let word = parts.next().unwrap_or_default();
        let kind = KINDS.iter().find(|k| k.1 == word).ok_or_else(wrong)?.0;
        let names: Vec<String> = parts.map(str::to_owned).collect();
        let allowed = match kind {
            Kind::Demand => 1..=2,
            Kind::Calls => 2..=3,
            _ => 1..=1,
        };
        if allowed.contains(&names.len()) { Ok(Self { kind, names }) } else { Err(wrong()) }
    }

    /// Whether only whole numbers make sense.
    #[must_use]
    pub fn counts(&self) -> bool {
        matches!(self.kind, Kind::Threads | Kind::Customers | Kind::Cores | Kind::Replicas)
    }

    /// Sets it in a builder made from this model.
    ///
    /// # Errors
    /// [`KnobError`], if the model has no such element or the value is no count.
    pub fn set(&self, model: &Model, b: &mut Builder, value: f64) -> Result<(), KnobError> {
        match self.kind {
            Kind::Demand => self.demand(model, b, value)?,
            Kind::Calls => self.calls(model, b, value)?,
            Kind::Rate => {
                b.open_arrivals(self.entry(model, 0)?, value);
            }
            Kind::Threads | Kind::Customers => {
                let copies = Multiplicity::Finite(self.count(value)?);
                b.threads(self.task(model)?, copies);
            }
            Kind::Think => {
                b.think(self.task(model)?, value);
            }
            Kind::Cores => {
                let cores = Multiplicity::Finite(self.count(value)?);
                b.cores(self.processor(model)?, cores);
            }
            Kind::Speed => {
                b.speed(self.processor(model)?, value);
            }
            Kind::Share => {
                let group = model.groups().iter().position(|g| g.name == self.names[0]);
                let group = group.map(GroupId::at).ok_or_else(|| self.missing("group", 0))?;
                b.groups[group.index()].share = value;
            }
            Kind::Replicas => {
                let replicas = self.count(value)?;
                b.task_replicas(self.task(model)?, replicas);
            }
        }
        Ok(())
    }

    fn missing(&self, kind: &'static str, at: usize) -> KnobError {
        KnobError::NoSuch { kind, name: self.names[at].clone() }
    }

    fn entry(&self, model: &Model, at: usize) -> Result<EntryId, KnobError> {
        model.entry_named(&self.names[at]).ok_or_else(|| self.missing("entry", at))
    }

    fn task(&self, model: &Model) -> Result<TaskId, KnobError> {
        model.task_named(&self.names[0]).ok_or_else(|| self.missing("task", 0))
    }

    fn processor(&self, model: &Model) -> Result<ProcessorId, KnobError> {
        model.processor_named(&self.names[0]).ok_or_else(|| self.missing("processor", 0))
    }

    fn count(&self, value: f64) -> Result<u32, KnobError> {
        let wrong = || KnobError::NotWhole { knob: self.clone(), value };
        whole(value).filter(|&n| n > 0).ok_or_else(wrong)
    }

    /// The phase behind the other names, 1 if there is none.
    fn phase(&self, at: usize) -> Result<usize, KnobError> {
        let Some(word) = self.names.get(at) else { return Ok(1) };
        let phase = word.parse().ok().filter(|phase| (1..=PHASES_MAX).contains(phase));
        phase.ok_or_else(|| KnobError::Phase(word.clone()))
    }

    fn demand(&self, model: &Model, b: &mut Builder, value: f64) -> Result<(), KnobError> {
        if let Some((task, activity)) = self.names[0].split_once('/') {
            let of = model.task_named(task);
            let found = model
                .activities()
                .iter()
                .position(|a| Some(a.task) == of && a.name == activity)
                .ok_or_else(|| self.missing("activity", 0))?;
            b.activities[found].work.demand = value;
            return Ok(());
        }
        let (entry, phase) = (self.entry(model, 0)?, self.phase(1)?);
        b.demand(entry, phase, value);
        Ok(())
    }

    fn calls(&self, model: &Model, b: &mut Builder, value: f64) -> Result<(), KnobError> {
        let (from, to) = (self.entry(model, 0)?, self.entry(model, 1)?);
        let phase = self.phase(2)?;
        let name = format!("{}:{}", self.names[0], self.names[1]);
        let phases = &mut b.entries[from.index()].phases;
        let calls = phases.get_mut(phase - 1).map(|p| &mut p.calls);
        let call = calls.and_then(|calls| calls.iter_mut().find(|c| c.to == to));
        call.ok_or(KnobError::NoSuch { kind: "call", name })?.mean = value;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    const MODEL: &str = "P 2 p c i p s f -1 T 2 t c r cycle -1 c m 3 z 1 t s n e g -1 s
        -1 E 3 s cycle 1 -1 y cycle e 1 -1 s e 0.1 -1 A g a -1 A s s a 1 : a[g] -1";

    fn with(knob: &str, value: f64) -> Result<String, KnobError> {
        let m = text::read(MODEL).unwrap();
        let mut b = m.to_builder();
        Knob::parse(knob)?.set(&m, &mut b, value)?;
        Ok(text::write(&b.build().unwrap()))
    }

    #[test]
    fn every_kind_of_number_is_set() {
        for (knob, value, expected) in [
            ("demand:e", 0.25, "s e 0.25 -1"),
            ("demand:e:2", 0.25, "s e 0.1 0.25 -1"),
            ("demand:s/a", 0.25, "s a 0.25"),
            ("calls:cycle:e", 2.5, "y cycle e 2.5 -1"),
            ("rate:e", 0.5, "a e 0.5"),
            ("customers:c", 7.0, "-1 c z 1 m 7"),
            ("threads:s", 7.0, "-1 s m 7"),
            ("think:c", 7.0, "-1 c z 7 m 3"),
            ("cores:s", 4.0, "p s f m 4"),
            ("speed:s", 4.0, "p s f R 4"),
        ] {
            let text = with(knob, value).unwrap();
            assert!(text.contains(expected), "{knob}: {text}");
            assert_eq!(Knob::parse(knob).unwrap().to_string(), knob);
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (knob, value, expected) in [
            ("demand:x", 1.0, "there is no entry \"x\""),
            ("calls:e:cycle", 1.0, "there is no call \"e:cycle\""),
            ("demand:e:4", 1.0, "phase \"4\" is not 1, 2 or 3"),
            ("threads:s", 1.5, "threads:s is 1.5: must be a whole number of at least 1"),
            ("demand:s/b", 1.0, "there is no activity \"s/b\""),
        ] {
            assert_eq!(with(knob, value).unwrap_err().to_string(), expected);
        }
        assert!(matches!(with("weight:e", 1.0), Err(KnobError::Kind(_))));
        assert!(matches!(with("cores", 1.0), Err(KnobError::Kind(_))));
    }
}
