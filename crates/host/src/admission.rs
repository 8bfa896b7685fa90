// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the record to the question that `theory` answers, and to the own parts that follow.

use std::collections::BTreeMap;

use evenkeel_model::{CapsuleName, EnforcerKind, Reservation, Span};
use evenkeel_theory::{
    Change, FlattenError, Held, Limits, Nested, NestedRequest, Request, Verdict, admit_quota,
    admit_rtgroup_nested, admit_scx_nested, flatten,
};

use crate::error::HostError;
use crate::state::Capsules;

/// The capsules of one backend that hold something, as `theory` sees them.
fn nested(capsules: &Capsules, kind: EnforcerKind) -> Vec<Nested> {
    let of_kind =
        capsules.iter().filter(|(_, record)| record.enforcer == kind && !record.suspended);
    of_kind.map(|(name, record)| record.nested(name)).collect()
}

/// The own part of every capsule; `None` where its children have all of it.
pub fn own_parts(
    capsules: &Capsules,
) -> Result<BTreeMap<CapsuleName, Option<Reservation>>, FlattenError> {
    let mut own: BTreeMap<CapsuleName, Option<Reservation>> =
        capsules.keys().map(|name| (name.clone(), None)).collect();
    for kind in [EnforcerKind::Scx, EnforcerKind::Rtgroup, EnforcerKind::Quota] {
        for held in flatten(&nested(capsules, kind))? {
            own.insert(held.name, Some(held.reservation));
        }
    }
    Ok(own)
}

/// Sets the own part of every capsule from the reservations.
pub fn set_own_parts(capsules: &mut Capsules) -> Result<(), FlattenError> {
    for (name, own) in own_parts(capsules)? {
        if let Some(record) = capsules.get_mut(&name) {
            record.own = own;
        }
    }
    Ok(())
}

/// May `subject` hold what `after` says? `before` is what is held now, `subject` included where
/// this is a change of it.
pub fn admit(
    before: &Capsules,
    after: &Capsules,
    subject: &CapsuleName,
    limits: &Limits,
) -> Result<Verdict, HostError> {
    let record = &after[subject];
    let existing = nested(before, record.enforcer);
    let replaces = before.get(subject).is_some_and(|record| !record.suspended);
    let verdict = match record.enforcer {
        EnforcerKind::Rtgroup => {
            let asked = NestedRequest { nested: record.nested(subject), replaces };
            admit_rtgroup_nested(&existing, &asked, limits)?
        }
        EnforcerKind::Scx => {
            let asked = NestedRequest { nested: record.nested(subject), replaces };
            admit_scx_nested(&existing, &asked, limits)?
        }
        EnforcerKind::Quota => {
            let own = own_parts(after)?.get(subject).copied().flatten();
            let held = record.held(subject, own.unwrap_or(record.reservation));
            admit_quota(
                &flat_with(&existing, &held, replaces)?,
                &Request { held, replaces },
                limits,
            )
        }
    };
    match verdict.admitted {
        true => Ok(verdict),
        false => Err(HostError::Refused(Box::new(verdict))),
    }
}

/// The caps in force. A capsule whose children have all of its quota is none of them, and must be
/// among them when it is to be changed.
fn flat_with(existing: &[Nested], asked: &Held, replaces: bool) -> Result<Vec<Held>, FlattenError> {
    let mut flat = flatten(existing)?;
    if replaces && flat.iter().all(|held| held.name != asked.name) {
        flat.push(asked.clone());
    }
    Ok(flat)
}

/// Capsules that have just lost a child of `parent`, made to fit. A parent takes back what its
/// child held only where every other capsule keeps its guarantee beside that: others may have been
/// admitted beside the child's longer period. Where they would not, the parent's reservation is
/// lowered to the most that fits, and the answer says so. Then the same is the grandparent's
/// question.
pub fn give_back(
    after: &mut Capsules,
    parent: Option<&CapsuleName>,
    limits: &Limits,
) -> Result<Vec<String>, HostError> {
    let mut notes = Vec::new();
    let mut ancestor = parent.cloned();
    while let Some(name) = ancestor {
        let Some(record) = after.get(&name).cloned() else { break };
        ancestor = record.parent.clone();
        if record.enforcer == EnforcerKind::Quota || record.suspended {
            continue;
        }
        let asked = NestedRequest { nested: record.nested(&name), replaces: true };
        let existing = nested(after, record.enforcer);
        let verdict = match record.enforcer {
            EnforcerKind::Scx => admit_scx_nested(&existing, &asked, limits)?,
            EnforcerKind::Rtgroup | EnforcerKind::Quota => {
                admit_rtgroup_nested(&existing, &asked, limits)?
            }
        };
        if verdict.admitted {
            continue;
        }
        let lowered = match largest_that_fits(&verdict) {
            Some(reservation) => Some(reservation),
            None => without_gain(after, &name)?,
        };
        let whole = record.reservation;
        let has_now = lowered.map_or("nothing".to_owned(), |lowered| lowered.to_string());
        notes.push(format!(
            "capsule '{name}' now has {has_now} instead of {whole}: others have been admitted \
             beside the child that has gone; `evenkeel capsule set {name}` asks for more"
        ));
        if let Some(record) = after.get_mut(&name) {
            record.suspended = lowered.is_none();
            record.reservation = lowered.unwrap_or(whole);
        }
    }
    Ok(notes)
}

/// What the verdict offers at the same period.
fn largest_that_fits(refused: &Verdict) -> Option<Reservation> {
    refused.smallest_change.iter().find_map(|change| match change {
        Change::LowerBudget { reservation } => Some(*reservation),
        _ => None,
    })
}

/// The reservation of `name` with which its own part stays what it was before the child went;
/// `None` where that is nothing at all.
fn without_gain(after: &Capsules, name: &CapsuleName) -> Result<Option<Reservation>, HostError> {
    let record = &after[name];
    let grown = own_parts(after)?.get(name).copied().flatten();
    let budget = |own: Option<Reservation>| own.map_or(Span::ZERO, Reservation::budget);
    let gain = budget(grown).saturating_sub(budget(record.own));
    let left = record.reservation.budget().saturating_sub(gain);
    Ok(Reservation::new(left, record.reservation.period()).ok())
}
