// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order of a change: which steps lead from one set of capsules to another such that every
//! capsule that is not being changed keeps its guarantee at every moment.
//!
//! Words: the *subject* is the capsule that is created, changed or deleted. `R` stands for its
//! reservation, `C` for its CPUs, `B` for its band; a prime marks what they become.
//!
//! Admission has shown that everyone else is safe beside (R, C, B) and beside (R', C', B'). In
//! between:
//!
//! 1. A subject whose period grows *sinks* first: (R, C, B') disturbs the capsules it sinks below
//!    no more and everyone else as before.
//! 2. Reservations shrink to the *weak* one, (min(Q, Q'), max(P, P')): no more than R at any
//!    moment, so the old test covers it on C, and no more than R', so the new test covers it on C'.
//!    This holds for the subject and for a parent whose own part changes with it.
//! 3. The CPUs change from C to C' under the weak reservation.
//! 4. Reservations grow from the weak one to R': the new test covers it. Where a subject is to
//!    rise it is still in its low band B, where it disturbs fewer than the new test allows for.
//! 5. A subject whose period shrinks *rises* last.
//!
//! The kernel's own rule (the groups' bandwidths sum to at most their parent's) holds at every
//! prefix for the same reason: sums fall in 2 and rise in 4 to what admission has accepted.
//! Room for a band is made by moves that keep the order of all capsules ([`crate::bands`]).

use evenkeel_model::{Band, CapsuleName, Reservation, Span};

use crate::bands::make_room;
use crate::plan::Step;
use crate::state::{CapsuleRecord, Capsules};

/// A capsule's place in the order of bands, lowest first: the longer period below, the later
/// created below among equals.
fn rank(record: &CapsuleRecord) -> (std::cmp::Reverse<Span>, std::cmp::Reverse<u64>) {
    (std::cmp::Reverse(record.reservation.period()), std::cmp::Reverse(record.sequence))
}

/// The bands in use, lowest first.
fn layout(capsules: &Capsules) -> Vec<(CapsuleName, Band)> {
    let mut layout: Vec<_> = capsules
        .iter()
        .filter_map(|(name, record)| record.band.map(|band| (name.clone(), band)))
        .collect();
    layout.sort_by_key(|(_, band)| *band);
    layout
}

/// The steps that make room at `position` of `layout`, carried out on `capsules` and `layout`, and
/// the band that is free then. `None` where all bands are in use.
fn room_at(
    capsules: &mut Capsules,
    layout: &mut [(CapsuleName, Band)],
    position: usize,
) -> Option<(Vec<Step>, Band)> {
    let bands: Vec<Band> = layout.iter().map(|(_, band)| *band).collect();
    let room = make_room(&bands, position)?;
    let mut steps = Vec::with_capacity(room.moves.len());
    for (i, before, after) in room.moves {
        let (capsule, band) = &mut layout[i];
        *band = after;
        if let Some(record) = capsules.get_mut(capsule) {
            record.band = Some(after);
        }
        steps.push(Step::Reband { capsule: capsule.clone(), before, after });
    }
    Some((steps, room.band))
}

/// Gives the newcomer `name`, which is in `capsules` without a band, its band. The steps are those
/// of the others that make room. `None` where all bands are in use.
pub fn band_for_new(capsules: &mut Capsules, name: &CapsuleName) -> Option<Vec<Step>> {
    let mut layout = layout(capsules);
    let newcomer = rank(&capsules[name]);
    let position = layout.iter().filter(|(other, _)| rank(&capsules[other]) < newcomer).count();
    let (steps, band) = room_at(capsules, &mut layout, position)?;
    capsules.get_mut(name)?.band = Some(band);
    Some(steps)
}

/// Where a subject's new place in the order lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Stay,
    Sink,
    Rise,
}

/// Moves `subject`, whose record in `capsules` has its new period and its old band, to the band
/// that its period demands. `None` where all bands are in use.
fn reorder(capsules: &mut Capsules, subject: &CapsuleName) -> Option<(Turn, Vec<Step>)> {
    let mut layout = layout(capsules);
    let Some(now) = layout.iter().position(|(name, _)| name == subject) else {
        return Some((Turn::Stay, Vec::new()));
    };
    let mine = rank(&capsules[subject]);
    let is_below = |other: &CapsuleName| other != subject && rank(&capsules[other]) < mine;
    // Its index once it has moved, counted among the others.
    let then = layout.iter().filter(|(other, _)| is_below(other)).count();
    let (turn, position) = match then.cmp(&now) {
        std::cmp::Ordering::Equal => return Some((Turn::Stay, Vec::new())),
        std::cmp::Ordering::Less => (Turn::Sink, then),
        // Its own entry stands below its new place and counts.
        std::cmp::Ordering::Greater => (Turn::Rise, then + 1),
    };
    let (mut steps, after) = room_at(capsules, &mut layout, position)?;
    let record = capsules.get_mut(subject)?;
    let before = record.band.replace(after)?;
    steps.push(Step::Reband { capsule: subject.clone(), before, after });
    Some((turn, steps))
}

/// The reservation that is no more than either: both may be followed or preceded by it.
fn weak(before: Reservation, after: Reservation) -> Reservation {
    let budget = before.budget().min(after.budget());
    let period = before.period().max(after.period());
    Reservation::new(budget, period)
        .expect("the smaller budget fits its own period, hence the longer one")
}

/// The steps that shrink and the steps that grow the own parts that differ.
pub fn reservation_steps(before: &Capsules, after: &Capsules) -> (Vec<Step>, Vec<Step>) {
    let (mut shrink, mut grow) = (Vec::new(), Vec::new());
    for (capsule, now) in before {
        let Some(then) = after.get(capsule) else { continue };
        let between = match (now.own, then.own) {
            (Some(now), Some(then)) => Some(weak(now, then)),
            _ => None,
        };
        let step = |before, after| Step::SetReservation { capsule: capsule.clone(), before, after };
        if between != now.own {
            shrink.push(step(now.own, between));
        }
        if between != then.own {
            grow.push(step(between, then.own));
        }
    }
    (shrink, grow)
}

/// The steps from `before` to `after`, which differ in the reservation and CPUs of `subject` and
/// in the own parts that follow from it; `after` has the old bands and is given the new ones.
/// `None` where all bands are in use.
pub fn change_steps(
    before: &Capsules,
    after: &mut Capsules,
    subject: &CapsuleName,
) -> Option<Vec<Step>> {
    let (turn, reband) = reorder(after, subject)?;
    let (shrink, grow) = reservation_steps(before, after);
    let (cpus_before, cpus_after) = (&before[subject].cpus, &after[subject].cpus);
    let move_cpus = (cpus_before != cpus_after).then(|| Step::SetCpus {
        capsule: subject.clone(),
        before: cpus_before.clone(),
        after: cpus_after.clone(),
    });
    let (sink, rise) = match turn {
        Turn::Rise => (Vec::new(), reband),
        Turn::Stay | Turn::Sink => (reband, Vec::new()),
    };
    Some(sink.into_iter().chain(shrink).chain(move_cpus).chain(grow).chain(rise).collect())
}

#[cfg(test)]
mod tests;
