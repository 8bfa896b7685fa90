// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lab's own program inside a guest, or inside a capsule: the same executable that runs the
//! lab, started by the hidden verb `lab-guest`. Guests see the host's files, so nothing has to be
//! copied.

use std::io;
use std::path::{Path, PathBuf};

use evenkeel_model::Span;

use super::sink::{self, SinkWork};
use crate::generator::budget_spinner::spin;

/// How guests call the lab's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestProgram {
    /// The executable on the host; guests see its directory as `/mnt/program`.
    pub path: PathBuf,
    /// Arguments before those of the lab.
    pub arguments: Vec<String>,
}

impl GuestProgram {
    /// This executable, with the hidden verb `lab-guest`.
    pub fn current() -> io::Result<GuestProgram> {
        let path = std::env::current_exe()?;
        Ok(GuestProgram { path, arguments: vec!["lab-guest".to_owned()] })
    }

    /// Its directory on the host.
    pub(crate) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// The command line of `arguments`, inside a guest.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let mut words = vec![super::files::quote(&format!("/mnt/program/{name}"))];
        words.extend(self.arguments.iter().map(|word| super::files::quote(word)));
        words.extend(arguments.iter().map(|word| super::files::quote(word)));
        words.join(" ")
    }
}

/// What the hidden verb does: `sink PORT discard|digest` receives TCP streams, for ever;
/// `spin LENGTH OFF PATIENCE` (nanoseconds) spins and prints what it saw of itself, as JSON.
pub fn main(arguments: &[String]) -> io::Result<()> {
    let usage = || {
        let words =
            "usage: lab-guest sink PORT discard|digest | lab-guest spin LENGTH OFF PATIENCE";
        io::Error::new(io::ErrorKind::InvalidInput, words)
    };
    let span = |text: &String| text.parse().map(Span::from_ns).map_err(|_| usage());
    match arguments {
        [verb, port, work] if verb == "sink" => {
            let work = SinkWork::of(work).ok_or_else(usage)?;
            sink::serve(port.parse().map_err(|_| usage())?, work)
        }
        [verb, length, off, patience] if verb == "spin" => {
            let record = spin(span(length)?, span(off)?, span(patience)?);
            serde_json::to_writer(io::stdout(), &record).map_err(io::Error::from)
        }
        _ => Err(usage()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_call_the_program_where_they_see_it() {
        let program = GuestProgram {
            path: "/opt/even keel/evenkeel".into(),
            arguments: vec!["lab-guest".to_owned()],
        };
        let command = program.command(&["sink", "5001", "discard"]);
        assert_eq!(command, "'/mnt/program/evenkeel' 'lab-guest' 'sink' '5001' 'discard'");
        assert_eq!(program.directory(), Path::new("/opt/even keel"));
    }

    #[test]
    fn other_words_are_refused() {
        for words in [
            &[][..],
            &["sink"],
            &["sink", "x", "digest"],
            &["sink", "1", "x"],
            &["source", "1"],
            &["spin", "1", "2"],
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert!(main(&words).is_err());
        }
    }
}
