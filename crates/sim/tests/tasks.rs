// SPDX-License-Identifier: MIT OR Apache-2.0
//! Task files: what is accepted, what is refused and in which words, and that the committed schema
//! and the reader agree.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use evenkeel_sim::tasks::parse;
use evenkeel_theory::Wanted;
use proptest::prelude::*;
use serde_json::Value;
use snapbox::{Data, assert_data_eq};

use support::{Schema, as_json, crate_path, files_in};

/// First line of an invalid file whose fault the schema sees, too.
const SHAPE: &str = "# the schema refuses it, too";
/// First line of one whose fault lies between values.
const MEANING: &str = "# the schema cannot see it";

/// The committed schema.
const SCHEMA: &str = "../../docs/schema/tasks.v1.json";

/// The valid corpus: that of the tests and the examples of the documentation.
fn valid() -> Vec<(String, String)> {
    files_in("tests/corpus-tasks/valid").into_iter().chain(files_in("../../docs/tasks")).collect()
}

#[test]
fn every_example_is_accepted_by_reader_and_schema_and_judged() {
    let schema = Schema::committed(SCHEMA);
    let valid = valid();
    assert!(valid.len() >= 5, "{}", valid.len());
    for (name, text) in valid {
        let file = parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(schema.refusal(&text), None, "{name}");
        let report = file.check().unwrap_or_else(|error| panic!("{name}: {error}"));
        for (capsule, component) in report.capsules.iter().zip(&file.components) {
            let found = capsule.reservation.is_some();
            assert!(found || !matches!(component.wanted, Wanted::Reservation(_)), "{name}");
        }
    }
}

#[test]
fn every_invalid_file_is_refused_with_its_place() {
    let schema = Schema::committed(SCHEMA);
    let mut words = String::new();
    for (name, text) in files_in("tests/corpus-tasks/invalid") {
        let error = parse(&text).err().unwrap_or_else(|| panic!("{name} is accepted"));
        words.push_str(&format!("{name}: {error}\n"));
        // Damaged TOML has no form in JSON.
        let first = text.lines().next().unwrap();
        if first == SHAPE || first == MEANING {
            assert_eq!(schema.refusal(&text).is_some(), first == SHAPE, "{name}");
        }
    }
    let snapshot = crate_path("tests/snapshots/invalid-tasks.txt");
    assert_data_eq!(words, Data::read_from(&snapshot, None).raw());
}

#[test]
fn the_corpus_uses_every_key_of_the_schema() {
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(crate_path(SCHEMA)).unwrap()).unwrap();
    let keys_of = |schema: &Value| -> BTreeSet<String> {
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let everything = crate_path("tests/corpus-tasks/valid/everything.toml");
    let everything = as_json(&fs::read_to_string(everything).unwrap());
    let used = |value: &Value| -> BTreeSet<String> {
        let tables = match value {
            Value::Array(tables) => tables.clone(),
            table => vec![table.clone()],
        };
        tables.iter().flat_map(|t| t.as_object().unwrap().keys().cloned()).collect()
    };
    assert_eq!(keys_of(&schema), used(&everything));
    for part in ["host", "search"] {
        assert_eq!(keys_of(&schema["properties"][part]), used(&everything[part]), "{part}");
    }
    for part in ["capsule", "task"] {
        assert_eq!(
            keys_of(&schema["properties"][part]["items"]),
            used(&everything[part]),
            "{part}"
        );
    }
}

/// A text near a valid one: a piece cut out, doubled, or put in from elsewhere.
fn damaged() -> impl Strategy<Value = String> {
    let texts: Vec<String> = valid().into_iter().map(|(_, text)| text).collect();
    let pieces = [
        "",
        "-1",
        "0",
        "1e99",
        "nan",
        "\"\"",
        "\"999999999s\"",
        "\"1ns\"",
        "\"-6ms\"",
        "\"smallest\"",
        "[[capsule]]\n",
        "[[task]]\n",
        "parent = \"outer\"\n",
        "18446744073709551616",
        "{",
        "]",
        "\u{0}",
        "é",
    ];
    let place = (any::<prop::sample::Index>(), 0..40_usize, prop::sample::select(pieces.to_vec()));
    (prop::sample::select(texts), prop::collection::vec(place, 1..4)).prop_map(|(text, places)| {
        let mut text: Vec<char> = text.chars().collect();
        for (at, length, piece) in places {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, piece.chars());
            if text.is_empty() {
                text.push(' ');
            }
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Damaged files are refused with a line, or accepted and then judged.
    #[test]
    fn no_text_makes_reader_or_judge_panic(text in damaged()) {
        match parse(&text) {
            Err(error) => {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count() + 1);
                prop_assert!(!error.message.is_empty());
            }
            Ok(file) => {
                let report = file.check();
                prop_assert!(report.is_ok(), "{:?}", report);
            }
        }
    }
}
