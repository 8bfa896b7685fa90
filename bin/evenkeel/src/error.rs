// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a verb did not do what was asked, as text, as data, and as exit status.
//!
//! A hint is kept apart from the message, so that a script finds it under its own key and a person
//! on its own line.

use std::io;
use std::path::PathBuf;

use evenkeel_host::HostError;
use evenkeel_lab::LabError;
use evenkeel_model::ReservationError;
use evenkeel_report::ReportError;
use evenkeel_sim::SimError;
use evenkeel_sim::form::FormError;
use evenkeel_theory::Verdict;
use serde::Serialize;

use crate::colour::{alarming, calm};
use crate::output::{Output, json_text};
use crate::status::Status;
use crate::verb::model::failure::ModelFailure;

/// Schema of an error on standard error, with `--json`.
pub const SCHEMA: &str = "evenkeel.error.v1";

/// Why a verb did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Words that could not be parsed.
    #[error("{message}")]
    Words {
        /// What clap says, without its headline and footer.
        message: String,
    },
    /// Words that are each valid and do not go together.
    #[error("{message}")]
    Usage {
        /// What does not fit.
        message: String,
        /// What would.
        hint: Option<String>,
    },
    /// A budget and a period that make no reservation.
    #[error(transparent)]
    Reservation(#[from] ReservationError),
    /// The host could not or would not do it.
    #[error(transparent)]
    Host(Box<HostError>),
    /// The decisions could not be recorded or read.
    #[error(transparent)]
    Trace(#[from] evenkeel_host::trace::TraceError),
    /// The lab could not do it.
    #[error(transparent)]
    Lab(Box<LabError>),
    /// A model has no answer.
    #[error(transparent)]
    Model(Box<ModelFailure>),
    /// What was measured could not be written as a report; the raw figures are kept.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A file of the user's that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of the user's that does not say what it must; the error has line and key.
    #[error("{}, {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormError,
    },
    /// A scenario that cannot be simulated.
    #[error("{}: {source}", path.display())]
    Sim {
        /// The scenario's file.
        path: PathBuf,
        /// Why not.
        source: SimError,
    },
    /// A file that was asked for and cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Guests of the lab run this program, and it cannot find itself.
    #[error("cannot find the file of this program: {source}")]
    OwnProgram {
        /// Why not.
        source: io::Error,
    },
    /// The part played inside a guest ended early.
    #[error("{source}")]
    GuestProgram {
        /// Why.
        source: io::Error,
    },
    /// Whoever reads our standard output has closed it; they have what they wanted.
    #[error("the reader of standard output is gone")]
    ReaderGone,
    /// Standard output takes no more.
    #[error("cannot write the answer to standard output: {source}")]
    Answer {
        /// Why.
        source: io::Error,
    },
    /// The answer is not representable in JSON; a bug.
    #[error("cannot write the answer as JSON: {source}")]
    Encode {
        /// Why.
        source: serde_json::Error,
    },
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> CliError {
        CliError::Host(Box::new(error))
    }
}

impl From<LabError> for CliError {
    fn from(error: LabError) -> CliError {
        CliError::Lab(Box::new(error))
    }
}

impl From<ModelFailure> for CliError {
    fn from(error: ModelFailure) -> CliError {
        CliError::Model(Box::new(error))
    }
}

/// `evenkeel.error.v1`.
#[derive(Serialize)]
struct ErrorAnswer<'a> {
    code: &'static str,
    exit_status: u8,
    message: String,
    hint: Option<String>,
    verdict: Option<&'a Verdict>,
}

impl CliError {
    /// Wrong usage, with a hint.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> CliError {
        CliError::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// What a failed write of the answer means.
    pub fn from_answer(source: io::Error) -> CliError {
        match source.kind() {
            io::ErrorKind::BrokenPipe => CliError::ReaderGone,
            _ => CliError::Answer { source },
        }
    }

    /// The exit status.
    pub fn status(&self) -> Status {
        match self {
            CliError::Words { .. }
            | CliError::Usage { .. }
            | CliError::Reservation(_)
            | CliError::ReadFile { .. }
            | CliError::Malformed { .. } => Status::Usage,
            CliError::Host(error) => Status::from_code(error.exit_code()),
            CliError::Lab(error) => Status::from_code(error.exit_code()),
            CliError::Model(error) => error.status(),
            CliError::Sim { source, .. } => match source {
                SimError::Scenario(_) | SimError::Quota { .. } => Status::Usage,
                SimError::Refused(_) => Status::Refused,
                SimError::TooManyEvents { .. } => Status::Failed,
            },
            CliError::ReaderGone => Status::Done,
            CliError::Report(_)
            | CliError::WriteFile { .. }
            | CliError::Trace(_)
            | CliError::OwnProgram { .. }
            | CliError::GuestProgram { .. }
            | CliError::Answer { .. }
            | CliError::Encode { .. } => Status::Failed,
        }
    }

    /// What would work, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            CliError::Usage { hint, .. } => hint.clone(),
            CliError::Host(error) => error.hint(),
            CliError::Lab(error) => error.hint(),
            CliError::Model(error) => error.hint(),
            _ => None,
        }
    }

    /// The verdict behind a refusal.
    fn verdict(&self) -> Option<&Verdict> {
        let CliError::Host(error) = self else { return None };
        match &**error {
            HostError::Refused(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// Says it on standard error: as text, or with `--json` as one object.
    pub fn report(&self, output: Output, json: bool) {
        if matches!(self, CliError::ReaderGone) {
            return;
        }
        let as_json = json.then(|| self.as_json()).flatten();
        output.talk(&as_json.unwrap_or_else(|| self.as_text(output.colours_talk())));
    }

    fn as_json(&self) -> Option<String> {
        let answer = ErrorAnswer {
            code: self.status().as_str(),
            exit_status: self.status().code(),
            message: self.with_sources(),
            hint: self.hint(),
            verdict: self.verdict(),
        };
        json_text(SCHEMA, &answer).ok()
    }

    /// `error: ...`; a verdict says itself what it is: `refused: ...`.
    fn as_text(&self, colour: bool) -> String {
        let message = self.with_sources();
        let mut text = match message.strip_prefix("refused:") {
            Some(rest) => format!("{}{rest}", alarming("refused:", colour)),
            None => format!("{} {message}", alarming("error:", colour)),
        };
        if let Some(hint) = self.hint() {
            text.push_str(&format!("\n{} {hint}", calm("hint:", colour)));
        }
        text
    }

    /// The message and, after colons, every cause that the message does not already contain.
    fn with_sources(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is() {
        let gone = CliError::from_answer(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(gone.status(), Status::Done);
        let full = CliError::from_answer(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.status(), Status::Failed);
    }

    #[test]
    fn hints_stand_on_their_own_line() {
        let error = CliError::usage("nothing to change", "give --budget, --period or --cpus");
        assert_eq!(
            error.as_text(false),
            "error: nothing to change\nhint: give --budget, --period or --cpus"
        );
        assert_eq!(error.status(), Status::Usage);
    }
}
