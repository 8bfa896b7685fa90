// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clearing up after an operation whose process died in the middle.
//!
//! Called under the lock, so that a journal on record means: whoever wrote it is dead. Clearing up
//! does what can be done and says what could not; it never stands in the way of the next change.

use crate::apply::Executor;
use crate::error::HostError;
use crate::host::{Host, Outcome};
use crate::plan::Direction;
use crate::state::State;

/// Takes back, or completes, the operation in the journal.
pub fn recover(host: &Host, state: &mut State, outcome: &mut Outcome) -> Result<(), HostError> {
    let Some(journal) = &state.journal else { return Ok(()) };
    let (operation, direction) = (journal.operation.clone(), journal.direction);
    let mut executor = Executor::resume(host, state);
    let left = match direction {
        Direction::Back => {
            let left = executor.take_all_back();
            executor.close()?;
            left
        }
        Direction::Forward => match executor.run_forward() {
            Ok(()) => Vec::new(),
            // The record could not be written: then nothing else can be done either.
            Err(error @ HostError::State { .. }) => return Err(error),
            Err(error) => vec![error.to_string()],
        },
    };
    let done = match direction {
        Direction::Back => "taken back",
        Direction::Forward => "completed",
    };
    outcome.notes.push(format!("'{operation}' had been interrupted: it has been {done}"));
    outcome.notes.append(&mut executor.notes);
    outcome.notes.extend(left.into_iter().map(|left| format!("this could not be undone: {left}")));
    Ok(())
}
