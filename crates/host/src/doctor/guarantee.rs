// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each enforcer guarantees on this host, in a sentence.

use evenkeel_model::{EnforcerKind, Span};
use evenkeel_sched::ScxError;
use evenkeel_sched::scx::running::{self, Running};
use serde::Serialize;

use super::Finding;
use super::rt_ceiling::RtBudget;
use super::rt_groups::Layout;

/// What one enforcer guarantees here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guarantee {
    /// Which enforcer.
    pub enforcer: EnforcerKind,
    /// Whether it can work on this host.
    pub available: bool,
    /// Whether it gives a guarantee at all, where it works.
    pub hard: bool,
    /// The sentence.
    pub says: String,
}

/// One entry an enforcer, strongest first.
pub(super) fn summarise(
    layout: &Layout,
    budget: Option<&RtBudget>,
    tick: Option<Span>,
) -> Vec<Guarantee> {
    vec![scx(&running::look()), rtgroup(layout, budget, tick), quota(layout)]
}

/// What `--enforcer auto` comes to here, and why. Capsules that there are decide: real-time groups run
/// before everything in sched_ext, so that a mixture serves neither well.
pub(super) fn choice(guarantees: &[Guarantee], in_use: Option<EnforcerKind>) -> Finding {
    const ID: &str = "enforcer-choice";
    if let Some(kind) = in_use {
        let why = "Capsules of it exist, and a mixture of enforcers would serve neither well.";
        return Finding::info(ID, format!("--enforcer auto takes {kind}"), why);
    }
    let refused = |guarantee: &&Guarantee| guarantee.hard && !guarantee.available;
    let why: Vec<String> = guarantees
        .iter()
        .take_while(|guarantee| !(guarantee.hard && guarantee.available))
        .filter(refused)
        .map(|guarantee| format!("no {}: {}", guarantee.enforcer, guarantee.says))
        .collect();
    match guarantees.iter().find(|guarantee| guarantee.hard && guarantee.available) {
        Some(best) if why.is_empty() => {
            Finding::ok(ID, format!("--enforcer auto takes {}", best.enforcer))
        }
        Some(best) => {
            Finding::info(ID, format!("--enforcer auto takes {}", best.enforcer), why.join("; "))
        }
        None => Finding::info(ID, "--enforcer auto is refused", why.join("; "))
            .with_fix("--enforcer quota is a cap without a guarantee, by name only"),
    }
}

fn scx(found: &Result<Running, ScxError>) -> Guarantee {
    let hard = "a budget in every period on each CPU and no more, to within some microseconds that \
                the next period repays; earliest deadline first";
    let (available, says) = match found {
        Ok(Running::Ours) => (true, format!("{hard}; our scheduler runs")),
        Ok(Running::Nothing) => {
            (true, format!("{hard}; our scheduler is loaded with the first capsule"))
        }
        Ok(Running::Foreign(name)) => (
            false,
            format!("the sched_ext scheduler '{name}' is loaded, whose place we do not take"),
        ),
        Ok(Running::Impossible(why)) => (false, why.clone()),
        Err(error) => (false, error.to_string()),
    };
    Guarantee { enforcer: EnforcerKind::Scx, available, hard: true, says }
}

fn rtgroup(layout: &Layout, budget: Option<&RtBudget>, tick: Option<Span>) -> Guarantee {
    let allowed = budget.is_some_and(|budget| budget.ceiling_ppb.as_ppb() > 0);
    let available = layout.usable().is_some() && allowed;
    let says = match budget.filter(|_| available) {
        Some(budget) => format!(
            "a budget in every period and no more{}; {} of a CPU is left to reserve",
            tick.map_or_else(String::new, |tick| format!(
                ", to within a tick of {tick} that the next period repays"
            )),
            budget.left_ppb
        ),
        None if layout.usable().is_some() => "real-time work is forbidden on this host".to_owned(),
        None => layout.missing.clone(),
    };
    Guarantee { enforcer: EnforcerKind::Rtgroup, available, hard: true, says }
}

fn quota(layout: &Layout) -> Guarantee {
    let says = match &layout.quota {
        Some(_) => "a cap and a weight, no guarantee; kernel threads (NAPI, vhost) escape it on \
                    Linux 6.18 and later"
            .to_owned(),
        None => "no hierarchy with the cpu controller is mounted".to_owned(),
    };
    Guarantee {
        enforcer: EnforcerKind::Quota,
        available: layout.quota.is_some(),
        hard: false,
        says,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_explained() {
        let one = |enforcer, available, hard| Guarantee {
            enforcer,
            available,
            hard,
            says: format!("{enforcer} says"),
        };
        let host = |scx, rtgroup| {
            [
                one(EnforcerKind::Scx, scx, true),
                one(EnforcerKind::Rtgroup, rtgroup, true),
                one(EnforcerKind::Quota, true, false),
            ]
        };
        assert!(choice(&host(true, true), None).what.ends_with("takes scx"));
        let second = choice(&host(false, true), None);
        assert!(second.what.ends_with("takes rtgroup"), "{}", second.what);
        assert_eq!(second.why, "no scx: scx says");
        let none = choice(&host(false, false), None);
        assert!(none.what.ends_with("is refused"), "{}", none.what);
        assert_eq!(none.why, "no scx: scx says; no rtgroup: rtgroup says");
        let used = choice(&host(true, true), Some(EnforcerKind::Rtgroup));
        assert!(used.what.ends_with("takes rtgroup"), "{}", used.what);
    }
}
