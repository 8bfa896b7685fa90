// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which control groups are a VM's own, so that its capsule can have them whole.
//!
//! Managers of VMs put each into a subtree: libvirt into `machine-qemu-N-NAME.scope`, with groups
//! `libvirt/emulator`, `libvirt/vcpuN` and `libvirt/iothreadN` below, systemd into a scope or a service.
//! The subtree is the smallest that holds all threads of the VM, and where that lies in a scope or a
//! service, all of this one. It is never the root, never a slice (slices hold what others will start),
//! and never one in which anybody else is.

use std::collections::BTreeSet;
use std::path::Path;

use evenkeel_kernel::cgroup::{Cgroup, CgroupError, membership};
use evenkeel_kernel::process::{self, ProcessId};
use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::Role;
use evenkeel_sched::{Claim, ClaimedGroup, GROUP_PREFIX};
use evenkeel_vm::{Vm, VmThread};

use crate::error::HostError;

/// Most groups of one VM: libvirt makes one for each virtual CPU and I/O thread, and QEMU has at most
/// 4096 of the former; the scheduler holds as many claims in all.
const GROUPS_MAX: usize = 1024;

/// What came of looking for a VM's own subtree.
#[derive(Debug)]
pub enum Found {
    /// It has one.
    Own(Claim),
    /// It has none; why, where that is worth saying.
    None(Option<String>),
}

/// The subtree of `vm`, as it is now. Of one that is `known` the capsule has had the groups since: who
/// is in them is inside by right, and what they were before is what is on record.
pub fn find(root: &Path, vm: &Vm, known: Option<&Claim>) -> Result<Found, HostError> {
    if let Some(known) = known {
        return Ok(match groups_below(root, &known.path)? {
            Some(groups) => {
                Found::Own(as_known(claim_of(root, known.path.clone(), groups)?, known))
            }
            None => Found::None(None),
        });
    }
    let Some(smallest) = smallest(vm) else { return Ok(Found::None(None)) };
    let mut strangers = None;
    for path in candidates(&smallest) {
        let Some(groups) = groups_below(root, &path)? else { continue };
        match stranger(root, &groups, vm)? {
            None => return claim_of(root, path, groups).map(Found::Own),
            Some(pid) => strangers = strangers.or(Some((path, pid))),
        }
    }
    Ok(Found::None(strangers.map(|(path, pid)| {
        format!(
            "control group {path} holds others, too (process {pid}): the threads of {} are taken in \
             one by one, and what is moved into the group later is not",
            vm.label
        )
    })))
}

/// Gives threads that nothing else identifies the role of their control group.
pub fn tell_roles<'a>(claims: impl Iterator<Item = &'a Claim> + Clone, threads: &mut [VmThread]) {
    for thread in threads.iter_mut().filter(|thread| !thread.recognised) {
        let Some(path) = path_of(thread.tid) else { continue };
        let groups = claims.clone().filter_map(|claim| claim.nearest(&path));
        // Its topmost group says nothing of a thread.
        if let Some(group) = groups.max_by_key(|group| group.path.len())
            && role_of_name(&group.path).is_some()
        {
            thread.role = group.role;
            thread.evidence = format!("control group {}", group.path);
            thread.recognised = true;
        }
    }
}

/// A thread's group in version 2.
pub fn path_of(tid: Tid) -> Option<String> {
    let groups = membership(tid).ok()?;
    groups.into_iter().find(|group| group.hierarchy_id == 0).map(|group| group.path)
}

/// The deepest group that holds every thread of the VM's processes.
fn smallest(vm: &Vm) -> Option<String> {
    let threads = vm.threads.iter().filter(|thread| !thread.kernel_thread);
    let mut paths = threads.filter_map(|thread| path_of(thread.tid));
    let first = paths.next()?;
    let common = paths.fold(first, |common, path| {
        let same = common.split('/').zip(path.split('/')).take_while(|(a, b)| a == b);
        same.map(|(part, _)| part).collect::<Vec<_>>().join("/")
    });
    is_claimable(&common).then_some(common)
}

/// The scope or service that `smallest` lies in, if any, then itself.
fn candidates(smallest: &str) -> Vec<String> {
    let is_unit =
        |path: &&Path| path.extension().is_some_and(|kind| kind == "scope" || kind == "service");
    let unit = Path::new(smallest).ancestors().find(is_unit);
    let unit = unit.map(|path| path.display().to_string()).filter(|path| path != smallest);
    unit.into_iter().chain([smallest.to_owned()]).collect()
}

/// Neither the root, nor a slice, nor a group of ours.
fn is_claimable(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    !last.is_empty()
        && !last.ends_with(".slice")
        && !path.trim_start_matches('/').starts_with(GROUP_PREFIX)
        && !path.ends_with(" (deleted)")
}

/// The paths of a group and those below, outermost first; `None` where it has gone, or has more than
/// a VM can have.
fn groups_below(root: &Path, top: &str) -> Result<Option<Vec<String>>, HostError> {
    let mut found = vec![top.to_owned()];
    let mut next = 0;
    while let Some(path) = found.get(next).cloned() {
        next += 1;
        match at(root, &path).subgroups() {
            Ok(below) => {
                let name = |group: &Cgroup| {
                    let name = group.path().file_name()?.to_str()?;
                    Some(format!("{path}/{name}"))
                };
                found.extend(below.iter().filter_map(name));
            }
            Err(error) if CgroupError::is_gone(&error) && next > 1 => {}
            Err(error) if CgroupError::is_gone(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        if found.len() > GROUPS_MAX {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// A process in one of `groups` that is not the VM's.
fn stranger(root: &Path, groups: &[String], vm: &Vm) -> Result<Option<Pid>, HostError> {
    let pids: BTreeSet<Pid> = vm.processes.iter().map(|id: &ProcessId| id.pid).collect();
    let tids: BTreeSet<Tid> = vm.threads.iter().map(|thread| thread.tid).collect();
    for path in groups {
        let inside = match at(root, path).threads() {
            Ok(inside) => inside,
            Err(error) if error.is_gone() => continue,
            Err(error) => return Err(error.into()),
        };
        for tid in inside.into_iter().filter(|tid| !tids.contains(tid)) {
            let Ok(stat) = process::stat(tid) else { continue };
            // Threads of the kernel come into a group on behalf of those who are in it.
            let is_own = stat.kernel_thread
                || pids.contains(&stat.pid)
                || pids.contains(&stat.ppid)
                || stat.exiting;
            if !is_own {
                return Ok(Some(stat.pid));
            }
        }
    }
    Ok(None)
}

/// What will change about the subtree.
fn claim_of(root: &Path, path: String, groups: Vec<String>) -> Result<Claim, HostError> {
    let top = at(root, &path);
    let mut claimed = Vec::new();
    let mut parents: BTreeSet<String> = BTreeSet::new();
    for group in groups {
        let role = match role_of_name(&group) {
            _ if group == path => Role::Vmm,
            Some(role) => role,
            None => continue,
        };
        let above = Path::new(&group).ancestors().skip(1);
        parents.extend(above.map(|above| above.display().to_string()));
        claimed.push(ClaimedGroup { number: at(root, &group).number()?, path: group, role });
    }
    // By length, hence outermost first: a group is switched on below one that is.
    let mut enabled: Vec<String> = parents.into_iter().filter(|p| !has_cpu(root, p)).collect();
    enabled.sort_by_key(String::len);
    // The root keeps the controller; it may have other users by then.
    enabled.retain(|path| path != "/");
    Ok(Claim { quota: top.quota().ok(), weight: top.weight().ok(), groups: claimed, path, enabled })
}

/// The groups as they are now, with what they were before they were first claimed.
fn as_known(now: Claim, known: &Claim) -> Claim {
    let added = now.enabled.into_iter().filter(|path| !known.enabled.contains(path));
    let enabled = known.enabled.iter().cloned().chain(added).collect();
    Claim { quota: known.quota, weight: known.weight, enabled, ..now }
}

/// Whether the children of a group have the `cpu` controller.
fn has_cpu(root: &Path, path: &str) -> bool {
    at(root, path)
        .read("cgroup.subtree_control")
        .is_ok_and(|on| on.split_ascii_whitespace().any(|name| name == "cpu"))
}

/// libvirt's names of groups: `emulator`, `vcpuN`, `iothreadN`.
fn role_of_name(path: &str) -> Option<Role> {
    let name = path.rsplit('/').next()?;
    let numbered = |prefix: &str| {
        let number = name.strip_prefix(prefix)?;
        (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
    };
    match name {
        "emulator" => Some(Role::Vmm),
        _ if numbered("vcpu").is_some() => Some(Role::Vcpu),
        _ if numbered("iothread").is_some() => Some(Role::Io),
        _ => None,
    }
}

fn at(root: &Path, path: &str) -> Cgroup {
    Cgroup::at(root.join(path.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_roles() {
        assert_eq!(role_of_name("/m/x.scope/libvirt/vcpu12"), Some(Role::Vcpu));
        assert_eq!(role_of_name("/m/x.scope/libvirt/iothread1"), Some(Role::Io));
        assert_eq!(role_of_name("/m/x.scope/libvirt/emulator"), Some(Role::Vmm));
        for other in ["/vcpu", "/vcpux", "/vcpu1/deeper", "/iothread", ""] {
            assert_eq!(role_of_name(other), None, "{other}");
        }
    }

    #[test]
    fn the_unit_around_a_vm_is_asked_first() {
        let scope = "/machine.slice/machine-qemu-1-web.scope";
        assert_eq!(candidates(&format!("{scope}/libvirt")), [scope, &format!("{scope}/libvirt")]);
        assert_eq!(candidates(scope), [scope]);
        assert_eq!(candidates("/vms/web"), ["/vms/web"]);
    }

    #[test]
    fn what_belongs_to_all_is_nobodys() {
        for path in ["", "/", "/user.slice", "/machine.slice", "/evenkeel-web", "/x (deleted)"] {
            assert!(!is_claimable(path), "{path}");
        }
        assert!(is_claimable("/machine.slice/machine-qemu-1-web.scope"));
    }
}
