// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of a corpus, and a committed schema as their second judge.

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// A path below the crate.
pub fn crate_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Names and texts of the TOML files in a directory, by name.
pub fn files_in(directory: &str) -> Vec<(String, String)> {
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

/// A schema.
pub struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    /// The one in this file.
    pub fn committed(path: &str) -> Schema {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let path = crate_path(path);
        let index = compiler.compile(path.to_str().unwrap(), &mut schemas).unwrap();
        Schema { schemas, index }
    }

    /// What it has against a text.
    pub fn refusal(&self, text: &str) -> Option<String> {
        let value = as_json(text);
        self.schemas.validate(&value, self.index).err().map(|error| error.to_string())
    }
}

/// TOML as the JSON that a schema judges.
pub fn as_json(text: &str) -> Value {
    table_as_json(DeTable::parse(text).unwrap().get_ref())
}

fn table_as_json(table: &DeTable<'_>) -> Value {
    let entry = |(key, item): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        (key.to_string(), value_as_json(item.get_ref()))
    };
    table.iter().map(entry).collect()
}

fn value_as_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => serde_json::from_str(number.as_str()).unwrap(),
        DeValue::Float(number) => serde_json::from_str(number.as_str()).unwrap(),
        DeValue::Boolean(yes) => Value::from(*yes),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| value_as_json(item.get_ref())).collect(),
        DeValue::Table(table) => table_as_json(table),
    }
}
