// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the fields of an event are: the kernel says so in `events/*/format`.

use serde::{Deserialize, Serialize};

use super::TraceError;

/// Identifiers and field offsets of the events that the bench records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formats {
    /// `sched_switch`.
    pub switch_id: u32,
    /// Its `prev_pid`.
    pub prev_pid: usize,
    /// Its `next_pid`.
    pub next_pid: usize,
    /// `sched_wakeup`.
    pub wakeup_id: u32,
    /// Its `pid`.
    pub woken_pid: usize,
}

impl Formats {
    /// Reads the format files of `sched_switch` and `sched_wakeup`.
    pub fn parse(switch: &str, wakeup: &str) -> Result<Formats, TraceError> {
        Ok(Formats {
            switch_id: id(switch)?,
            prev_pid: offset(switch, "prev_pid")?,
            next_pid: offset(switch, "next_pid")?,
            wakeup_id: id(wakeup)?,
            woken_pid: offset(wakeup, "pid")?,
        })
    }
}

fn id(format: &str) -> Result<u32, TraceError> {
    let line = format.lines().find_map(|line| line.strip_prefix("ID:"));
    line.and_then(|id| id.trim().parse().ok()).ok_or_else(|| TraceError::field("ID"))
}

/// A line is `field:pid_t next_pid; offset:56; size:4; signed:1;` with tabs between.
fn offset(format: &str, name: &str) -> Result<usize, TraceError> {
    let wanted = |line: &str| {
        let declaration = line.trim().strip_prefix("field:")?;
        let (declaration, rest) = declaration.split_once(';')?;
        (declaration.split_whitespace().last()? == name).then_some(())?;
        let (_, rest) = rest.split_once("offset:")?;
        rest.split(';').next()?.trim().parse().ok()
    };
    format.lines().find_map(wanted).ok_or_else(|| TraceError::field(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWITCH: &str = "name: sched_switch\nID: 314\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
        \tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\
        \tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n\
        \tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n";
    const WAKEUP: &str = "name: sched_wakeup\nID: 317\nformat:\n\
        \tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n";

    #[test]
    fn offsets_are_what_the_kernel_says() {
        let formats = Formats::parse(SWITCH, WAKEUP).unwrap();
        assert_eq!((formats.switch_id, formats.prev_pid, formats.next_pid), (314, 24, 56));
        assert_eq!((formats.wakeup_id, formats.woken_pid), (317, 24));
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = Formats::parse(WAKEUP, WAKEUP).unwrap_err();
        assert_eq!(error.to_string(), "the kernel's event format has no field 'prev_pid'");
    }
}
