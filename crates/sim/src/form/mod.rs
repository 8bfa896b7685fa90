// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads what people write in TOML: task files, scenarios, clusters. One reader, so that all of
//! them have one syntax for times, CPUs and capsules, and all errors name line and key.
//!
//! A [`Form`] is one table. Keys are taken out of it by name; what is left when its reader is done
//! is unknown, and refused with the names that would have been known. Nothing is guessed, nothing
//! ignored.
//!
//! ```text
//!   line 7, capsule[1].budget: '6' has no unit; write 6ms, 6us, 6ns or 6s
//! ```

mod capsule;
mod error;
mod scalar;

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use capsule::reservation;
pub use capsule::{CapsuleForm, take_capsule};
pub use error::{FormError, Place};
pub use scalar::Scalar;

/// Longest text that is read. A file of a thousand capsules with ten tasks each has 1 MiB.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// One table of a text.
#[derive(Debug)]
pub struct Form<'a> {
    /// The text, for line numbers.
    text: &'a str,
    /// Where this table stands: `capsule[1]`, nothing for the whole text.
    path: String,
    /// Where it begins.
    start: usize,
    /// What has not been taken yet.
    left: BTreeMap<&'a str, Entry<'a>>,
    /// Where the keys that were taken stand.
    taken: BTreeMap<&'static str, usize>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

/// A value and where its key and itself begin.
#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    key_start: usize,
    value: &'a Spanned<DeValue<'a>>,
}

/// Reads `text` as one table by `build`, which takes its keys; any that it leaves is refused.
///
/// # Errors
/// The first thing wrong, with its place.
pub fn read<T>(
    text: &str,
    build: impl FnOnce(&mut Form<'_>) -> Result<T, FormError>,
) -> Result<T, FormError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(FormError::at(
            "",
            0,
            "",
            format!("the text is longer than {TEXT_BYTES_MAX} bytes"),
        ));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span: Range<usize>| span.start);
        FormError::at(text, start, "", format!("not TOML: {}", error.message().trim()))
    })?;
    let mut form = Form::of(text, String::new(), 0, table.get_ref());
    let built = build(&mut form)?;
    form.finish()?;
    Ok(built)
}

impl<'a> Form<'a> {
    fn of(text: &'a str, path: String, start: usize, table: &'a DeTable<'a>) -> Form<'a> {
        let entry = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let name: &'a std::borrow::Cow<'a, str> = key.get_ref();
            (&**name, Entry { key_start: key.span().start, value })
        };
        let left = table.iter().map(entry).collect();
        Form { text, path, start, left, taken: BTreeMap::new(), known: Vec::new() }
    }

    /// The value of `key`, which must be there.
    ///
    /// # Errors
    /// If it is missing, of another kind, or out of its range.
    pub fn required<T: Scalar>(&mut self, key: &'static str) -> Result<T, FormError> {
        self.optional(key)?.ok_or_else(|| self.missing(key))
    }

    /// The value of `key`, if it is there.
    ///
    /// # Errors
    /// If it is of another kind or out of its range.
    pub fn optional<T: Scalar>(&mut self, key: &'static str) -> Result<Option<T>, FormError> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        let read = T::read(entry.value.get_ref());
        read.map(Some).map_err(|what| self.wrong(key, entry, what))
    }

    /// The value of `key` among `words`, if it is there.
    ///
    /// # Errors
    /// If it is another word; the error names those that would do.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, FormError> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        let word =
            String::read(entry.value.get_ref()).map_err(|what| self.wrong(key, entry, what))?;
        match words.iter().find(|(known, _)| *known == word) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let known: Vec<String> =
                    words.iter().map(|(word, _)| format!("'{word}'")).collect();
                let what = format!("'{word}' is unknown here; use {}", one_of(&known));
                Err(self.wrong(key, entry, what))
            }
        }
    }

    /// The table at `key`, read by `build`, if it is there.
    ///
    /// # Errors
    /// If it is no table, or what `build` finds wrong with it.
    pub fn table<T>(
        &mut self,
        key: &'static str,
        build: impl FnOnce(&mut Form<'a>) -> Result<T, FormError>,
    ) -> Result<Option<T>, FormError> {
        let Some(entry) = self.take(key) else { return Ok(None) };
        let path = self.path_of(key);
        self.built(key, entry, entry.value, path, build).map(Some)
    }

    /// The tables at `key` (`[[key]]`), each read by `build`; none if it is not there.
    ///
    /// # Errors
    /// If they are more than `limit`, no tables, or what `build` finds wrong with one.
    pub fn tables<T>(
        &mut self,
        key: &'static str,
        limit: usize,
        mut build: impl FnMut(&mut Form<'a>) -> Result<T, FormError>,
    ) -> Result<Vec<T>, FormError> {
        let Some(entry) = self.take(key) else { return Ok(Vec::new()) };
        let DeValue::Array(items) = entry.value.get_ref() else {
            let what = format!("is {}; write [[{key}]]", scalar::kind(entry.value.get_ref()));
            return Err(self.wrong(key, entry, what));
        };
        if items.len() > limit {
            let what = format!("there are {}, and at most {limit} are accepted", items.len());
            return Err(self.wrong(key, entry, what));
        }
        let path = |i: usize| format!("{}[{i}]", self.path_of(key));
        let one = |(i, item)| self.built(key, entry, item, path(i), &mut build);
        items.iter().enumerate().map(one).collect()
    }

    /// An error at the place of `key`, for whoever finds its value wrong after it was read; at the
    /// table itself where the key is not there.
    pub fn error_at(&self, key: &'static str, what: impl Into<String>) -> FormError {
        self.place(key).error(what)
    }

    /// The place of `key`, the table's own where it is not there; for what can only be judged when
    /// the whole text has been read.
    pub fn place(&self, key: &'static str) -> Place {
        let start = self.taken.get(key).copied().unwrap_or(self.start);
        Place::of(self.text, start, &self.path_of(key))
    }

    /// One table, read whole.
    fn built<T>(
        &self,
        key: &'static str,
        entry: Entry<'a>,
        value: &'a Spanned<DeValue<'a>>,
        path: String,
        build: impl FnOnce(&mut Form<'a>) -> Result<T, FormError>,
    ) -> Result<T, FormError> {
        let DeValue::Table(table) = value.get_ref() else {
            let what = format!("is {}; write it as a table", scalar::kind(value.get_ref()));
            return Err(self.wrong(key, entry, what));
        };
        let mut form = Form::of(self.text, path, value.span().start, table);
        let built = build(&mut form)?;
        form.finish()?;
        Ok(built)
    }

    /// Takes `key` out.
    fn take(&mut self, key: &'static str) -> Option<Entry<'a>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let entry = self.left.remove(key)?;
        self.taken.insert(key, entry.value.span().start);
        Some(entry)
    }

    /// Refuses what is left.
    fn finish(self) -> Result<(), FormError> {
        // The first in the text, not the first by name.
        let Some((key, entry)) = self.left.iter().min_by_key(|(_, entry)| entry.key_start) else {
            return Ok(());
        };
        let known: Vec<String> = self.known.iter().map(|key| (*key).to_owned()).collect();
        let what = format!("is no key that is known here; known are {}", all_of(&known));
        Err(FormError::at(self.text, entry.key_start, &self.path_of(key), what))
    }

    fn missing(&self, key: &'static str) -> FormError {
        FormError::at(self.text, self.start, &self.path_of(key), "is missing".to_owned())
    }

    fn wrong(&self, key: &str, entry: Entry<'_>, what: String) -> FormError {
        FormError::at(self.text, entry.value.span().start, &self.path_of(key), what)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(words: &[String]) -> String {
    joined(words, "or")
}

/// `a`, `a and b`, `a, b and c`.
fn all_of(words: &[String]) -> String {
    joined(words, "and")
}

fn joined(words: &[String], last: &str) -> String {
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_model::{CpuSet, Span};

    use super::*;

    fn error(text: &str) -> String {
        let read = read(text, |form| {
            form.optional::<Span>("time")?;
            form.optional::<CpuSet>("cpus")?;
            form.optional::<u64>("count")?;
            form.optional::<f64>("factor")?;
            form.choice("kind", &[("fp", 1), ("edf", 2)])?;
            form.table("inner", |inner| inner.required::<bool>("on"))?;
            form.tables("list", 2, |item| item.required::<String>("name"))
        });
        read.map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_line_and_key() {
        for (text, expected) in [
            ("\n\ntime = 6", "line 3, time: is an integer; write a time with a unit, \"6ms\""),
            ("time = '6'", "line 1, time: '6' has no unit; write 6ms, 6us, 6ns or 6s"),
            ("time = '-6ms'", "line 1, time: '-6ms' is not a time; write for example 6ms or 1.5s"),
            ("count = -1", "line 1, count: -1 is negative; use a whole number from 0 on"),
            ("count = 99999999999999999999", "line 1, count: 99999999999999999999 is too large"),
            ("factor = inf", "line 1, factor: inf is not a finite number"),
            ("cpus = '3-1'", "line 1, cpus: the CPU range 3-1 runs backwards"),
            ("kind = 'rr'", "line 1, kind: 'rr' is unknown here; use 'fp' or 'edf'"),
            ("[inner]\nonn = true", "line 1, inner.on: is missing"),
            (
                "[[list]]\nname = 'a'\n[[list]]\nname = 'b'\nother = 1",
                "line 5, list[1].other: is no key that is known here; known are name",
            ),
            ("list = [1]", "line 1, list: is an integer; write it as a table"),
            ("list = 1", "line 1, list: is an integer; write [[list]]"),
            ("list = [{}, {}, {}]", "line 1, list: there are 3, and at most 2 are accepted"),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        assert!(error("a = ").starts_with("line 1: not TOML: "), "{}", error("a = "));
        assert!(error("time = 1\ntime = 2").starts_with("line 2: not TOML: "));
        assert!(error("zzz = 1\nyyy = 2").starts_with("line 1, zzz: is no key"));
    }

    #[test]
    fn a_value_found_wrong_later_has_its_place() {
        let read = read("a = 1\nb = 2", |form| {
            let (a, b) = (form.required::<u64>("a")?, form.required::<u64>("b")?);
            if a < b { Err(form.error_at("b", "is above a")) } else { Ok(()) }
        });
        let error = read.unwrap_err();
        assert_eq!((error.line, error.column, error.key.as_str()), (2, 5, "b"));
    }
}
