// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scenario files: what is accepted, what is refused and in which words, and that the committed
//! schema and the reader agree.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use evenkeel_model::Span;
use evenkeel_sim::scenario::{Scenario, parse};
use evenkeel_sim::{SchedulerKind, SimError, run};
use proptest::prelude::*;
use serde_json::Value;
use snapbox::{Data, assert_data_eq};

/// First line of an invalid scenario whose fault the schema sees, too.
const SHAPE: &str = "# the schema refuses it, too";
/// First line of one whose fault lies between values.
const MEANING: &str = "# the schema cannot see it";

fn crate_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Names and texts of the scenarios in a directory, by name.
fn scenarios_in(directory: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(crate_path(directory)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let text = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    let is_toml = |path: &&PathBuf| path.extension().is_some_and(|end| end == "toml");
    paths.iter().filter(is_toml).map(text).collect()
}

/// The valid corpus: that of the tests and the examples of the documentation.
fn valid() -> Vec<(String, String)> {
    let of_form = |(_, text): &(String, String)| text.contains("evenkeel.scenario/1");
    let examples = scenarios_in("../../docs/scenarios").into_iter().filter(of_form);
    scenarios_in("tests/corpus/valid").into_iter().chain(examples).collect()
}

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn committed() -> Schema {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let path = crate_path("../../docs/schema/scenario.v1.json");
        let index = compiler.compile(path.to_str().unwrap(), &mut schemas).unwrap();
        Schema { schemas, index }
    }

    fn refusal(&self, text: &str) -> Option<String> {
        let value = as_json(text);
        self.schemas.validate(&value, self.index).err().map(|error| error.to_string())
    }
}

/// TOML as the JSON that a schema judges.
fn as_json(text: &str) -> Value {
    fn json(value: &toml::de::DeValue<'_>) -> Value {
        use toml::de::DeValue;
        match value {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Integer(number) => serde_json::from_str(number.as_str()).unwrap(),
            DeValue::Float(number) => serde_json::from_str(number.as_str()).unwrap(),
            DeValue::Boolean(yes) => Value::from(*yes),
            DeValue::Datetime(time) => Value::from(time.to_string()),
            DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
            DeValue::Table(table) => object(table),
        }
    }
    fn object(table: &toml::de::DeTable<'_>) -> Value {
        let entry = |(key, item): (&toml::Spanned<_>, &toml::Spanned<toml::de::DeValue<'_>>)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            (key.to_string(), json(item.get_ref()))
        };
        table.iter().map(entry).collect()
    }
    object(toml::de::DeTable::parse(text).unwrap().get_ref())
}

#[test]
fn every_example_is_accepted_by_reader_and_schema_and_runs() {
    let schema = Schema::committed();
    let valid = valid();
    assert!(valid.len() >= 14, "{}", valid.len());
    for (name, text) in valid {
        let mut scenario = parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(schema.refusal(&text), None, "{name}");
        assert_eq!(scenario.check(), Ok(()));
        scenario.duration = scenario.duration.min(Span::from_ms(30));
        scenario.warmup = Span::ZERO;
        // An overcommitted one is refused by the scheduler of capsules, one whose budgets are too
        // short by `cpu.max`, and none by anybody else.
        for kind in SchedulerKind::ALL {
            match (kind, run(&scenario, kind)) {
                (SchedulerKind::Capsule, Err(SimError::Refused(_)))
                | (SchedulerKind::CpuMax, Err(SimError::Quota { .. })) => {}
                (_, result) => assert!(result.is_ok(), "{name} under {kind}: {result:?}"),
            }
        }
    }
}

#[test]
fn every_invalid_scenario_is_refused_with_its_place() {
    let schema = Schema::committed();
    let mut words = String::new();
    for (name, text) in scenarios_in("tests/corpus/invalid") {
        let error = parse(&text).err().unwrap_or_else(|| panic!("{name} is accepted"));
        words.push_str(&format!("{name}: {error}\n"));
        // NaN and damaged TOML have no form in JSON.
        let first = text.lines().next().unwrap();
        if first == SHAPE || first == MEANING {
            assert_eq!(schema.refusal(&text).is_some(), first == SHAPE, "{name}");
        }
    }
    assert_data_eq!(words, Data::read_from(&crate_path("tests/snapshots/invalid.txt"), None).raw());
}

/// The keys that a schema of an object or of alternatives of objects has.
fn keys_of(schema: &Value) -> BTreeSet<String> {
    let own = schema["properties"].as_object().into_iter().flat_map(|keys| keys.keys().cloned());
    let alternatives = schema["oneOf"].as_array().into_iter().flatten().flat_map(keys_of);
    own.chain(alternatives).collect()
}

#[test]
fn the_corpus_uses_every_key_of_the_schema() {
    let text = fs::read_to_string(crate_path("../../docs/schema/scenario.v1.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let everything = fs::read_to_string(crate_path("tests/corpus/valid/everything.toml")).unwrap();
    let everything = as_json(&everything);
    let used = |value: &Value| -> BTreeSet<String> {
        let tables = match value {
            Value::Array(tables) => tables.clone(),
            table => vec![table.clone()],
        };
        tables.iter().flat_map(|t| t.as_object().unwrap().keys().cloned()).collect()
    };
    assert_eq!(keys_of(&schema), used(&everything));
    for part in ["machine", "interference", "network"] {
        assert_eq!(keys_of(&schema["properties"][part]), used(&everything[part]), "{part}");
    }
    for part in ["capsule", "workload"] {
        let items = &schema["properties"][part]["items"];
        assert_eq!(keys_of(items), used(&everything[part]), "{part}");
    }
}

/// A text near a valid one: a piece cut out, doubled, or put in from elsewhere.
fn damaged() -> impl Strategy<Value = String> {
    let texts: Vec<String> = valid().into_iter().map(|(_, text)| text).collect();
    let piece = prop::sample::select(vec![
        "",
        "-1",
        "0",
        "1e99",
        "nan",
        "\"\"",
        "\"999999999999s\"",
        "\"-6ms\"",
        "[[capsule]]\n",
        "[[workload]]\n",
        "parent = \"a\"\n",
        "18446744073709551616",
        "{",
        "]",
        "\u{0}",
        "é",
    ]);
    let place = (any::<prop::sample::Index>(), 0..40_usize, piece);
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
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Damaged scenarios are refused with a line, or accepted and then run.
    #[test]
    fn no_text_makes_the_reader_panic(text in damaged()) {
        match parse(&text) {
            Err(error) => {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count() + 1);
                prop_assert!(!error.message.is_empty());
            }
            Ok(scenario) => {
                prop_assert_eq!(scenario.check(), Ok(()));
                let (duration, warmup) = (Span::from_us(100), Span::ZERO);
                let short = Scenario { duration, warmup, ..scenario };
                for kind in SchedulerKind::ALL {
                    // A scheduler may refuse it; it may not panic.
                    let _ = run(&short, kind);
                }
            }
        }
    }
}
