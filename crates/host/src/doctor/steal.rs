// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time that a hypervisor below this host took away while it was watched.

use evenkeel_model::{Bandwidth, Span};

use super::Finding;
use super::watch::Watch;

const ID: &str = "steal";

/// More than this part of all CPU time stolen weakens a guarantee of per cents: the same bound
/// beyond which the lab calls a run disturbed.
const STEAL_MAX: Bandwidth = Bandwidth::from_ppb(10_000_000);

/// Judges what was watched.
pub(super) fn check(watch: &Watch) -> Option<Finding> {
    let (stolen, all) = watch.stolen.filter(|(_, all)| *all > Span::ZERO)?;
    Some(judge(Bandwidth::of(stolen, all), watch.window))
}

fn judge(share: Bandwidth, window: Span) -> Finding {
    if share <= STEAL_MAX {
        return Finding::ok(ID, format!("{share} of CPU time was stolen in {window}"));
    }
    Finding::warning(
        ID,
        format!("{share} of CPU time was stolen in {window}"),
        "This host is itself a virtual machine, and the hypervisor below takes time that capsules \
         were promised.",
    )
    .with_fix("reserve CPUs for this host on the hypervisor below")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn one_per_cent_is_the_bound() {
        let window = Span::from_ms(300);
        assert_eq!(judge(Bandwidth::from_ppb(10_000_000), window).severity, Severity::Ok);
        assert_eq!(judge(Bandwidth::from_ppb(10_000_001), window).severity, Severity::Warning);
    }

    #[test]
    fn nothing_watched_is_nothing_said() {
        assert_eq!(check(&Watch::default()), None);
    }
}
