// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel check`: whether anything on a host described in a file is ever late, and why.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use evenkeel_sim::tasks::parse;
use evenkeel_theory::{CapsuleReport, CheckReport, PartReport, TaskReport};

use crate::colour::{alarming, bold, calm};
use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::table::{Align, table};
use crate::verb::text_file;
use crate::wrap::wrap;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.check.v1";

/// Say whether tasks in capsules are ever late, and why, without a host
///
/// Reads capsules (budget, period, CPUs) and the tasks inside them, and proves that no task ever
/// misses its deadline, or says which could, and because of what. Among capsules it uses the test
/// of the enforcer, inside each the supply of its servers. Where a budget is "smallest", it finds
/// the least in which the tasks are in time. Changes nothing.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Capsules and tasks, TOML (evenkeel.tasks/1); - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object (evenkeel.check.v1)
    #[arg(long)]
    pub json: bool,
}

/// Judges it.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let text = text_file::read(&words.file)?;
    let malformed = |source| CliError::Malformed { path: words.file.clone(), source };
    let file = parse(&text).map_err(malformed)?;
    let report = file.check().map_err(|error| CliError::Usage {
        message: format!("{}: {error}", words.file.display()),
        hint: None,
    })?;
    if words.json {
        output.json(SCHEMA, &report)?;
    } else {
        output.answer(&in_words(&report, output.colours_answer()))?;
    }
    Ok(if report.schedulable { Status::Done } else { Status::Violated }.into())
}

/// The verdict, why not, the capsules, their tasks, and what it all rests on.
fn in_words(report: &CheckReport, colour: bool) -> String {
    let mut text = format!("{}\n", headline(report, colour));
    for reason in &report.reasons {
        text.push_str(&format!("  {}\n", wrap(&reason.to_string(), 2, 4)));
    }
    for capsule in &report.capsules {
        for reason in &capsule.reasons {
            let reason = format!("'{}': {reason}", capsule.name);
            text.push_str(&format!("  {}\n", wrap(&reason, 2, 4)));
        }
        if let Some(offer) = offer(capsule) {
            text.push_str(&format!("  {}\n", wrap(&offer, 2, 4)));
        }
    }
    text.push_str(&format!("\n{}\n", capsules(report, colour)));
    for capsule in &report.capsules {
        for part in &capsule.parts {
            text.push_str(&format!("\n{}\n", tasks(capsule, part, colour)));
        }
    }
    text.push('\n');
    for note in &report.notes {
        text.push_str(&format!("{}\n", wrap(&format!("note: {note}"), 0, 6)));
    }
    text
}

fn headline(report: &CheckReport, colour: bool) -> String {
    if report.schedulable {
        let sentence = format!("nothing is ever late under {}", report.enforcer);
        return format!("{}: {sentence}", calm("schedulable", colour));
    }
    let late = report.capsules.iter().filter(|capsule| !capsule.schedulable);
    let late: Vec<String> = late.map(|capsule| format!("'{}'", capsule.name)).collect();
    let late = match late.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => late.concat(),
    };
    let whose = match (late.is_empty(), report.reasons.is_empty()) {
        (true, _) => "capsules could miss their budgets".to_owned(),
        (false, true) => format!("tasks of {late} could be late"),
        (false, false) => format!("capsules could miss their budgets, and tasks of {late} be late"),
    };
    format!("{} under {}: {whose}", alarming("not schedulable", colour), report.enforcer)
}

/// What would do for a capsule whose tasks could be late.
fn offer(capsule: &CapsuleReport) -> Option<String> {
    let (needed, held) = (capsule.needed?, capsule.reservation?);
    let more = needed.with_children > held.budget();
    (!capsule.schedulable && more && needed.with_children <= held.period()).then(|| {
        let with =
            if needed.with_children > needed.own.budget() { ", children included" } else { "" };
        format!(
            "'{}' would be in time with a budget of {} every {}{with}",
            capsule.name,
            needed.with_children,
            held.period()
        )
    })
}

fn capsules(report: &CheckReport, colour: bool) -> String {
    let header = [
        ("CAPSULE", Align::Left),
        ("CPUS", Align::Left),
        ("BUDGET", Align::Right),
        ("PERIOD", Align::Right),
        ("SHARE", Align::Right),
        ("NEEDS", Align::Right),
        ("INSIDE", Align::Left),
        ("TASKS", Align::Left),
    ];
    let rows: Vec<Vec<String>> = report.capsules.iter().map(capsule_row).collect();
    table(&header, &rows, colour)
}

fn capsule_row(capsule: &CapsuleReport) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let held = capsule.reservation;
    let tasks: usize = capsule.parts.iter().map(|part| part.tasks.len()).sum();
    let verdict = match (capsule.schedulable, tasks) {
        (true, 0) => "none".to_owned(),
        (true, n) => format!("{n} in time"),
        (false, _) => "could be late".to_owned(),
    };
    let found = if capsule.searched { " (found)" } else { "" };
    vec![
        capsule.name.to_string(),
        capsule.cpus.to_string(),
        or_dash(held.map(|held| format!("{}{found}", held.budget()))),
        or_dash(held.map(|held| held.period().to_string())),
        or_dash(held.map(|held| held.bandwidth().to_string())),
        or_dash(capsule.needed.map(|needed| needed.with_children.to_string())),
        capsule.inside.as_str().to_owned(),
        verdict,
    ]
}

fn tasks(capsule: &CapsuleReport, part: &PartReport, colour: bool) -> String {
    let several = if part.cpus.len() == 1 { "" } else { "s" };
    let title = format!("'{}' on CPU{several} {}", capsule.name, part.cpus);
    let header = [
        ("TASK", Align::Left),
        ("PRIO", Align::Right),
        ("WCET", Align::Right),
        ("PERIOD", Align::Right),
        ("JITTER", Align::Right),
        ("DEADLINE", Align::Right),
        ("DONE WITHIN", Align::Right),
        ("", Align::Left),
    ];
    let rows: Vec<Vec<String>> = part.tasks.iter().map(task_row).collect();
    format!("{}\n{}", bold(&title, colour), table(&header, &rows, colour))
}

fn task_row(report: &TaskReport) -> Vec<String> {
    let task = &report.task;
    vec![
        task.name().to_owned(),
        if task.priority() == 0 { "-".to_owned() } else { task.priority().to_string() },
        task.wcet().to_string(),
        task.period().to_string(),
        task.jitter().to_string(),
        task.deadline().to_string(),
        report.response.map_or_else(|| "-".to_owned(), |response| response.to_string()),
        if report.in_time { "" } else { "could be late" }.to_owned(),
    ]
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel check tasks.toml
evenkeel check tasks.toml --json | jq '.capsules[].reasons'

With this in tasks.toml:
  schema = \"evenkeel.tasks/1\"
  [[capsule]]
  name = \"web\"
  budget = \"smallest\"
  period = \"20ms\"
  [[task]]
  capsule = \"web\"
  name = \"rx\"
  wcet = \"1ms\"
  period = \"20ms\"
",
        ),
        Section::new(
            "FILE",
            "
enforcer   scx (the default) or rtgroup: whose test judges the capsules.
[host]     tick, the kernel's (rtgroup charges budgets at it); ceiling, what capsules of
           one CPU may have of each second; foreign, what runs before them.
[search]   period_min, period_max, overhead: for capsules whose period is \"smallest\".
[[capsule]]
           name, budget, period, cpus (0), parent, inside (fp, the default, or edf).
[[task]]   capsule, name, wcet, period, deadline (the period), jitter, section (for how
           long it cannot be preempted), priority (by deadline), cpu (pinned to it).

JSON schema: docs/schema/tasks.v1.json.
",
        ),
        Section::new(
            "COLUMNS",
            "
NEEDS        The least budget at this period in which the tasks are in time, children's
             part included, whatever else runs on the CPU.
DONE WITHIN  The longest time from arrival to completion. On several CPUs there is a test
             and no time.
",
        ),
        Section::exit_status(&[
            (Status::Done, "nothing is ever late, or the reader closed the pipe"),
            (Status::Failed, "the answer could not be written"),
            (Status::Usage, "wrong usage, or a file that cannot be read or understood"),
            (Status::Violated, "something could be late, or nobody can tell"),
        ]),
    ]
}
