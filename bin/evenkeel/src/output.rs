// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where text goes: the answer to standard output, the talk to standard error.
//!
//! A reader that closes our standard output (`evenkeel capsule list | head -1`) has what it wanted:
//! that is [`CliError::ReaderGone`], status 0. Any other failure to write the answer is an error.
//! Talk that cannot be written is dropped: there is nowhere left to complain.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::colour::Colour;
use crate::error::CliError;

/// Both streams and how they may look.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    colour: Colour,
}

/// The members that every JSON answer begins with.
#[derive(Serialize)]
struct Envelope<'a, T> {
    schema: &'a str,
    version: &'static str,
    #[serde(flatten)]
    answer: &'a T,
}

impl Output {
    /// Streams with the colour that was asked for.
    pub fn new(colour: Colour) -> Output {
        Output { colour }
    }

    /// Whether the answer may carry colour.
    pub fn colours_answer(self) -> bool {
        self.colour.applies_to(io::stdout().is_terminal())
    }

    /// Whether the talk may carry colour.
    pub fn colours_talk(self) -> bool {
        self.colour.applies_to(io::stderr().is_terminal())
    }

    /// Writes `text` and a final line feed as the answer.
    pub fn answer(self, text: &str) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.trim_end_matches('\n').as_bytes())
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush());
        written.map_err(CliError::from_answer)
    }

    /// Writes `answer` as one JSON object that begins with `schema` and `version`, the version of
    /// this program.
    pub fn json<T: Serialize>(self, schema: &str, answer: &T) -> Result<(), CliError> {
        self.answer(&json_text(schema, answer)?)
    }

    /// Writes one line of talk.
    pub fn talk(self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{}", text.trim_end_matches('\n'));
    }
}

/// The object that [`Output::json`] writes, two spaces of indentation.
pub fn json_text<T: Serialize>(schema: &str, answer: &T) -> Result<String, CliError> {
    let envelope = Envelope { schema, version: env!("CARGO_PKG_VERSION"), answer };
    serde_json::to_string_pretty(&envelope).map_err(|source| CliError::Encode { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_and_version_come_first() {
        #[derive(Serialize)]
        struct Answer {
            budget_ns: u64,
        }
        let text = json_text("evenkeel.test.v1", &Answer { budget_ns: 6_000_000 }).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            text,
            format!(
                "{{\n  \"schema\": \"evenkeel.test.v1\",\n  \"version\": \"{version}\",\n  \
                 \"budget_ns\": 6000000\n}}"
            )
        );
    }
}
