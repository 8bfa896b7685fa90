// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables of docs/io-architectures.md, as Markdown: a test compares them with the chapter.

use std::fmt::Write as _;

use super::block::Place;
use super::catalogue::catalogue;
use super::claims::{Published, claims};
use super::crosstalk::{crosstalk, overload_pps};
use super::error::ArchitectureError;
use super::machine::Machine;
use super::scenario::{Direction, Load, Scenario};
use super::solve::{Answer, solve};

/// Every published claim with the models' answer beside it.
///
/// # Errors
/// [`ArchitectureError`] of the first claim without an answer.
pub fn claims_table() -> Result<String, ArchitectureError> {
    let mut out =
        String::from("| Study | What | Published | Model | Off | |\n|---|---|---|---|---|---|\n");
    for claim in claims() {
        let answer = (claim.model)()?;
        let off = match claim.published {
            Published::Value(_) => format!("{:.0} %", 100.0 * claim.error(answer)),
            _ if claim.error(answer) <= 0.0 => "holds".to_owned(),
            _ => format!("{:.1} % beyond", 100.0 * claim.error(answer)),
        };
        let note = if claim.note.is_empty() { String::new() } else { format!(": {}", claim.note) };
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {off} | **{}**{note} |",
            claim.study,
            claim.what,
            claim.published_text(),
            claim.text(answer),
            claim.standing.as_str(),
        );
    }
    Ok(out)
}

/// Every architecture on the machine of today: cycles of a received and a sent packet with one VM,
/// who pays them, and crosstalk.
///
/// # Errors
/// [`ArchitectureError`].
pub fn architectures_table() -> Result<String, ArchitectureError> {
    let machine = Machine::named("today")?;
    let mut out = String::from(
        "| Architecture | `--arch` | Receive: cycles, shared part | Crosstalk | Send: cycles, \
         shared part | Crosstalk |\n|---|---|---|---|---|---|\n",
    );
    for a in catalogue() {
        let mut cells = Vec::new();
        for direction in [Direction::Receive, Direction::Send] {
            let scenario = Scenario::new(machine.clone(), 1, Load::bulk(direction, 1));
            let answer = solve(&a, &scenario)?;
            let loss = crosstalk(&a, &scenario, overload_pps(&machine))?.worst_loss_ratio;
            cells.push(format!("{:.0}, {}", answer.cycles, percent(shared_part(&answer))));
            cells.push(percent(loss));
        }
        let _ = writeln!(out, "| {} | `{}` | {} |", a.title, a.id, cells.join(" | "));
    }
    Ok(out)
}

fn percent(part: f64) -> String {
    format!("{:.0} %", 100.0 * part)
}

/// Part of the cycles that shared host software spends.
fn shared_part(answer: &Answer) -> f64 {
    let shared = answer.blocks.iter().filter(|b| b.place == Place::Shared);
    // A sum of nothing is -0, which would be written so.
    shared.map(|b| b.cycles).fold(0.0, |a, b| a + b) / answer.cycles
}
