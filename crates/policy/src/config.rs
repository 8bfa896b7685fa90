// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is chosen once for a policy: its CPUs, the variant of the wake rule, who wins a tie, and
//! what is kept for threads outside capsules.

use evenkeel_model::{Bandwidth, Reservation, Span};
use serde::{Deserialize, Serialize};

use crate::cpu_mask::CPUS_MAX;

/// What a server's wake-up before its deadline does (rule E1; every trace names its variant).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WakeRule {
    /// Keep budget and deadline, or renew both where what is left is too much for what remains of
    /// the period (E1a to E1d).
    ///
    /// Abeni and Buttazzo, "Integrating multimedia applications in hard real-time systems",
    /// RTSS 1998, rule 4; hard form: Biondi, Melani and Bertogna, "Hard constant bandwidth server:
    /// comprehensive formulation and critical scenarios", SIES 2014.
    #[default]
    Renewal,
    /// Variant W2: wait until the server has no lag, then a full budget and a full period.
    ///
    /// As in the later papers on hard constant bandwidth servers that implement resource
    /// reservations by suspension until d − c·P/Q.
    #[serde(rename = "w2")]
    ZeroLag,
}

/// Which of two servers with equal deadlines runs (rule E2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tie {
    /// The capsule with the lower number.
    #[default]
    LowestId,
    /// The one that runs already, which saves a switch; the lower number if neither does.
    Runner,
}

/// The rule that keeps inner priorities from starving a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ageing {
    /// A thread that has waited this long goes before all priorities of its capsule, oldest first.
    #[serde(rename = "after_ns")]
    pub after: Span,
    /// For how long it then runs undisturbed by other threads of its capsule.
    #[serde(rename = "run_ns")]
    pub run: Span,
}

impl Default for Ageing {
    /// After 5 s, for 1 ms. The watchdog of sched_ext unloads a scheduler that leaves a runnable
    /// thread waiting for 30 s: 5 s leave 25 s for a capsule with a small budget to serve those who
    /// waited longer (with 1 %, 250 of them). The price is 1 ms every 5 s for each waiting thread,
    /// 0.02 % of a CPU, taken from the capsule's own priorities.
    fn default() -> Ageing {
        Ageing { after: Span::from_s(5), run: Span::from_ms(1) }
    }
}

/// The choices of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// How many CPUs it schedules; they are numbered from zero.
    pub cpus: u32,
    /// What a wake-up before the deadline does.
    pub wake_rule: WakeRule,
    /// Who wins among equal deadlines.
    pub tie: Tie,
    /// How much of each CPU capsules may hold together.
    #[serde(rename = "limit_ppb")]
    pub limit: Bandwidth,
    /// What threads outside capsules hold on each CPU, besides what is left over. `None`: nothing.
    pub best_effort: Option<Reservation>,
    /// The rule against starvation inside a capsule.
    pub ageing: Ageing,
    /// How long a thread runs before others of its capsule and priority have their turn; zero:
    /// until it blocks, as SCHED_FIFO.
    #[serde(rename = "slice_ns")]
    pub slice: Span,
}

impl Default for Config {
    /// One CPU; 95 % for capsules and 5 ms every 100 ms, the other 5 %, for the rest, which keeps
    /// kernel threads alive; a slice of 5 ms, so that two vCPUs of one VM that wait for each other
    /// lose at most that (the kernel's SCHED_RR has 100 ms, longer than many periods).
    fn default() -> Config {
        Config {
            cpus: 1,
            wake_rule: WakeRule::Renewal,
            tie: Tie::LowestId,
            limit: Bandwidth::from_ppb(950_000_000),
            best_effort: Reservation::new(Span::from_ms(5), Span::from_ms(100)).ok(),
            ageing: Ageing::default(),
            slice: Span::from_ms(5),
        }
    }
}

/// Why a configuration is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No CPU, or more than a policy has.
    #[error("a policy has 1 to {CPUS_MAX} CPUs, not {0}")]
    Cpus(u32),
    /// Capsules and the rest may hold more than there is.
    #[error(
        "capsules may hold {limit} of a CPU and threads outside them hold {best_effort}; together \
         that is more than all of it: lower the limit to at most {}",
        Bandwidth::ONE.saturating_sub(*best_effort)
    )]
    Overcommitted {
        /// What capsules may hold.
        limit: Bandwidth,
        /// What threads outside capsules hold.
        best_effort: Bandwidth,
    },
    /// An ageing rule that lets nobody run.
    #[error("a thread that waited too long runs for no time; let it run for at least 1us")]
    AgedRun,
}

impl Config {
    /// Whether it can be kept.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=CPUS_MAX).contains(&self.cpus) {
            return Err(ConfigError::Cpus(self.cpus));
        }
        let best_effort = self.best_effort.map_or(Bandwidth::ZERO, Reservation::bandwidth);
        if self.limit + best_effort > Bandwidth::ONE {
            return Err(ConfigError::Overcommitted { limit: self.limit, best_effort });
        }
        // Below a microsecond the switch costs more than the run.
        if self.ageing.run < Span::from_us(1) {
            return Err(ConfigError::AgedRun);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_kept_is_refused() {
        assert_eq!(Config::default().check(), Ok(()));
        let none = Config { cpus: 0, ..Config::default() };
        assert_eq!(none.check(), Err(ConfigError::Cpus(0)));
        let all = Config { limit: Bandwidth::ONE, ..Config::default() };
        let text = all.check().unwrap_err().to_string();
        assert!(text.ends_with("lower the limit to at most 95 %"), "{text}");
        assert_eq!(Config { best_effort: None, ..all }.check(), Ok(()));
    }
}
