// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole subtrees of control groups in a capsule.
//!
//! The scheduler looks up the nearest claimed ancestor when a thread is born in a group or moved into
//! one; so a claim comes first, and then who was there before is placed. A thread that was put into a
//! capsule by itself stays what it is.

use std::path::Path;

use evenkeel_kernel::Tid;
use evenkeel_kernel::cgroup::{Cgroup, CgroupError, Quota, membership};
use evenkeel_model::{CapsuleName, CpuSet, Reservation, Role, Span};

use super::control::{Place, Slot};
use super::enforcer::{OUTSIDE, ScxEnforcer, level};
use super::error::ScxError;
use super::intf;
use super::object::Loaded;
use super::running;
use crate::quota::FALLBACK_WEIGHT;
use crate::{Claim, ClaimedGroup, Enforcer as _, EnforcerError};

/// Levels of groups that the scheduler looks at (GROUP_LEVELS of place.bpf.h).
const GROUP_LEVELS: usize = 32;
/// Most groups that are looked at below one: hosts have hundreds.
const GROUPS_MAX: usize = 8192;
/// What a group has that nobody has given anything: the kernel's defaults.
const QUOTA_NONE: Quota = Quota { quota: None, period: Span::from_ms(100) };
const WEIGHT_ORDINARY: u64 = 100;

impl ScxEnforcer {
    fn group(&self, path: &str) -> Option<Cgroup> {
        let root = self.groups.as_ref()?;
        Some(Cgroup::at(root.join(path.trim_start_matches('/'))))
    }

    /// The group, if it is still the one that was claimed.
    fn same_group(&self, claimed: &ClaimedGroup) -> Option<Cgroup> {
        let group = self.group(&claimed.path)?;
        group.number().is_ok_and(|number| number == claimed.number).then_some(group)
    }

    /// Whoever is in the fallback's group is inside: also who is born there while no scheduler runs.
    pub(super) fn claim_fallback(
        &self,
        loaded: &Loaded,
        name: &CapsuleName,
        slot: Slot,
    ) -> Result<(), EnforcerError> {
        let Some(fallback) = &self.fallback else { return Ok(()) };
        let level = level(Role::Vmm);
        loaded.claim(fallback.number(name)?, Some((slot, level | intf::EK_CLAIM_KEEPS)))?;
        for tid in fallback.members(name)? {
            self.place_by_group(loaded, tid, Place { slot, level, by_group: true })?;
        }
        Ok(())
    }

    pub(super) fn take_subtree(
        &self,
        name: &CapsuleName,
        claim: &Claim,
        quota: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<(), EnforcerError> {
        let loaded = running::load()?;
        let slot = self.slot(&loaded, name)?;
        for path in &claim.enabled {
            let Some(group) = self.group(path) else { continue };
            match group.write("cgroup.subtree_control", "+cpu") {
                Err(error) if !error.is_gone() => return Err(error.into()),
                _ => {}
            }
        }
        for claimed in claim.groups.iter().filter(|claimed| self.same_group(claimed).is_some()) {
            loaded.claim(claimed.number, Some((slot, level(claimed.role))))?;
        }
        for claimed in &claim.groups {
            let level = level(claimed.role);
            self.place_below(&loaded, claimed, Place { slot, level, by_group: true })?;
        }
        let top = claim.groups.iter().find(|group| group.path == claim.path);
        if let (Some(top), Some(quota)) = (top.and_then(|top| self.same_group(top)), quota) {
            // Version 2: the controller is on above, so that both files are there.
            FALLBACK_WEIGHT.give(&top, quota, cpus)?;
        }
        Ok(())
    }

    pub(super) fn leave_subtree(&self, claim: &Claim) -> Result<Vec<String>, EnforcerError> {
        if let Some(known) = self.known()? {
            for claimed in &claim.groups {
                known.claim(claimed.number, None)?;
            }
            // A claim further up, of the capsule that this one is nested in, has them now.
            let above = self.group(&claim.path).map(|top| self.nearest_claim(&known, top.path()));
            let place = above.transpose()?.flatten();
            let place =
                place.map_or(OUTSIDE, |(slot, level)| Place { slot, level, by_group: true });
            for claimed in &claim.groups {
                self.place_below(&known, claimed, place)?;
            }
        }
        let mut notes = Vec::new();
        let mut given_back = |done: Result<(), CgroupError>| match done {
            Err(error) if !error.is_gone() => notes.push(error.to_string()),
            _ => {}
        };
        let top = claim.groups.iter().find(|group| group.path == claim.path);
        if let Some(top) = top.and_then(|top| self.same_group(top)) {
            given_back(top.set_quota(claim.quota.unwrap_or(QUOTA_NONE)));
            given_back(top.set_weight(claim.weight.unwrap_or(WEIGHT_ORDINARY)));
        }
        for path in claim.enabled.iter().rev() {
            let Some(group) = self.group(path) else { continue };
            if self.is_claimed_below(&group)? {
                // Another VM's groups are not seen without it; it stays on.
                continue;
            }
            given_back(group.write("cgroup.subtree_control", "-cpu"));
        }
        Ok(notes)
    }

    /// Whether anybody has claimed a group below; groups that nobody can have counted are claimed.
    fn is_claimed_below(&self, top: &Cgroup) -> Result<bool, EnforcerError> {
        let Some(known) = self.known()? else { return Ok(false) };
        let mut groups = vec![top.clone()];
        for _ in 0..GROUPS_MAX {
            let Some(group) = groups.pop() else { return Ok(false) };
            let below = match group.subgroups() {
                Ok(below) => below,
                Err(error) if error.is_gone() => continue,
                Err(error) => return Err(error.into()),
            };
            for group in &below {
                let Ok(number) = group.number() else { continue };
                if known.claimed(number)?.is_some() {
                    return Ok(true);
                }
            }
            groups.extend(below);
        }
        Ok(true)
    }

    /// Places those whose nearest claimed group is `claimed`. Who is inside by itself stays what it is.
    fn place_below(
        &self,
        loaded: &Loaded,
        claimed: &ClaimedGroup,
        place: Place,
    ) -> Result<(), EnforcerError> {
        let Some(top) = self.same_group(claimed) else { return Ok(()) };
        let mut groups = vec![top];
        while let Some(group) = groups.pop() {
            let inside = group.threads().and_then(|tids| Ok((tids, group.subgroups()?)));
            let (threads, below) = match inside {
                Ok(inside) => inside,
                Err(error) if error.is_gone() => continue,
                Err(error) => return Err(error.into()),
            };
            for tid in threads {
                self.place_by_group(loaded, tid, place)?;
            }
            for group in below {
                // What is claimed, by this claim or by another capsule, is that claim's affair.
                let number = group.number();
                if number.is_ok_and(|number| matches!(loaded.claimed(number), Ok(None))) {
                    groups.push(group);
                }
            }
        }
        Ok(())
    }

    fn place_by_group(&self, loaded: &Loaded, tid: Tid, place: Place) -> Result<(), EnforcerError> {
        let is_explicit = match loaded.query(tid) {
            Ok(now) => now.is_some_and(|now| !now.by_group),
            Err(ScxError::NoThread(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if is_explicit {
            return Ok(());
        }
        match loaded.place(tid, place) {
            Ok(()) | Err(ScxError::NoThread(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the capsule has claimed the subtree that the thread is in.
    pub(super) fn is_claimed(&self, name: &CapsuleName, tid: Tid) -> Result<bool, EnforcerError> {
        let (Some(known), Some(root)) = (self.known()?, &self.groups) else { return Ok(false) };
        let slot = self.slot(&known, name)?;
        let groups = membership(tid)?;
        let mine = groups.iter().find(|group| group.hierarchy_id == 0);
        let path = mine.map(|mine| root.join(mine.path.trim_start_matches('/')));
        let nearest = path.map(|path| self.nearest_claim(&known, &path)).transpose()?.flatten();
        Ok(nearest.is_some_and(|(owner, _)| owner == slot))
    }

    /// The claim that decides about whoever is in the group at `path`.
    fn nearest_claim(
        &self,
        known: &Loaded,
        path: &Path,
    ) -> Result<Option<(Slot, u32)>, EnforcerError> {
        let is_below = |path: &&Path| self.groups.as_deref().is_some_and(|root| *path != root);
        for group in path.ancestors().take(GROUP_LEVELS).take_while(is_below) {
            let Ok(number) = Cgroup::at(group).number() else { continue };
            if let Some(found) = known.claimed(number)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    pub(super) fn subtree_discrepancy(
        &self,
        name: &CapsuleName,
        claim: &Claim,
    ) -> Result<Option<String>, EnforcerError> {
        let Some(known) = self.known()? else { return Ok(None) };
        let slot = self.slot(&known, name)?;
        for claimed in &claim.groups {
            if self.same_group(claimed).is_none() {
                continue;
            }
            let owner = known.claimed(claimed.number)?;
            if owner != Some((slot, level(claimed.role))) {
                let path = &claimed.path;
                return Ok(Some(format!("control group {path} is not inside any more")));
            }
        }
        Ok(None)
    }
}
