// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's monitor protocol (QMP): which thread is which virtual CPU and I/O thread.
//!
//! One JSON object a line. The monitor greets, wants `qmp_capabilities`, then answers one command
//! after the other; events may stand between. It serves one client at a time: where libvirt is
//! connected already, the greeting never comes.
//!
//! The other end may hang, close, or be something else altogether: there is a limit to the time,
//! the length of a line and the number of lines.

mod answer;
mod error;
mod session;

use std::path::Path;

use evenkeel_model::Span;

pub(crate) use answer::Answer;
pub use error::QmpError;

use session::Session;

/// How long the whole conversation may take. QEMU answers within milliseconds unless its main
/// thread hangs.
const TIMEOUT: Span = Span::from_s(3);

/// Asks the monitor at `path` about its threads.
pub(crate) fn ask(path: &Path) -> Result<Answer, QmpError> {
    let mut session = Session::open(path, TIMEOUT)?;
    let cpus = session.run("query-cpus-fast")?;
    let iothreads = session.run("query-iothreads")?;
    let nonsense = |command| {
        let path = path.to_owned();
        move || QmpError::Nonsense { path, got: format!("a strange answer to {command}") }
    };
    Ok(Answer {
        cpus: answer::cpus(&cpus).ok_or_else(nonsense("query-cpus-fast"))?,
        iothreads: answer::iothreads(&iothreads).ok_or_else(nonsense("query-iothreads"))?,
        listener: session.listener(),
    })
}
