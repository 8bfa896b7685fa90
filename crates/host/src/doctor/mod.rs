// SPDX-License-Identifier: MIT OR Apache-2.0
//! The doctor: what this host can guarantee, and what is in the way, with the fix.
//!
//! One file a check. Each gathers what it needs from `evenkeel-kernel` and hands it to a pure
//! function that judges, so that hosts which nobody has at hand are tested as data. Nothing here
//! changes anything; what may not be read is said, not guessed.

mod bridge_netfilter;
mod capsules;
mod finding;
mod foreign_rt;
mod governor;
mod guarantee;
mod host_facts;
mod irq_time;
mod lab_leftovers;
mod napi;
mod preemption;
mod privileges;
mod rr_timeslice;
mod rt_ceiling;
mod rt_groups;
mod rt_runtime_share;
mod sched_ext;
mod smt;
mod steal;
mod swap;
mod tick;
mod virtualisation;
mod watch;
mod words;

use evenkeel_kernel::facts::KernelConfig;
use evenkeel_model::Span;
use serde::Serialize;

pub use finding::{Finding, Severity};
pub use guarantee::Guarantee;
pub use host_facts::HostFacts;
pub use rt_ceiling::RtBudget;

/// How long [`doctor`] watches. A thread's CPU time is brought up to date at least once a tick
/// (10 ms at the slowest, HZ=100): over 300 ms its share is right to about 3 %, well below the
/// threshold of `foreign_rt`, and a person hardly notices the wait.
pub const WINDOW: Span = Span::from_ms(300);

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct DoctorReport {
    /// The host, and how long it was watched.
    pub host: HostFacts,
    /// What each enforcer guarantees here.
    pub guarantees: Vec<Guarantee>,
    /// Real-time bandwidth: the ceiling, who holds it, what is left; absent without RT groups.
    pub rt_budget: Option<RtBudget>,
    /// Everything worth saying, in the order of the checks.
    pub findings: Vec<Finding>,
}

impl DoctorReport {
    /// Whether some enforcer gives a guarantee here.
    pub fn can_guarantee(&self) -> bool {
        self.guarantees.iter().any(|guarantee| guarantee.available && guarantee.hard)
    }

    /// Whether a guarantee can be given and nothing violates it.
    pub fn is_sound(&self) -> bool {
        let violated = |finding: &Finding| finding.severity == Severity::Problem;
        self.can_guarantee() && !self.findings.iter().any(violated)
    }
}

/// Examines this host for [`WINDOW`].
pub fn doctor() -> DoctorReport {
    examine(WINDOW)
}

/// Examines this host, watching its real-time threads and stolen time for `window`.
pub fn examine(window: Span) -> DoctorReport {
    let mut findings = Vec::new();
    let host = host_facts::gather(window);
    let watch = watch::watch(window);

    let config = KernelConfig::load();
    let config = config.as_ref();

    findings.extend(privileges::check(host.root));
    let layout = rt_groups::check(config, &mut findings);
    findings.push(tick::check(host.tick_ns));
    let rt_budget = rt_ceiling::check(layout.usable(), &mut findings);
    findings.extend(rt_runtime_share::check());
    findings.extend(rr_timeslice::check());
    findings.extend(foreign_rt::check(&watch, layout.usable()));
    findings.extend(capsules::check());
    findings.extend(lab_leftovers::check(layout.usable()));
    findings.push(sched_ext::check());
    findings.push(irq_time::check(config));
    findings.extend(napi::check());
    findings.extend(bridge_netfilter::check());
    findings.extend(virtualisation::check());
    findings.extend(steal::check(&watch));
    findings.extend(smt::check(&host.online_cpus));
    findings.extend(governor::check(&host.online_cpus));
    findings.extend(preemption::check());
    findings.extend(swap::check());

    let guarantees = guarantee::summarise(&layout, rt_budget.as_ref(), host.tick_ns);
    findings.push(guarantee::choice(&guarantees, capsules::in_use()));
    DoctorReport { host, guarantees, rt_budget, findings }
}
