// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model sweep`: a model solved again and again, while some of its numbers move.

use std::process::ExitCode;

use clap::Args;
use evenkeel_lqn::{Model, Results};
use serde::Serialize;

use super::failure::ModelFailure;
use super::figure_words::number as shown;
use super::file::FileWords;
use super::range::{Range, range};
use super::setting::{Key, Setting, keys};
use super::show::{Show, show};
use super::solve::SolverWords;
use super::solve_answer::SolveAnswer;
use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::table::{Align, table};

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.model-sweep.v1";

/// Points of a sweep: a table of them is still a table.
const POINTS_MAX: usize = 10_000;

/// Solve a layered queueing network for a range of its numbers
///
/// Every combination of the values is one point. Without --set, a file whose variables have lists
/// of values is solved for all of them. A point without an answer says so and does not end the
/// sweep.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    #[command(flatten)]
    file: FileWords,
    /// What moves: KEY=FROM..TO, KEY=FROM..TO:POINTS, or KEY=VALUE,VALUE,...
    ///
    /// Without POINTS, counts move by 1 as long as that makes at most 20 points, everything else
    /// in 10 equal steps. May be given several times.
    #[arg(long = "set", value_name = "KEY=RANGE", value_parser = range)]
    ranges: Vec<Range>,
    /// A column of the table: throughput:TASK, utilization:PROCESSOR, ...
    ///
    /// The default is the throughput of every reference task, the response of open arrivals, and
    /// the utilisation of every processor that can be busy. JSON has everything.
    #[arg(long = "show", value_name = "FIGURE", value_parser = show)]
    shows: Vec<Show>,
    #[command(flatten)]
    solver: SolverWords,
    /// Print one JSON object (evenkeel.model-sweep.v1)
    #[arg(long)]
    pub json: bool,
}

/// One point, solved or not.
struct Point {
    settings: Vec<Setting>,
    outcome: Result<(Model, Results), String>,
}

/// `evenkeel.model-sweep.v1`.
#[derive(Serialize)]
struct SweepAnswer<'a> {
    points: Vec<PointAnswer<'a>>,
}

#[derive(Serialize)]
struct PointAnswer<'a> {
    set: Vec<SetAnswer<'a>>,
    /// As of `model solve`, `null` if there is no answer.
    results: Option<SolveAnswer<'a>>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct SetAnswer<'a> {
    key: &'a Key,
    value: f64,
}

/// Sweeps.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let source = words.file.open()?;
    let ranges =
        if words.ranges.is_empty() { lists(source.lists()?)? } else { words.ranges.clone() };
    let mut points = Vec::new();
    for settings in combinations(&ranges)? {
        let outcome = source
            .model(&settings)
            .and_then(|model| Ok((words.solver.solve(&model, &words.file)?, model)))
            .map(|(results, model)| (model, results));
        let outcome = match outcome {
            Ok(solved) => Ok(solved),
            // A file that is wrong at one point is wrong at all of them, or the range is.
            Err(error @ (ModelFailure::Mva { .. } | ModelFailure::Sim { .. })) => {
                Err(error.to_string())
            }
            Err(error) => return Err(error.into()),
        };
        points.push(Point { settings, outcome });
    }
    let solved = points.iter().find_map(|point| point.outcome.as_ref().ok());
    let first_error = points.iter().find_map(|point| point.outcome.as_ref().err());
    let Some((model, _)) = solved else {
        let first = first_error.cloned().unwrap_or_default();
        return Err(ModelFailure::NoAnswer { first }.into());
    };
    if words.json {
        output.json(SCHEMA, &answer(&points))?;
    } else {
        let shows =
            if words.shows.is_empty() { Show::default_of(model) } else { words.shows.clone() };
        let shows = Show::resolve(&shows, model).map_err(|message| {
            CliError::usage(message, "throughput:, utilization:, service: or response: and a name")
        })?;
        output.answer(&in_words(&ranges, &points, &shows, output.colours_answer()))?;
    }
    Ok(Status::Done.into())
}

/// The lists of a file as ranges.
fn lists(lists: Vec<(String, Vec<f64>)>) -> Result<Vec<Range>, ModelFailure> {
    if lists.is_empty() {
        return Err(ModelFailure::NoSweep);
    }
    let range = |(name, values)| Range { key: Key::Variable(name), values };
    Ok(lists.into_iter().map(range).collect())
}

/// Every combination, the last key moving fastest.
fn combinations(ranges: &[Range]) -> Result<Vec<Vec<Setting>>, ModelFailure> {
    let mut all: Vec<Vec<Setting>> = vec![Vec::new()];
    for range in ranges {
        if all.len().saturating_mul(range.values.len()) > POINTS_MAX {
            return Err(ModelFailure::TooManyPoints { max: POINTS_MAX });
        }
        let extended = |settings: &Vec<Setting>| {
            let values = range.values.iter();
            let one = |&value: &f64| {
                let mut settings = settings.clone();
                settings.push(Setting { key: range.key.clone(), value });
                settings
            };
            values.map(one).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(extended).collect();
    }
    Ok(all)
}

fn answer(points: &[Point]) -> SweepAnswer<'_> {
    let mut answers = Vec::new();
    for point in points {
        let set = point.settings.iter().map(|s| SetAnswer { key: &s.key, value: s.value });
        let solved = point.outcome.as_ref();
        answers.push(PointAnswer {
            set: set.collect(),
            results: solved.ok().map(|(model, results)| SolveAnswer::new(model, results)),
            error: solved.err().map(String::as_str),
        });
    }
    SweepAnswer { points: answers }
}

fn in_words(ranges: &[Range], points: &[Point], shows: &[(String, Show)], colour: bool) -> String {
    let keys: Vec<String> = ranges.iter().map(|range| range.key.to_string()).collect();
    let titles = keys.iter().chain(shows.iter().map(|(title, _)| title));
    let header: Vec<(&str, Align)> = titles.map(|title| (title.as_str(), Align::Right)).collect();
    let mut remarks = Vec::new();
    let rows: Vec<Vec<String>> = points
        .iter()
        .map(|point| {
            let mut row: Vec<String> = point.settings.iter().map(|s| shown(s.value)).collect();
            match &point.outcome {
                Ok((model, results)) => {
                    row.extend(shows.iter().map(|(_, show)| show.of(model, results)));
                }
                Err(error) => {
                    row.extend(shows.iter().map(|_| "-".to_owned()));
                    remarks.push(format!("{}: {error}", row[..keys.len()].join(", ")));
                }
            }
            row
        })
        .collect();
    let mut text = table(&header, &rows, colour);
    for remark in remarks {
        text.push_str(&format!("\n{remark}"));
    }
    text
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel model sweep web.lqn --set customers:users=1..20
evenkeel model sweep web.lqn --set demand:serve=0.1..0.5:5 --set threads:server=1,2,4
evenkeel model sweep web.lqn --set '$n=10..100:4' --show throughput:users --json
",
        ),
        Section::new("KEYS", &keys()),
        Section::new("FIGURES", super::show::HELP),
        Section::exit_status(&[
            (Status::Done, "solved, for at least one point"),
            (Status::Failed, "the file cannot be read, or no point has an answer"),
            (Status::Usage, "wrong usage, or the file is no model: element and line are named"),
        ]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_key_moves_fastest() {
        let ranges = ["$a=1,2", "$b=3,4"].map(|text| range(text).unwrap());
        let all = combinations(&ranges).unwrap();
        let values: Vec<Vec<f64>> =
            all.iter().map(|point| point.iter().map(|s| s.value).collect()).collect();
        assert_eq!(values, [[1.0, 3.0], [1.0, 4.0], [2.0, 3.0], [2.0, 4.0]]);
        let many = ["$a=1..2:1000", "$b=1..2:1000"].map(|text| range(text).unwrap());
        assert!(matches!(combinations(&many), Err(ModelFailure::TooManyPoints { .. })));
    }
}
