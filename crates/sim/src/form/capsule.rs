// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keys that a capsule has in every file: name, budget, period, cpus, parent.

use evenkeel_model::{CapsuleName, CpuSet, Reservation, Span};

use super::{Form, FormError};

/// A capsule as every file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapsuleForm {
    /// `name`.
    pub name: CapsuleName,
    /// `budget` and `period`, a unit required.
    pub reservation: Reservation,
    /// `cpus`, the list form.
    pub cpus: CpuSet,
    /// `parent`: the capsule whose reservation its own comes out of.
    pub parent: Option<CapsuleName>,
}

/// Takes `name`, `budget`, `period`, `cpus` and `parent` out of a table.
///
/// # Errors
/// If one is missing or wrong, or budget and period make no reservation.
pub fn take_capsule(form: &mut Form<'_>) -> Result<CapsuleForm, FormError> {
    let name = form.required("name")?;
    let (budget, period): (Span, Span) = (form.required("budget")?, form.required("period")?);
    let reservation = reservation(form, budget, period)?;
    let (cpus, parent) = (form.required("cpus")?, form.optional("parent")?);
    Ok(CapsuleForm { name, reservation, cpus, parent })
}

/// `budget` every `period`, an error at the key that is to blame.
pub(crate) fn reservation(
    form: &Form<'_>,
    budget: Span,
    period: Span,
) -> Result<Reservation, FormError> {
    use evenkeel_model::ReservationError as Error;
    Reservation::new(budget, period).map_err(|error| {
        let key = match error {
            Error::ZeroPeriod | Error::PeriodOutOfRange(_) => "period",
            Error::ZeroBudget | Error::BudgetAbovePeriod { .. } => "budget",
        };
        form.error_at(key, error.to_string())
    })
}
