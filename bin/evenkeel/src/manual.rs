// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts of a manual page that no command-line library knows: EXAMPLES, JSON, EXIT STATUS,
//! ENVIRONMENT, FILES. Written once, shown by `--help` and by the man page of each verb.

use std::fmt::Write as _;

use crate::status::Status;

/// One titled section of a manual page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Upper-case title, as man pages have it.
    pub title: &'static str,
    /// Lines without indentation.
    pub body: String,
}

impl Section {
    /// A section of fixed text.
    pub fn new(title: &'static str, body: &str) -> Section {
        Section { title, body: body.trim_matches('\n').to_owned() }
    }

    /// EXIT STATUS with the meaning that each possible status has for one verb.
    pub fn exit_status(meanings: &[(Status, &str)]) -> Section {
        let lines: Vec<String> =
            meanings.iter().map(|(status, says)| format!("{}  {says}", status.code())).collect();
        Section { title: "EXIT STATUS", body: lines.join("\n") }
    }
}

/// The text below the options in `--help`.
pub fn after_help(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        if !text.is_empty() {
            text.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", section.title);
        for line in section.body.lines() {
            let _ = writeln!(text, "{}", format!("  {line}").trim_end());
        }
    }
    text.trim_end().to_owned()
}

/// EXIT STATUS of a verb that changes reservations.
pub fn changes_reservations() -> Section {
    Section::exit_status(&[
        (Status::Done, "done, or with --dry-run: it would be admitted"),
        (Status::Failed, "the operation failed; what it had changed was put back"),
        (Status::Usage, "wrong usage, an invalid value, or a name or CPU that does not fit"),
        (Status::Refused, "refused by admission: it does not fit; nothing was changed"),
    ])
}

/// EXIT STATUS of a verb that changes the host, and that admission has no say in.
pub fn changes_the_host() -> Section {
    Section::exit_status(&[
        (Status::Done, "done, or with --dry-run: the plan was printed"),
        (Status::Failed, "it failed, or there is no such VM; what had been changed was put back"),
        (Status::Usage, "wrong usage, an invalid value, or there is no such capsule"),
    ])
}

/// EXIT STATUS of a verb that only reads.
pub fn only_reads() -> Section {
    Section::exit_status(&[
        (Status::Done, "the answer was printed, or the reader closed the pipe"),
        (Status::Failed, "the state of the host could not be read"),
        (Status::Usage, "wrong usage, an invalid value, or a name that is not there"),
    ])
}

/// FILES of every verb that works with capsules.
pub fn files() -> Section {
    Section::new(
        "FILES",
        "
/run/evenkeel/state.json
    What was asked for, and what was found before each change, so that it can be put
    back. Written before the change it describes; void after a reboot.
/run/evenkeel/lock
    Held while the host is being changed.
evenkeel-NAME/ in the root of the mounted cgroup hierarchy
    The group of capsule NAME.
",
    )
}

/// ENVIRONMENT of every verb that works with capsules.
pub fn environment() -> Section {
    Section::new(
        "ENVIRONMENT",
        "
EVENKEEL_STATE_DIR
    Directory of the state and lock files instead of /run/evenkeel.
NO_COLOR
    Set and not empty: no colour, unless --color asks for it.
",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_indented_and_separated() {
        let sections = [
            Section::new("EXAMPLES", "\nevenkeel doctor\n"),
            Section::exit_status(&[(Status::Done, "fine"), (Status::Violated, "not fine")]),
        ];
        assert_eq!(
            after_help(&sections),
            "EXAMPLES\n  evenkeel doctor\n\nEXIT STATUS\n  0  fine\n  5  not fine"
        );
    }
}
