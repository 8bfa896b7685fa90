// SPDX-License-Identifier: MIT OR Apache-2.0
//! The threads inside a capsule: what each does, whether it is as we set it, and setting it so.

use evenkeel_kernel::process::{self, ThreadStat};
use evenkeel_kernel::sched::{self, Policy};
use evenkeel_model::{CapsuleName, Role};
use evenkeel_sched::{Enforcer, EnforcerError, Placement};

use crate::error::HostError;
use crate::state::CapsuleRecord;

/// How often all members are gone through until none is found that has to be changed. Threads born
/// in between have their creator's settings, so that each round finds fewer; in practice the
/// second finds none. Fifty is far beyond that and still ends within a second.
pub const ROUNDS_MAX: u32 = 50;

/// What a thread inside the capsule does: by the record; a NAPI thread of one of its netdevs; by
/// the level of its priority, which a thread born inside has from its creator; else what its
/// process's first thread does, else `vmm`.
pub fn role_inside(record: &CapsuleRecord, stat: &ThreadStat) -> Result<Role, EnforcerError> {
    if let Some(known) = record.thread(stat.tid, stat.start_ticks) {
        return Ok(known.role);
    }
    let mut kthreads = record.netdevs.iter().flat_map(|netdev| &netdev.found.kthreads);
    if kthreads.any(|k| k.tid == stat.tid && k.start_ticks == stat.start_ticks) {
        return Ok(Role::Napi);
    }
    if record.band.is_some()
        && let Policy::Fifo { priority } | Policy::RoundRobin { priority } =
            sched::sched_attr(stat.tid)?.policy
        && let Some(role) = role_of_priority(priority)
    {
        return Ok(role);
    }
    let first = record.threads.iter().find(|known| known.tid == stat.pid.leader());
    Ok(first.map_or(Role::Vmm, |known| known.role))
}

/// Bands begin at multiples of the number of roles, so that the priority tells the role whatever
/// the band. `None` for 0 and for the priorities above all bands.
fn role_of_priority(priority: u8) -> Option<Role> {
    let level = priority.checked_sub(1).filter(|above| *above < 96)? % Role::COUNT;
    Role::ALL.into_iter().find(|role| role.level() == level)
}

/// Where a thread of `role` belongs in the capsule.
pub fn placement(record: &CapsuleRecord, role: Role) -> Placement {
    Placement { role, band: record.band, cpus: record.cpus.clone() }
}

/// What of the members is to be as the capsule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// The policy alone: another band does not care whether a CPU has gone offline meanwhile.
    Policy,
    /// Affinity and policy.
    All,
}

/// Asks for the capsule's CPUs for every member that keeps none of its own, also where they read as they
/// should: the kernel remembers what was asked for last (`user_cpus_ptr`), shows less of it while a CPU
/// is offline, and gives all of it back later.
pub fn ask_for_cpus(
    enforcer: &dyn Enforcer,
    name: &CapsuleName,
    record: &CapsuleRecord,
) -> Result<(), EnforcerError> {
    for tid in enforcer.members(name)? {
        let asked = enforcer.role_by_group(tid).and_then(|by_group| match by_group {
            Some(_) => Ok(()),
            None => Ok(sched::set_affinity(tid, &record.cpus)?),
        });
        match asked {
            Err(error) if !error.is_gone() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes every member as the capsule says, until a round finds nothing to do. The answer is how
/// many were changed.
pub fn conform(
    enforcer: &dyn Enforcer,
    name: &CapsuleName,
    record: &CapsuleRecord,
    aspect: Aspect,
) -> Result<usize, HostError> {
    let mut changed = 0;
    for _ in 0..ROUNDS_MAX {
        match conform_round(enforcer, name, record, aspect)? {
            0 => return Ok(changed),
            round => changed += round,
        }
    }
    let pid = enforcer.members(name)?.first().and_then(|tid| process::process_of(*tid).ok());
    match pid {
        Some(pid) => Err(HostError::NoFixpoint { pid, capsule: name.clone(), rounds: ROUNDS_MAX }),
        None => Ok(changed),
    }
}

/// One round of [`conform`]. Who is inside by his control group alone keeps his CPUs: they are his
/// manager's affair, and he gets time on those of the capsule only.
pub fn conform_round(
    enforcer: &dyn Enforcer,
    name: &CapsuleName,
    record: &CapsuleRecord,
    aspect: Aspect,
) -> Result<usize, EnforcerError> {
    let mut changed = 0;
    for tid in enforcer.members(name)? {
        let one = || -> Result<bool, EnforcerError> {
            let stat = process::stat(tid)?;
            if stat.exiting {
                return Ok(false);
            }
            let by_group = enforcer.role_by_group(tid)?;
            let aspect = if by_group.is_some() { Aspect::Policy } else { aspect };
            let role = by_group.map_or_else(|| role_inside(record, &stat), Ok)?;
            let placement = placement(record, role);
            match aspect {
                Aspect::Policy if placement.policy_drift(tid)?.is_none() => return Ok(false),
                Aspect::All if placement.drift(tid)?.is_empty() => return Ok(false),
                Aspect::Policy => placement.apply_policy(tid)?,
                Aspect::All => placement.apply(tid)?,
            }
            Ok(true)
        };
        match one() {
            Ok(was_changed) => changed += usize::from(was_changed),
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use evenkeel_model::{BANDS_MAX, Band};

    use super::*;

    #[test]
    fn a_priority_tells_the_role_in_every_band() {
        for band in (0..BANDS_MAX).filter_map(Band::new) {
            for role in Role::ALL {
                assert_eq!(role_of_priority(band.priority(role)), Some(role));
            }
        }
        for outside in [0, 97, 98, 99] {
            assert_eq!(role_of_priority(outside), None);
        }
    }
}
