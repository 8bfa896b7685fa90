// SPDX-License-Identifier: MIT OR Apache-2.0
//! The chapter says what the code computes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::Path;

use evenkeel_lqn::architecture::catalogue;
use evenkeel_lqn::architecture::chapter::{architectures_table, claims_table};

fn chapter() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/io-architectures.md");
    std::fs::read_to_string(path).unwrap()
}

/// What stands between the marks of a table.
fn between(text: &str, name: &str) -> String {
    let begin = format!("<!-- {name}: begin -->\n");
    let end = format!("<!-- {name}: end -->");
    let from = text.find(&begin).unwrap() + begin.len();
    let to = text.find(&end).unwrap();
    text[from..to].to_owned()
}

const CURE: &str = "run `evenkeel model claims` and put its tables into the chapter";

#[test]
fn the_table_of_claims_is_what_the_models_answer() {
    assert_eq!(between(&chapter(), "claims"), claims_table().unwrap(), "{CURE}");
}

#[test]
fn the_table_of_architectures_is_what_the_models_answer() {
    assert_eq!(between(&chapter(), "architectures"), architectures_table().unwrap(), "{CURE}");
}

#[test]
fn every_architecture_is_in_the_chapter() {
    let text = chapter();
    for architecture in catalogue() {
        assert!(text.contains(&format!("`{}`", architecture.id)), "{}", architecture.id);
    }
}
