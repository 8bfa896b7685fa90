// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each enforcer guarantees on this host, in a sentence.

use evenkeel_model::{EnforcerKind, Span};
use evenkeel_sched::ScxError;
use evenkeel_sched::scx::running::{self, Running};
use serde::Serialize;

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
