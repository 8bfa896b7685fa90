// SPDX-License-Identifier: MIT OR Apache-2.0
//! Offers in words; each completes the sentence "It would fit ...".

use std::fmt;

use super::on;
use crate::verdict::Change;

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::LowerBudget { reservation } => write!(
                f,
                "with a budget of at most {} at the same period ({})",
                reservation.budget(),
                reservation.bandwidth()
            ),
            Change::OtherPeriod { reservation } => {
                write!(f, "with the same bandwidth as {reservation}")
            }
            Change::OtherCpus { cpus } => write!(f, "as asked, {}", on(cpus)),
            Change::GrowParent { name, from, to } => write!(
                f,
                "as asked, once its parent '{name}' grows from {} to {} every {}",
                from.budget(),
                to.budget(),
                to.period()
            ),
            Change::Shrink { name, from, to } => write!(
                f,
                "as asked, once '{name}' shrinks from {} to {} every {}",
                from.budget(),
                to.budget(),
                to.period()
            ),
        }
    }
}
