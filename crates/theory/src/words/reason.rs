// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reasons in words: which CPU or limit, who, and by how much.

use std::fmt;

use evenkeel_model::{Bandwidth, CapsuleName, CpuSet, Reservation, Span};

use super::{names, title};
use crate::verdict::{HostHolder, HostSum, Reason};

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Late { cpus, name, reservation, asked, response, horizon, ahead } => {
                let late = Late { cpus, name, reservation: *reservation, asked: *asked, ahead };
                late.write(f, *response, *horizon)
            }
            Reason::HostSumExceeded { adds, sum, holders } => {
                let HostSum { limit, left, .. } = sum;
                write!(
                    f,
                    "the kernel adds up the real-time groups of all CPUs and allows {limit} of \
                     one{}",
                    needed(held_by(holders, sum), *left, *adds)
                )
            }
            Reason::CpuSumExceeded { cpus, adds, limit, foreign, left, holders } => {
                let outranked = match foreign.as_ppb() {
                    0 => String::new(),
                    _ => format!(" and, {foreign}, for what outranks them"),
                };
                write!(
                    f,
                    "{}: capsules may have {limit} of a CPU, the rest stays for best \
                     effort{outranked}{}",
                    title(cpus),
                    needed(holders_in_words(holders), *left, *adds)
                )
            }
            Reason::NoBandLeft { capsules_max } => write!(
                f,
                "every capsule needs a band of real-time priorities of its own, and all \
                 {capsules_max} are taken"
            ),
            Reason::ParentExceeded { parent, reservation, needed, left: None } => write!(
                f,
                "the children of '{parent}' need {needed} every {}; {} would not hold them",
                reservation.period(),
                reservation.budget()
            ),
            Reason::ParentExceeded { parent, reservation, left: Some(left), .. } => write!(
                f,
                "its parent '{parent}' holds {reservation}, of which its children leave {left}"
            ),
            Reason::QuotaOutOfRange { budget_min, period_max, .. } => write!(
                f,
                "the kernel accepts quotas of at least {budget_min} over periods of at most \
                 {period_max}"
            ),
        }
    }
}

/// A late server, but for the time.
struct Late<'a> {
    cpus: &'a CpuSet,
    name: &'a CapsuleName,
    reservation: Reservation,
    asked: bool,
    ahead: &'a [CapsuleName],
}

impl Late<'_> {
    /// `CPU 0: 'b' would have its 7ms only after 19ms, 4ms past its period, because 'a' goes
    /// first`.
    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        response: Option<Span>,
        horizon: Span,
    ) -> fmt::Result {
        let (budget, period) = (self.reservation.budget(), self.reservation.period());
        write!(f, "{}: '{}'", title(self.cpus), self.name)?;
        if !self.asked {
            write!(f, ", which holds {},", self.reservation)?;
        }
        match response {
            Some(response) => write!(
                f,
                " would have its {budget} only after {response}, {} past its period",
                response.saturating_sub(period)
            )?,
            None => write!(f, " could wait more than {horizon} for its {budget}")?,
        }
        if !self.ahead.is_empty() {
            let go = if self.ahead.len() == 1 { "goes" } else { "go" };
            write!(f, ", because {} {go} first", names(self.ahead))?;
        }
        Ok(())
    }
}

/// `'a' holds 40 % on CPU 1, 'b' holds 30 % on CPU 0, groups that are no capsules hold 10 %; `
fn held_by(holders: &[HostHolder], sum: &HostSum) -> String {
    let parts =
        holders.iter().map(|h| format!("'{}' holds {} on {}", h.name, h.bandwidth, title(&h.cpus)));
    let foreign = (sum.foreign.as_ppb() > 0)
        .then(|| format!("groups that are no capsules hold {}", sum.foreign));
    listed(parts.chain(foreign).collect())
}

/// `'a' holds 40 %, 'b' holds 30 %; `
fn holders_in_words(holders: &[HostHolder]) -> String {
    listed(holders.iter().map(|h| format!("'{}' holds {}", h.name, h.bandwidth)).collect())
}

/// `: 'a' holds 40 %; 55 % are left, this adds 60 %`, or where nobody holds anything `, and this
/// needs 100 %`.
fn needed(held: String, left: Bandwidth, adds: Bandwidth) -> String {
    match held.is_empty() {
        true => format!(", and this needs {adds}"),
        false => format!(": {held}{left} are left, this adds {adds}"),
    }
}

fn listed(parts: Vec<String>) -> String {
    if parts.is_empty() { String::new() } else { format!("{}; ", parts.join(", ")) }
}
