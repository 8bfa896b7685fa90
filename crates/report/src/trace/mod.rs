// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recorded schedule, simulated or real: drawn as lanes (SVG), or written for trace viewers
//! (Chrome trace JSON, which Perfetto opens).
//!
//! Whoever has a record of its own form turns it into a [`Trace`]; this module knows nothing of
//! schedulers. Times are nanoseconds since the start of the record.

mod chrome;
mod lanes;

use crate::Figure;

/// One thread, a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The thread's name.
    pub name: String,
    /// The group it belongs to, its capsule, by number; lanes of a group stand together.
    pub group: usize,
}

/// What a CPU did in a stretch of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It ran the thread.
    Runs,
    /// Interrupts had the CPU, while the thread was to run.
    Stolen,
}

/// A time in which a thread had a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The thread, by its lane.
    pub lane: usize,
    /// The CPU.
    pub cpu: usize,
    /// Begin.
    pub from_ns: u64,
    /// End.
    pub to_ns: u64,
    /// What the CPU did.
    pub doing: Doing,
}

/// What a mark says, which chooses its looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Something ended: a budget.
    End,
    /// Something began: a new budget.
    Begin,
    /// Something was missed: a deadline.
    Miss,
}

/// Something that happened at one instant, to a thread or to a whole group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at_ns: u64,
    /// In words: `out of budget`.
    pub what: &'static str,
    /// Its looks.
    pub meaning: Meaning,
    /// The group.
    pub group: usize,
    /// The thread, by its lane; none where the whole group is concerned.
    pub lane: Option<usize>,
    /// The CPU, where one is concerned.
    pub cpu: Option<usize>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Stem of a figure's file.
    pub name: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// How, how long.
    pub caption: String,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// The threads.
    pub lanes: Vec<Lane>,
    /// How many CPUs there are.
    pub cpus: usize,
    /// Length of the record.
    pub length_ns: u64,
    /// Who ran.
    pub stretches: Vec<Stretch>,
    /// What happened beside.
    pub moments: Vec<Moment>,
}

impl Trace {
    /// As a picture: a lane a thread, time to the right.
    pub fn figure(&self) -> Figure {
        Figure::new(&self.name, self.title.clone(), self.caption(), &lanes::draw(self))
    }

    /// As a Chrome trace (JSON).
    ///
    /// # Errors
    /// If a text is not representable in JSON, which every text is; a bug.
    pub fn to_chrome(&self) -> Result<String, serde_json::Error> {
        chrome::write(self)
    }

    fn caption(&self) -> String {
        match self.stretches.len().max(self.moments.len()) > lanes::SHAPES_MAX {
            true => format!("{} Not all of it is drawn.", self.caption),
            false => self.caption.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two threads of one capsule and one of another, on one CPU.
    fn sample() -> Trace {
        let lane = |name: &str, group| Lane { name: name.to_owned(), group };
        let stretch = |lane, from_ms: u64, to_ms: u64, doing| Stretch {
            lane,
            cpu: 0,
            from_ns: from_ms * 1_000_000,
            to_ns: to_ms * 1_000_000,
            doing,
        };
        let moment = |at_ms: u64, what, meaning, lane| Moment {
            at_ns: at_ms * 1_000_000,
            what,
            meaning,
            group: 1,
            lane,
            cpu: None,
        };
        Trace {
            name: "sample".into(),
            title: "Two <capsules>".into(),
            caption: "A sample.".into(),
            groups: vec!["web".into(), "batch \"b\"".into()],
            lanes: vec![lane("rx", 0), lane("server", 0), lane("spin", 1)],
            cpus: 1,
            length_ns: 10_000_000,
            stretches: vec![
                stretch(0, 0, 2, Doing::Runs),
                stretch(1, 2, 5, Doing::Runs),
                stretch(2, 5, 6, Doing::Stolen),
                stretch(2, 6, 9, Doing::Runs),
            ],
            moments: vec![
                moment(9, "out of budget", Meaning::End, None),
                moment(10, "job too late", Meaning::Miss, Some(2)),
            ],
        }
    }

    #[test]
    fn a_picture_has_every_lane_stretch_and_mark_once() {
        let svg = sample().figure().svg;
        for part in ["Two &lt;capsules&gt;", "web: rx", "web: server", "batch &quot;b&quot;: spin"]
        {
            assert_eq!(
                svg.matches(&format!(">{part}</")).count(),
                1 + usize::from(part.starts_with("Two")),
                "{part}\n{svg}"
            );
        }
        assert_eq!(svg.matches("ms to").count(), 4);
        assert_eq!(svg.matches("stolen by interrupts").count(), 1);
        assert_eq!(svg.matches("out of budget at").count(), 1);
        assert_eq!(svg.matches("job too late at").count(), 1);
    }

    #[test]
    fn a_chrome_trace_has_processes_threads_and_times_in_microseconds() {
        let json: serde_json::Value = serde_json::from_str(&sample().to_chrome().unwrap()).unwrap();
        let events = json["traceEvents"].as_array().unwrap();
        let of = |phase: &str| events.iter().filter(|e| e["ph"] == phase).collect::<Vec<_>>();
        // Each stretch on its CPU and on its thread; each mark once; names for 3 groups, 4 lanes.
        assert_eq!((of("X").len(), of("i").len(), of("M").len()), (8, 2, 7));
        let server = of("X").into_iter().find(|e| e["pid"] == 1 && e["tid"] == 2).unwrap();
        assert_eq!((server["ts"].as_f64(), server["dur"].as_f64()), (Some(2_000.0), Some(3_000.0)));
        let names: Vec<&str> = of("M").iter().filter_map(|e| e["args"]["name"].as_str()).collect();
        assert_eq!(names, ["CPUs", "CPU 0", "web", "batch \"b\"", "rx", "server", "spin"]);
    }

    #[test]
    fn an_empty_record_is_a_picture_too() {
        let empty = Trace {
            groups: Vec::new(),
            lanes: Vec::new(),
            cpus: 0,
            length_ns: 0,
            stretches: Vec::new(),
            moments: Vec::new(),
            ..sample()
        };
        assert!(empty.figure().svg.ends_with("</svg>\n"));
        assert!(empty.to_chrome().is_ok());
    }
}
