// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making good, before a change, what was lost since the last one.
//!
//! Our scheduler can leave the kernel (an error, SysRq-S), be of another build than this program's, or
//! lose its maps (somebody removed them, or they have another layout and are of no use to us). It is
//! loaded again, and what its maps do not hold is made again from the record: reservations, subtrees,
//! and threads; those born inside are found in the capsule's groups. What cannot be made good is told
//! and stands in the way of nothing.

use evenkeel_kernel::Tid;
use evenkeel_model::{CapsuleName, EnforcerKind, Role};
use evenkeel_sched::Enforcer;

use crate::apply::is_same;
use crate::error::HostError;
use crate::host::{Host, Outcome};
use crate::members::placement;
use crate::state::{CapsuleRecord, State};

/// Called under the lock.
pub fn revive(host: &Host, state: &State, outcome: &mut Outcome) {
    let ours = || state.capsules.iter().filter(|(_, c)| c.enforcer == EnforcerKind::Scx);
    if ours().next().is_none() {
        return;
    }
    let enforcer = match host.enforcer(EnforcerKind::Scx) {
        Ok(enforcer) => enforcer,
        Err(error) => return outcome.notes.push(error.to_string()),
    };
    match enforcer.revive() {
        Ok(told) => outcome.notes.extend(told),
        Err(error) => {
            outcome.notes.push(format!("our scheduler could not be loaded again: {error}"));
            return;
        }
    }
    let lost = ours().filter(|(name, _)| !enforcer.exists(name) && !state.is_half_done(name));
    for (name, record) in lost {
        outcome.notes.push(match make_again(&*enforcer, name, record) {
            Ok(()) => format!("capsule '{name}' was lost: it has been made again from the record"),
            Err(error) => format!("capsule '{name}' is lost, and cannot be made again: {error}"),
        });
    }
}

/// A capsule as it is on record, with whoever is in its groups.
fn make_again(
    enforcer: &dyn Enforcer,
    name: &CapsuleName,
    record: &CapsuleRecord,
) -> Result<(), HostError> {
    enforcer.create(name, record.own, &record.cpus)?;
    for claim in record.subtrees() {
        enforcer.claim(name, claim, record.own, &record.cpus)?;
    }
    let threads = record.threads.iter().filter(|known| is_same(known));
    let threads = threads.map(|known| (known.tid, known.role));
    let kthreads = record.netdevs.iter().flat_map(|netdev| &netdev.found.kthreads);
    let napi = kthreads.map(|known| (known.tid, Role::Napi));
    let inside: Vec<(Tid, Role)> = threads.chain(napi).collect();
    for (tid, role) in inside {
        match enforcer.adopt(name, tid, &placement(record, role)) {
            Err(error) if !error.is_gone() => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
