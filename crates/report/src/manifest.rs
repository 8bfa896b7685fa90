// SPDX-License-Identifier: MIT OR Apache-2.0
//! The manifest (what was run, where, with which seed), the summaries and the raw data, as JSON.
//!
//! The fingerprint and the summaries are written as the lab defines them, so a field that the lab
//! adds appears here without a change.

use std::collections::BTreeMap;

use evenkeel_lab::measurement::{AccuracySummary, DeadlineSummary, FloodSummary, NeighbourSummary};
use evenkeel_lab::measurement::{Fingerprint, Measurement, Results, ShareSummary};
use serde::Serialize;

use crate::error::ReportError;
use crate::section::{Check, Verdict};

/// Identifies the manifest, and with it a directory that holds a report of ours.
pub(crate) const SCHEMA: &str = "evenkeel.report.manifest.v1";

/// `manifest.json`.
#[derive(Serialize)]
struct Manifest<'a> {
    schema: &'static str,
    version: &'a str,
    results_schema: &'a str,
    experiments: BTreeMap<&'static str, Experiment<'a>>,
    checks: Vec<Judged<'a>>,
}

/// One experiment in the manifest.
#[derive(Serialize)]
struct Experiment<'a> {
    schema: &'a str,
    version: &'a str,
    data: String,
    runs: usize,
    host: &'a Fingerprint,
}

/// One check in the manifest.
#[derive(Serialize)]
struct Judged<'a> {
    experiment: &'static str,
    asked: &'a str,
    measured: &'a str,
    /// `holds`, `falls_short`, `not_judged`.
    verdict: &'static str,
    /// Why it was not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    disturbed: bool,
}

impl<'a> Judged<'a> {
    fn of(check: &'a Check) -> Judged<'a> {
        let (verdict, why) = match &check.verdict {
            Verdict::Holds => ("holds", None),
            Verdict::FallsShort => ("falls_short", None),
            Verdict::NotJudged(why) => ("not_judged", Some(why.as_str())),
        };
        Judged {
            experiment: check.experiment,
            asked: &check.asked,
            measured: &check.measured,
            verdict,
            why,
            disturbed: check.disturbed,
        }
    }
}

/// The manifest of a run, with the verdicts.
pub(crate) fn manifest(results: &Results, checks: &[Check]) -> Result<String, ReportError> {
    let all = [
        ("share", results.share.as_ref().map(experiment)),
        ("neighbour", results.neighbour.as_ref().map(experiment)),
        ("deadline", results.deadline.as_ref().map(experiment)),
        ("flood", results.flood.as_ref().map(experiment)),
        ("accuracy", results.accuracy.as_ref().map(experiment)),
    ];
    let named = all.into_iter().filter_map(|(name, experiment)| {
        experiment.map(|e| (name, Experiment { data: data_file(name), ..e }))
    });
    let manifest = Manifest {
        schema: SCHEMA,
        version: &results.version,
        results_schema: &results.schema,
        experiments: named.collect(),
        checks: checks.iter().map(Judged::of).collect(),
    };
    pretty("manifest", &manifest)
}

fn experiment<R, S>(measurement: &Measurement<R, S>) -> Experiment<'_> {
    Experiment {
        schema: &measurement.schema,
        version: &measurement.version,
        data: String::new(),
        runs: measurement.runs.len(),
        host: &measurement.host,
    }
}

/// Where the raw data of an experiment is, relative to the report.
fn data_file(name: &str) -> String {
    format!("data/{name}.json")
}

/// The summaries alone, one object keyed by experiment.
pub(crate) fn summaries(results: &Results) -> Result<String, ReportError> {
    #[derive(Serialize)]
    struct Summaries<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        share: Option<&'a ShareSummary>,
        #[serde(skip_serializing_if = "Option::is_none")]
        neighbour: Option<&'a NeighbourSummary>,
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<&'a DeadlineSummary>,
        #[serde(skip_serializing_if = "Option::is_none")]
        flood: Option<&'a FloodSummary>,
        #[serde(skip_serializing_if = "Option::is_none")]
        accuracy: Option<&'a AccuracySummary>,
    }
    let summaries = Summaries {
        share: results.share.as_ref().map(|m| &m.summary),
        neighbour: results.neighbour.as_ref().map(|m| &m.summary),
        deadline: results.deadline.as_ref().map(|m| &m.summary),
        flood: results.flood.as_ref().map(|m| &m.summary),
        accuracy: results.accuracy.as_ref().map(|m| &m.summary),
    };
    pretty("summary", &summaries)
}

/// The measurements whole, as the lab prints them: file name and text.
pub(crate) fn data(results: &Results) -> Result<Vec<(String, String)>, ReportError> {
    let all = [
        results.share.as_ref().map(|m| raw("share", m)),
        results.neighbour.as_ref().map(|m| raw("neighbour", m)),
        results.deadline.as_ref().map(|m| raw("deadline", m)),
        results.flood.as_ref().map(|m| raw("flood", m)),
        results.accuracy.as_ref().map(|m| raw("accuracy", m)),
    ];
    all.into_iter().flatten().collect()
}

fn raw(name: &'static str, measurement: &impl Serialize) -> Result<(String, String), ReportError> {
    let text = serde_json::to_string(measurement)
        .map_err(|source| ReportError::Encode { what: name, source })?;
    Ok((data_file(name), text + "\n"))
}

/// Readable JSON, ending in a line break.
fn pretty(what: &'static str, value: &impl Serialize) -> Result<String, ReportError> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|source| ReportError::Encode { what, source })
}
