// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exit statuses: one table for every verb, printed in every EXIT STATUS section.

use std::process::ExitCode;

/// What the exit status of the program says. Any other status is a signal, the status of the
/// command that `run` ran, or a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The work is done, or nothing is violated; also a reader that closed our standard output.
    Done,
    /// The operation failed.
    Failed,
    /// Wrong usage or an invalid value.
    Usage,
    /// An agent is needed and cannot be reached.
    Unreachable,
    /// Refused by admission control: valid, but it does not fit.
    Refused,
    /// A check completed and something is violated.
    Violated,
}

impl Status {
    /// The number a shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Status::Done => 0,
            Status::Failed => 1,
            Status::Usage => 2,
            Status::Unreachable => 3,
            Status::Refused => 4,
            Status::Violated => 5,
        }
    }

    /// The status of `code`; a code outside the table is a failure.
    pub const fn from_code(code: u8) -> Status {
        match code {
            0 => Status::Done,
            2 => Status::Usage,
            3 => Status::Unreachable,
            4 => Status::Refused,
            5 => Status::Violated,
            _ => Status::Failed,
        }
    }

    /// The word for scripts, in `evenkeel.error.v1`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Done => "done",
            Status::Failed => "failed",
            Status::Usage => "usage",
            Status::Unreachable => "unreachable",
            Status::Refused => "refused",
            Status::Violated => "violated",
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_there_and_back() {
        for code in 0..=5 {
            assert_eq!(Status::from_code(code).code(), code);
        }
        assert_eq!(Status::from_code(101), Status::Failed);
    }
}
