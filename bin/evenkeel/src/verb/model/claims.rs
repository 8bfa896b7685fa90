// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model claims`: what the studies published, and what the models answer.

use std::process::ExitCode;

use clap::Args;
use evenkeel_lqn::architecture::chapter::{architectures_table, claims_table};
use evenkeel_lqn::architecture::claims::{Published, Standing, claims};
use serde::Serialize;

use super::failure::ModelFailure;
use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.model-claims.v1";

/// Show every published figure beside the one that the models give
///
/// Says of each whether it was used to find a cost (fitted) or not (predicted). The tables are
/// those of docs/io-architectures.md.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Print one JSON object (evenkeel.model-claims.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.model-claims.v1`.
#[derive(Serialize)]
struct ClaimsAnswer {
    claims: Vec<ClaimAnswer>,
}

#[derive(Serialize)]
struct ClaimAnswer {
    study: &'static str,
    what: &'static str,
    standing: Standing,
    published: Published,
    model: f64,
    /// Distance from what was published, relative; 0 within a bound.
    error_ratio: f64,
    note: &'static str,
}

/// Shows them.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    if words.json {
        output.json(SCHEMA, &answer()?)?;
    } else {
        let tables = claims_table().and_then(|c| Ok(format!("{c}\n{}", architectures_table()?)));
        output.answer(&tables.map_err(ModelFailure::from)?)?;
    }
    Ok(Status::Done.into())
}

fn answer() -> Result<ClaimsAnswer, ModelFailure> {
    let mut all = Vec::new();
    for claim in claims() {
        let model = (claim.model)()?;
        all.push(ClaimAnswer {
            study: claim.study,
            what: claim.what,
            standing: claim.standing,
            published: claim.published,
            model,
            error_ratio: claim.error(model),
            note: claim.note,
        });
    }
    Ok(ClaimsAnswer { claims: all })
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel model claims
evenkeel model claims --json | jq '.claims[] | select(.standing == \"predicted\")'
",
        ),
        Section::exit_status(&[
            (Status::Done, "shown, however far off they are"),
            (Status::Failed, "a model has no answer"),
            (Status::Usage, "wrong usage"),
        ]),
    ]
}
