// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running the host's network programs: `ip`, `bridge`.
//!
//! The lab builds with the same programs that an administrator would type, so that what it did can
//! be read in any log. One `ip -batch` makes many objects in one process: a testbed of ten devices
//! takes a few hundredths of a second.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// A program could not be run, or said no.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It is not installed.
    #[error("the program '{program}' is missing")]
    Missing {
        /// Which.
        program: String,
    },
    /// It could not be started.
    #[error("cannot start '{command}': {source}")]
    Start {
        /// The whole command.
        command: String,
        /// Why not.
        source: io::Error,
    },
    /// It ended with a failure.
    #[error("'{command}' failed: {message}")]
    Failed {
        /// The whole command.
        command: String,
        /// What it printed.
        message: String,
    },
}

/// The Debian package of each program that the lab runs, so that a refusal says what to install.
const PACKAGES: [(&str, &str); 11] = [
    ("ip", "iproute2"),
    ("bridge", "iproute2"),
    ("taskset", "util-linux"),
    ("linux.uml", "user-mode-linux"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("virtiofsd", "qemu-system-common"),
    ("nginx", "nginx-light"),
    ("wrk", "wrk"),
    ("stress-ng", "stress-ng"),
    ("iperf3", "iperf3"),
    ("apt-get", "apt"),
];

impl CommandError {
    /// The package to install, if that is what is missing.
    pub fn hint(&self) -> Option<String> {
        let CommandError::Missing { program } = self else { return None };
        let package = PACKAGES.iter().find(|(name, _)| name == program)?.1;
        Some(format!("install it: `apt-get install {package}`"))
    }
}

/// Looks for `program` in the directories of `PATH`, and in `/usr/sbin` and `/sbin`, which the
/// `PATH` of an ordinary login lacks.
pub(crate) fn find(program: &str) -> Result<std::path::PathBuf, CommandError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"].map(Into::into));
    directories
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| CommandError::Missing { program: program.to_owned() })
}

/// Runs `program` and returns what it prints.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String, CommandError> {
    run_with_input(program, arguments, "")
}

/// `ip ARGUMENTS... -batch -` with one command a line. Stops at the first line that fails, which
/// the error repeats.
pub(crate) fn ip_batch(netns: Option<&str>, lines: &[String]) -> Result<(), CommandError> {
    batch("ip", netns, lines)
}

/// The same for `bridge`.
pub(crate) fn bridge_batch(netns: Option<&str>, lines: &[String]) -> Result<(), CommandError> {
    batch("bridge", netns, lines)
}

fn batch(program: &str, netns: Option<&str>, lines: &[String]) -> Result<(), CommandError> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut arguments = Vec::new();
    if let Some(name) = netns {
        arguments.extend(["-n", name]);
    }
    arguments.extend(["-batch", "-"]);
    let input = lines.join("\n") + "\n";
    match run_with_input(program, &arguments, &input) {
        Err(CommandError::Failed { command, message }) => {
            let line = failed_line(&message).and_then(|number| lines.get(number - 1));
            let command = line.map_or(command, |line| format!("{program} {line}"));
            Err(CommandError::Failed { command, message })
        }
        other => other.map(drop),
    }
}

/// `Command failed -:3` is what both programs print after the reason.
fn failed_line(message: &str) -> Option<usize> {
    let (_, number) = message.rsplit_once("Command failed -:")?;
    number.trim().parse().ok().filter(|number| *number > 0)
}

fn run_with_input(program: &str, arguments: &[&str], input: &str) -> Result<String, CommandError> {
    let words = || std::iter::once(program).chain(arguments.iter().copied()).collect::<Vec<_>>();
    let start = |source| CommandError::Start { command: words().join(" "), source };
    let mut child = Command::new(find(program)?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends before it has read everything says why in its exit status.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(start)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if message.is_empty() {
        message = output.status.to_string();
    }
    Err(CommandError::Failed { command: words().join(" "), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package() {
        let error = find("ek-no-such-program").unwrap_err();
        assert_eq!(error.to_string(), "the program 'ek-no-such-program' is missing");
        let error = CommandError::Missing { program: "linux.uml".to_owned() };
        assert_eq!(error.hint().unwrap(), "install it: `apt-get install user-mode-linux`");
    }

    #[test]
    fn a_failure_repeats_what_the_program_said() {
        let error = run("sh", &["-c", "echo no such thing >&2; exit 3"]).unwrap_err();
        let words = "'sh -c echo no such thing >&2; exit 3' failed: no such thing";
        assert_eq!(error.to_string(), words);
        assert_eq!(run("sh", &["-c", "echo yes"]).unwrap(), "yes\n");
    }

    #[test]
    fn the_failed_line_of_a_batch_is_found() {
        assert_eq!(failed_line("RTNETLINK answers: File exists\nCommand failed -:7"), Some(7));
        assert_eq!(failed_line("RTNETLINK answers: File exists"), None);
    }
}
