// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the activity graph of a task as `<task-activities>`.

use std::collections::BTreeMap;
use std::fmt::Write;

use quick_xml::escape::escape;

use super::write::work;
use super::write_results::Out;
use crate::model::{ActivityId, EntryId, Fork, Join, Model, TaskId};

/// The graph, or nothing if the task has none.
pub(super) fn write(m: &Model, task: TaskId, o: &mut Out<'_>) -> std::fmt::Result {
    let own = || m.activities().iter().enumerate().filter(|(_, a)| a.task == task);
    if own().next().is_none() {
        return Ok(());
    }
    let entry = |to: EntryId| escape(m.entries()[to.index()].name.as_str());
    writeln!(o, "      <task-activities>")?;
    let mut replies: BTreeMap<EntryId, Vec<&str>> = BTreeMap::new();
    for (index, a) in own() {
        write!(o, "          <activity name=\"{}\"", escape(a.name.as_str()))?;
        let mut bound = m.entries().iter().filter(|e| e.start == Some(ActivityId::at(index)));
        if let Some(e) = bound.next() {
            write!(o, " bound-to-entry=\"{}\"", escape(e.name.as_str()))?;
        }
        let results = o.results.map(|r| &r.activities[index]);
        let calls = results.map(|r| r.calls.as_slice());
        work(&a.work, &entry, o, calls, |o| o.activity(results))?;
        for &to in &a.replies {
            replies.entry(to).or_default().push(&a.name);
        }
    }
    for edge in m.precedences().iter().filter(|edge| edge.task == task) {
        writeln!(o, "        <precedence>")?;
        join(m, &edge.join, o)?;
        fork(m, &edge.fork, o)?;
        writeln!(o, "        </precedence>")?;
    }
    for (to, activities) in replies {
        writeln!(o, "        <reply-entry name=\"{}\">", entry(to))?;
        for name in activities {
            writeln!(o, "          <reply-activity name=\"{}\"/>", escape(name))?;
        }
        writeln!(o, "        </reply-entry>")?;
    }
    writeln!(o, "      </task-activities>")
}

fn join(m: &Model, join: &Join, o: &mut Out<'_>) -> std::fmt::Result {
    let (element, attribute) = match join {
        Join::One(_) => ("pre", String::new()),
        Join::Or(_) => ("pre-OR", String::new()),
        Join::And { quorum: Some(quorum), .. } => ("pre-AND", format!(" quorum=\"{quorum}\"")),
        Join::And { quorum: None, .. } => ("pre-AND", String::new()),
    };
    let all = join.activities().into_iter().map(|a| (a, String::new()));
    side(m, (element, &attribute), all, o)
}

fn fork(m: &Model, fork: &Fork, o: &mut Out<'_>) -> std::fmt::Result {
    match fork {
        Fork::One(one) => side(m, ("post", ""), [(*one, String::new())], o),
        Fork::And(all) => side(m, ("post-AND", ""), all.iter().map(|a| (*a, String::new())), o),
        Fork::Or(all) => {
            let all = all.iter().map(|(a, p)| (*a, format!(" prob=\"{p}\"")));
            side(m, ("post-OR", ""), all, o)
        }
        Fork::Loop { bodies, end } => {
            let end = end.map_or_else(String::new, |a| {
                format!(" end=\"{}\"", escape(m.activities()[a.index()].name.as_str()))
            });
            let all = bodies.iter().map(|(a, n)| (*a, format!(" count=\"{n}\"")));
            side(m, ("post-LOOP", &end), all, o)
        }
    }
}

/// One side of an edge, each activity with its attribute.
fn side(
    m: &Model,
    (element, attribute): (&str, &str),
    all: impl IntoIterator<Item = (ActivityId, String)>,
    o: &mut Out<'_>,
) -> std::fmt::Result {
    writeln!(o, "          <{element}{attribute}>")?;
    for (a, number) in all {
        let name = escape(m.activities()[a.index()].name.as_str());
        writeln!(o, "            <activity name=\"{name}\"{number}/>")?;
    }
    writeln!(o, "          </{element}>")
}
