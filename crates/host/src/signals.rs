// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passing signals on to the command of a `run`.
//!
//! A signal that the terminal sends (Ctrl-C, Ctrl-Z, a closed window) reaches every process of the
//! foreground group, the command among them: passing it on would deliver it twice. The kernel says
//! where a signal comes from; only those that a process sent are passed on.

use evenkeel_kernel::Signal;
use evenkeel_kernel::process::{ProcessId, kill};
use signal_hook::consts::{
    SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::backend::Handle;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::emulate_default_handler;
use signal_hook::low_level::siginfo::{Cause, Origin};

use crate::error::HostError;

/// Everything that people and programs send to a command they started. SIGKILL and SIGSTOP cannot
/// be caught: after `kill -9` of `run` the command goes on and the capsule stays in force.
const PASSED_ON: [(i32, Signal); 9] = [
    (SIGINT, Signal::INT),
    (SIGTERM, Signal::TERM),
    (SIGHUP, Signal::HUP),
    (SIGQUIT, Signal::QUIT),
    (SIGUSR1, Signal::USR1),
    (SIGUSR2, Signal::USR2),
    (SIGCONT, Signal::CONT),
    (SIGWINCH, Signal::WINCH),
    (SIGTSTP, Signal::TSTP),
];

/// Signals caught from now on.
pub struct Signals(SignalsInfo<WithOrigin>);

impl Signals {
    /// Catches all of [`PASSED_ON`]; they wait until [`Signals::pass_on`].
    pub fn catch() -> Result<Signals, HostError> {
        let numbers = PASSED_ON.iter().map(|(number, _)| *number);
        SignalsInfo::new(numbers).map(Signals).map_err(HostError::Signals)
    }

    /// Ends [`Signals::pass_on`].
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Passes signals on to `child` until the handle is closed. After SIGTSTP this process stops,
    /// too, so that a shell sees its job stopped; SIGCONT wakes both.
    pub fn pass_on(&mut self, child: &ProcessId) {
        for origin in &mut self.0 {
            if let Some(signal) = to_pass_on(&origin) {
                // A command that has ended needs no signal; that it ended is noticed elsewhere.
                let _ = kill(child, signal);
            }
            if origin.signal == SIGTSTP {
                // Fails only for signals without a default action, which this one has.
                let _ = emulate_default_handler(SIGTSTP);
            }
        }
    }
}

/// The signal to send to the command, if it does not have it already.
fn to_pass_on(origin: &Origin) -> Option<Signal> {
    let from_terminal = matches!(origin.cause, Cause::Kernel);
    let (_, signal) = PASSED_ON.iter().find(|(number, _)| *number == origin.signal)?;
    (!from_terminal).then_some(*signal)
}
