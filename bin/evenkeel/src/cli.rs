// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole command line as one definition: parsed by the program, written out by xtask as man
//! pages and completions.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::colour::Colour;
use crate::error::CliError;
use crate::manual::{Section, after_help, environment, files};
use crate::output::Output;
use crate::status::Status;
use crate::verb::{capsule, check, completions, doctor, lab, model, run, sim, trace, vm};

/// Widest line of help text. Help is prose: lines beyond this are hard to read on any terminal.
const HELP_COLUMNS_MAX: usize = 100;

/// Sorts after every option of a verb, before `--help`.
const LAST: usize = 900;

/// Keeps every virtual machine on a host on an even keel.
///
/// A capsule holds all threads that work for one virtual machine, its network processing included,
/// in one reservation: a CPU budget every period that neighbours can neither take nor exceed.
/// Admission control refuses what would break a promise already given.
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, max_term_width = HELP_COLUMNS_MAX)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_long_help = after_help(&main_sections()))]
pub struct Cli {
    /// Colour output: auto, always or never
    ///
    /// auto colours on a terminal, unless NO_COLOR is set or TERM is dumb.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    #[arg(hide_possible_values = true, display_order = LAST)]
    color: Colour,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Doctor(doctor::Words),
    #[command(subcommand)]
    Capsule(capsule::Verb),
    Run(run::Words),
    #[command(subcommand)]
    Vm(vm::Verb),
    #[command(subcommand)]
    Trace(trace::Verb),
    Lab(lab::Words),
    #[command(subcommand)]
    Model(model::Verb),
    Check(check::Words),
    #[command(subcommand)]
    Sim(sim::Verb),
    Completions(completions::Words),
    #[command(hide = true)]
    LabGuest(lab::guest_program::Words),
}

impl Verb {
    /// Does it.
    pub(crate) fn run(self, output: Output) -> Result<ExitCode, CliError> {
        match self {
            Verb::Doctor(words) => doctor::run(&words, output),
            Verb::Capsule(verb) => verb.run(output),
            Verb::Run(words) => run::run(words, output),
            Verb::Vm(verb) => verb.run(output),
            Verb::Trace(verb) => verb.run(output),
            Verb::Lab(words) => lab::run(words, output),
            Verb::Model(verb) => verb.run(output),
            Verb::Check(words) => check::run(&words, output),
            Verb::Sim(verb) => verb.run(output),
            Verb::Completions(words) => completions::run(&words, output),
            Verb::LabGuest(words) => lab::guest_program::run(&words),
        }
    }

    /// Whether errors, too, are wanted as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Verb::Doctor(words) => words.json,
            Verb::Capsule(verb) => verb.wants_json(),
            Verb::Run(words) => words.json,
            Verb::Vm(verb) => verb.wants_json(),
            Verb::Trace(verb) => verb.wants_json(),
            Verb::Lab(words) => words.json,
            Verb::Model(verb) => verb.wants_json(),
            Verb::Check(words) => words.json,
            Verb::Sim(verb) => verb.wants_json(),
            Verb::Completions(_) | Verb::LabGuest(_) => false,
        }
    }
}

/// The definition, for parsing and for the generators in xtask.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Whether raw arguments ask for JSON, for errors that come before parsing. What follows `--`
/// belongs to another command.
pub(crate) fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json")
}

/// The sentence in what clap prints about wrong words: without `error: ` before it, usage and
/// pointer to the help after it.
pub(crate) fn message_of(text: &str) -> String {
    let text = text.trim().trim_start_matches("error: ");
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|mark| text.find(mark));
    text[..end.min().unwrap_or(text.len())].trim_end().to_owned()
}

/// The manual sections of one verb, given by its words (`["capsule", "create"]`; none for the
/// program itself), for a man page that gives each a heading of its own. Unknown words have none.
pub fn sections(path: &[&str]) -> Vec<Section> {
    match path {
        [] => main_sections(),
        ["doctor"] => doctor::sections(),
        ["capsule", rest @ ..] => capsule::sections(rest),
        ["run"] => run::sections(),
        ["vm", rest @ ..] => vm::sections(rest),
        ["trace", rest @ ..] => trace::sections(rest),
        ["lab"] => lab::sections(),
        ["model", rest @ ..] => model::sections(rest),
        ["check"] => check::sections(),
        ["sim", rest @ ..] => sim::sections(rest),
        ["completions"] => completions::sections(),
        _ => Vec::new(),
    }
}

/// The sections of the program's own page.
fn main_sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel doctor
    What this host can guarantee, and what is in the way.
evenkeel run web --budget 6ms --period 20ms --cpus 0 -- nginx -g 'daemon off;'
    Run a command inside a new capsule.
evenkeel capsule create vm1 --budget 6ms --period 20ms --cpus 0
evenkeel capsule attach vm1 qemu:vm1 --netdev vf0
    Give a virtual machine that already runs 30 % of CPU 0, its packet work included.
",
        ),
        Section::new(
            "OUTPUT",
            "
The answer goes to standard output, everything else to standard error. With --json the
answer is one object whose first members are `schema` and `version` (of this program);
an error is one object on standard error, with schema evenkeel.error.v1. Keys end in
their unit: budget_ns is in nanoseconds, throughput_bps in bits per second, bandwidth_ppb
in parts per billion of one CPU. Cumulative times pass 2^53 ns after 104 days of CPU
time: read them as 64-bit integers.

Schemas: evenkeel.doctor.v1, evenkeel.capsule-list.v1, evenkeel.capsule-show.v1,
evenkeel.plan.v1 (every verb that changes something), evenkeel.vm-list.v1,
evenkeel.error.v1, evenkeel.lab.EXPERIMENT.v1, evenkeel.lab.results.v1,
evenkeel.lab-plan.v1, evenkeel.lab-clean.v1, evenkeel.check.v1,
evenkeel.sim-run.v1, evenkeel.sim-cluster.v1, evenkeel.model-VERB.v1.
",
        ),
        Section::exit_status(&[
            (Status::Done, "done, or the reader closed the pipe"),
            (Status::Failed, "the operation failed"),
            (Status::Usage, "wrong usage or an invalid value"),
            (Status::Unreachable, "an agent is needed and not reachable"),
            (Status::Refused, "refused by admission: valid, but it does not fit"),
            (Status::Violated, "a check completed and something is violated"),
        ]),
        environment(),
        files(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `visit` with the words and definition of every verb.
    fn walk(path: &mut Vec<String>, command: &clap::Command, visit: &mut impl FnMut(&[&str])) {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        visit(&words);
        let documented = |verb: &&clap::Command| verb.get_name() != "help" && !verb.is_hide_set();
        for verb in command.get_subcommands().filter(documented) {
            path.push(verb.get_name().to_owned());
            walk(path, verb, visit);
            path.pop();
        }
    }

    #[test]
    fn the_sentence_is_found_in_what_clap_prints() {
        let text = "error: unexpected argument '--x' found\n\nUsage: evenkeel\n\nFor more...";
        assert_eq!(message_of(text), "unexpected argument '--x' found");
        let text = "error: invalid value\n\nFor more information, try '--help'.\n";
        assert_eq!(message_of(text), "invalid value");
    }

    #[test]
    fn json_is_asked_for_before_the_command_of_run() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(asks_for_json(&words("evenkeel doctor --json")));
        assert!(!asks_for_json(&words("evenkeel run web -- ip --json")));
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_that_does_something_has_examples_and_exit_statuses() {
        walk(&mut Vec::new(), &command(), &mut |path| {
            // Groups of verbs (`capsule`, `vm` and the like) are documented by their members.
            if matches!(path, ["capsule"] | ["model"] | ["sim"] | ["trace"] | ["vm"]) {
                return;
            }
            let titles: Vec<&str> = sections(path).iter().map(|section| section.title).collect();
            assert!(titles.contains(&"EXAMPLES"), "{path:?}");
            assert!(titles.contains(&"EXIT STATUS"), "{path:?}");
        });
    }
}
