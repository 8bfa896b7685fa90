// SPDX-License-Identifier: MIT OR Apache-2.0
//! `[[capsule]]` of a task file: what every file has of a capsule, where budget and period may be
//! left to a search, and how the tasks share the supply.

use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, Span};
use evenkeel_theory::{Scheduler, Wanted};

use super::Search;
use crate::form::{Form, FormError, Place, Scalar, reservation};

/// A capsule and where it stands.
#[derive(Debug)]
pub(super) struct CapsuleTable {
    pub name: CapsuleName,
    pub wanted: Wanted,
    pub cpus: CpuSet,
    pub parent: Option<CapsuleName>,
    pub inside: Scheduler,
    pub name_place: Place,
    pub budget_place: Place,
    pub cpus_place: Place,
    pub parent_place: Place,
}

/// A time, or the least that does.
enum Amount {
    Given(Span),
    Smallest,
}

impl Scalar for Amount {
    fn read(value: &toml::de::DeValue<'_>) -> Result<Amount, String> {
        match value {
            toml::de::DeValue::String(word) if word == "smallest" => Ok(Amount::Smallest),
            other => Span::read(other).map(Amount::Given),
        }
    }
}

/// Reads one.
pub(super) fn take(form: &mut Form<'_>, search: Search) -> Result<CapsuleTable, FormError> {
    let name = form.required("name")?;
    let (budget, period) = (form.required("budget")?, form.required("period")?);
    let wanted = match (budget, period) {
        (Amount::Given(budget), Amount::Given(period)) => {
            Wanted::Reservation(reservation(form, budget, period)?)
        }
        (Amount::Smallest, Amount::Given(period)) => {
            // The same range as that of any reservation.
            reservation(form, period, period)?;
            Wanted::Budget { period }
        }
        (Amount::Smallest, Amount::Smallest) => {
            let Search { period_min, period_max, overhead } = search;
            Wanted::Bandwidth { period_min, period_max, overhead }
        }
        (Amount::Given(_), Amount::Smallest) => {
            let what = "can be \"smallest\" only where the budget is, too";
            return Err(form.error_at("period", what));
        }
    };
    let cpus = form.optional("cpus")?.unwrap_or_else(|| CpuSet::single(CpuIndex(0)));
    let parent = form.optional("parent")?;
    let words = [("fp", Scheduler::FixedPriority), ("edf", Scheduler::Edf)];
    let inside = form.choice("inside", &words)?.unwrap_or_default();
    Ok(CapsuleTable {
        name,
        wanted,
        cpus,
        parent,
        inside,
        name_place: form.place("name"),
        budget_place: form.place("budget"),
        cpus_place: form.place("cpus"),
        parent_place: form.place("parent"),
    })
}
