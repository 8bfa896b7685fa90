// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far a run has come, as data: the command line draws it, a test ignores it.

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `share`, `neighbour`, ...
    pub experiment: &'static str,
    /// What happens now, for example `A 30ms every 100ms, 4 of 5`.
    pub text: String,
    /// Steps done in this experiment.
    pub done: u32,
    /// All of its steps.
    pub total: u32,
}

/// Who wants to know. Called from the thread that runs the experiment, between measured windows.
pub type OnProgress<'a> = &'a mut dyn FnMut(&Progress);
