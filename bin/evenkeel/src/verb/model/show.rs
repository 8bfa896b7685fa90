// SPDX-License-Identifier: MIT OR Apache-2.0
//! `--show FIGURE`: which figures of a solved model a table has as columns.

use evenkeel_lqn::{Model, ProcessorId, Results, TaskDiscipline};

use super::figure_words::estimate;

/// Columns of the default: a table wider than a screen is none.
const COLUMNS_MAX: usize = 8;

/// The forms, for the manual.
pub const HELP: &str = "\
throughput:TASK or throughput:ENTRY
utilization:PROCESSOR or utilization:TASK   busy cores or threads
service:ENTRY                               service time, all phases
response:ENTRY                              of open arrivals";

/// One figure: its kind and the name of its element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Show {
    what: What,
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Throughput,
    Utilization,
    Service,
    Response,
}

impl What {
    const ALL: [(What, &'static str); 4] = [
        (What::Throughput, "throughput"),
        (What::Utilization, "utilization"),
        (What::Service, "service"),
        (What::Response, "response"),
    ];
}

/// Reads one.
pub fn show(text: &str) -> Result<Show, String> {
    let wrong = || {
        format!("\"{text}\" must be throughput:, utilization:, service: or response: and a name")
    };
    let (word, name) = text.split_once(':').ok_or_else(wrong)?;
    let what = What::ALL.iter().find(|what| what.1 == word).ok_or_else(wrong)?.0;
    Ok(Show { what, name: name.to_owned() })
}

impl Show {
    /// Throughputs of reference tasks, responses of open arrivals, utilisations of processors.
    pub fn default_of(model: &Model) -> Vec<Show> {
        let reference = model.tasks().iter().filter(|t| t.discipline == TaskDiscipline::Reference);
        let open = model.entries().iter().filter(|e| e.arrival_rate.is_some_and(|r| r > 0.0));
        let finite = (0..model.processors().len()).filter(|&index| {
            let id = model.processor_named(&model.processors()[index].name);
            id.and_then(|id: ProcessorId| model.cores(id)).is_some()
        });
        let throughputs = reference.map(|t| (What::Throughput, &t.name));
        let responses = open.map(|e| (What::Response, &e.name));
        let utilizations = finite.map(|index| (What::Utilization, &model.processors()[index].name));
        let all = throughputs.chain(responses).chain(utilizations);
        all.take(COLUMNS_MAX).map(|(what, name)| Show { what, name: name.clone() }).collect()
    }

    /// The columns with their titles; an error names what is not there.
    pub fn resolve(shows: &[Show], model: &Model) -> Result<Vec<(String, Show)>, String> {
        let named = |show: &Show| {
            let word = What::ALL.iter().find(|what| what.0 == show.what).map_or("", |what| what.1);
            let title = format!("{word}:{}", show.name);
            if show.is_in(model) {
                Ok((title, show.clone()))
            } else {
                Err(format!("the model has no figure {title}"))
            }
        };
        shows.iter().map(named).collect()
    }

    fn is_in(&self, model: &Model) -> bool {
        let entry = model.entry_named(&self.name);
        match self.what {
            What::Throughput => model.task_named(&self.name).is_some() || entry.is_some(),
            What::Utilization => {
                model.processor_named(&self.name).is_some()
                    || model.task_named(&self.name).is_some()
            }
            What::Service => entry.is_some(),
            What::Response => {
                entry.is_some_and(|e| model.entries()[e.index()].arrival_rate.is_some())
            }
        }
    }

    /// The figure in some results.
    pub fn of(&self, model: &Model, r: &Results) -> String {
        let task = model.task_named(&self.name).map(|t| r.tasks[t.index()]);
        let entry = model.entry_named(&self.name).map(|e| &r.entries[e.index()]);
        let processor = model.processor_named(&self.name).map(|p| r.processors[p.index()]);
        let found = match self.what {
            What::Throughput => task.map(|t| t.throughput).or(entry.map(|e| e.throughput)),
            What::Utilization => processor.map(|p| p.utilization).or(task.map(|t| t.utilization)),
            What::Service => entry.map(|e| e.service),
            What::Response => entry.and_then(|e| e.open_response),
        };
        found.map_or_else(|| "-".to_owned(), estimate)
    }
}
