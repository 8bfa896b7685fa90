// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words in which a reservation is asked for, shared by `capsule create`, `set` and `run`.

use clap::{Args, ValueEnum};
use evenkeel_host::EnforcerChoice;
use evenkeel_model::{CapsuleName, CpuSet, Reservation, Span};

use crate::error::CliError;

/// A whole new reservation.
#[derive(Debug, Args)]
pub struct ReservationWords {
    /// CPU time granted in each period, on each CPU; a unit is required: 6ms, 1.5ms, 500us
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub budget: Span,
    /// Length of a period, 1ms to 10s
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub period: Span,
    /// CPUs on which the budget is reserved, as a list: 0, 0-3 or 0-3,8
    #[arg(long, value_name = "LIST", value_parser = cpu_set, allow_hyphen_values = true)]
    pub cpus: CpuSet,
    /// Take the reservation out of that of capsule PARENT
    #[arg(long, value_name = "PARENT")]
    pub parent: Option<CapsuleName>,
    /// What makes the kernel honour it: auto, rtgroup, or quota (a cap, no guarantee)
    ///
    /// auto takes the strongest enforcer that gives a guarantee, and refuses where none does.
    /// rtgroup is a real-time group: a guarantee and a limit. quota caps the fair class and must
    /// be asked for by name, because it guarantees nothing.
    #[arg(long, value_enum, value_name = "ENFORCER", default_value_t, hide_possible_values = true)]
    pub enforcer: EnforcerWord,
}

impl ReservationWords {
    /// Budget and period, checked together.
    pub fn reservation(&self) -> Result<Reservation, CliError> {
        Ok(Reservation::new(self.budget, self.period)?)
    }
}

/// `--enforcer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EnforcerWord {
    /// The strongest that gives a guarantee
    #[default]
    Auto,
    /// Our sched_ext scheduler
    Scx,
    /// Real-time groups
    Rtgroup,
    /// Fair-class quota: a cap, no guarantee
    Quota,
}

impl From<EnforcerWord> for EnforcerChoice {
    fn from(word: EnforcerWord) -> EnforcerChoice {
        match word {
            EnforcerWord::Auto => EnforcerChoice::Auto,
            EnforcerWord::Scx => EnforcerChoice::Scx,
            EnforcerWord::Rtgroup => EnforcerChoice::Rtgroup,
            EnforcerWord::Quota => EnforcerChoice::Quota,
        }
    }
}

/// A CPU list with at least one CPU: the kernel's list form allows none, a reservation does not.
pub fn cpu_set(text: &str) -> Result<CpuSet, String> {
    let cpus: CpuSet =
        text.parse().map_err(|error: evenkeel_model::CpuSetError| error.to_string())?;
    if cpus.is_empty() {
        return Err("the CPU list is empty; write for example 0, 0-3 or 0-3,8".to_owned());
    }
    Ok(cpus)
}
