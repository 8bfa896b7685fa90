// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real-time groups: whether this kernel has them, where they are mounted, and if not, what
//! exactly has to change.
//!
//! They need three things: a kernel with CONFIG_RT_GROUP_SCHED, the `cpu` controller in version 1
//! of cgroups (version 2 has no files for them), and that hierarchy mounted. A controller is bound
//! to one version at a time; version 1 can take it only while no group of version 2 uses it
//! (kernel/cgroup/cgroup.c, `rebind_subsystems`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use evenkeel_kernel::FileError;
use evenkeel_kernel::cgroup::{Cgroup, CgroupMounts};
use evenkeel_kernel::facts::{ConfigValue, KernelConfig};
use evenkeel_kernel::features::{CommandLine, ControllerFact, cgroup_controllers, command_line};

use super::Finding;

const ID: &str = "rt-groups";

/// What the host has of cgroups, for [`judge`].
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Where the version 1 `cpu` hierarchy is mounted, and whether its files for real-time groups
    /// are there.
    v1_cpu: Option<(PathBuf, bool)>,
    /// Where version 2 is mounted, and whether its groups have the `cpu` controller.
    v2: Option<(PathBuf, bool)>,
    /// Every controller that version 1 could have.
    controllers: BTreeMap<String, ControllerFact>,
    /// CONFIG_RT_GROUP_SCHED; `None` where the configuration cannot be read.
    built_in: Option<bool>,
    /// CONFIG_RT_GROUP_SCHED_DEFAULT_DISABLED (Linux 6.16): off unless asked for at boot.
    off_by_default: bool,
    /// What the kernel was booted with.
    boot: CommandLine,
}

/// Where the enforcers can work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Root of the hierarchy with real-time groups.
    rt_groups: Option<PathBuf>,
    /// Root of a hierarchy with fair-class quota, version 1 or 2.
    pub(super) quota: Option<PathBuf>,
    /// Why there are no real-time groups.
    pub(super) missing: String,
}

impl Layout {
    /// Root of the hierarchy with real-time groups, if they can be used.
    pub(super) fn usable(&self) -> Option<&Path> {
        self.rt_groups.as_deref()
    }
}

/// Looks, judges, and tells the other checks where real-time groups are.
pub(super) fn check(config: Option<&KernelConfig>, findings: &mut Vec<Finding>) -> Layout {
    let seen = match look(config) {
        Ok(seen) => seen,
        Err(error) => {
            findings.push(Finding::unseen(ID, "the cgroup hierarchies", &error));
            return Layout { missing: error.to_string(), ..Layout::default() };
        }
    };
    let finding = judge(&seen);
    let rt_groups = seen.v1_cpu.as_ref().filter(|(_, files)| *files).map(|(path, _)| path.clone());
    let quota = match (&seen.v1_cpu, &seen.v2) {
        (Some((path, _)), _) | (None, Some((path, true))) => Some(path.clone()),
        _ => None,
    };
    let missing = if rt_groups.is_some() { String::new() } else { finding.what.clone() };
    findings.push(finding);
    Layout { rt_groups, quota, missing }
}

fn look(config: Option<&KernelConfig>) -> Result<Seen, FileError> {
    let mounts = CgroupMounts::discover()?;
    let with_files = |path: PathBuf| {
        let has_files = path.join("cpu.rt_runtime_us").exists();
        (path, has_files)
    };
    let is_yes = |option| config.map(|config| config.get(option) == ConfigValue::Yes);
    Ok(Seen {
        v1_cpu: mounts.v1_cpu.map(with_files),
        v2: mounts.v2.map(|path| {
            let used = Cgroup::at(&path)
                .read("cgroup.subtree_control")
                .is_ok_and(|text| text.split_ascii_whitespace().any(|word| word == "cpu"));
            (path, used)
        }),
        controllers: cgroup_controllers()?,
        built_in: is_yes("CONFIG_RT_GROUP_SCHED"),
        off_by_default: is_yes("CONFIG_RT_GROUP_SCHED_DEFAULT_DISABLED") == Some(true),
        boot: command_line()?,
    })
}

/// The first thing that is missing, and its fix.
fn judge(seen: &Seen) -> Finding {
    if let Some((path, true)) = &seen.v1_cpu {
        return Finding::ok(ID, format!("real-time groups are mounted at {}", path.display()));
    }
    if seen.built_in == Some(false) {
        return Finding::problem(
            ID,
            "this kernel is built without real-time groups (CONFIG_RT_GROUP_SCHED is not set)",
            "Nothing on this kernel can reserve CPU time for a group of threads.",
        )
        .with_fix(
            "boot a kernel built with CONFIG_RT_GROUP_SCHED=y (distribution kernels seldom are); \
             until then `--enforcer quota` caps CPU time and guarantees nothing",
        );
    }
    match (&seen.v1_cpu, seen.controllers.get("cpu")) {
        (Some((path, _)), _) => mounted_without_files(seen, path),
        (None, None) => Finding::problem(
            ID,
            "this kernel has no cpu controller for version 1 of cgroups",
            "Real-time groups exist only there.",
        )
        .with_fix("boot a kernel built with CONFIG_CGROUP_SCHED=y and cgroup version 1"),
        (None, Some(cpu)) if !cpu.enabled => Finding::problem(
            ID,
            "the cpu controller was switched off at boot (cgroup_disable=cpu)",
            "Without it nothing can be reserved or capped.",
        )
        .with_fix("remove cpu from the boot parameter cgroup_disable="),
        (None, Some(cpu)) if cpu.hierarchy != 0 => bound_and_not_mounted(seen, cpu.hierarchy),
        (None, Some(_)) => bound_to_version_2(seen),
    }
}

/// The hierarchy is mounted, and the kernel shows no files for real-time groups in it.
fn mounted_without_files(seen: &Seen, path: &Path) -> Finding {
    let switched_off = seen.off_by_default
        || matches!(seen.boot.value("rt_group_sched"), Some("0" | "off" | "n" | "no" | "false"));
    if switched_off {
        return Finding::problem(
            ID,
            "real-time groups are built in and switched off at boot",
            format!("The cpu controller at {} has no cpu.rt_runtime_us.", path.display()),
        )
        .with_fix("boot with the parameter rt_group_sched=1");
    }
    Finding::problem(
        ID,
        format!("the cpu controller at {} has no real-time groups", path.display()),
        "Its cpu.rt_runtime_us is missing: the kernel is built without CONFIG_RT_GROUP_SCHED, or \
         they are switched off at boot.",
    )
    .with_fix(
        "boot a kernel built with CONFIG_RT_GROUP_SCHED=y, from Linux 6.16 on with the parameter \
         rt_group_sched=1",
    )
}

/// Version 1 has the controller, and this mount namespace does not see it.
fn bound_and_not_mounted(seen: &Seen, hierarchy: u32) -> Finding {
    Finding::problem(
        ID,
        format!("the cpu controller is in version 1 hierarchy {hierarchy}, which is not mounted"),
        "Real-time groups are made in its files, and this process sees none.",
    )
    .with_fix(mount_command(seen, hierarchy))
}

/// Version 2 has the controller: free to be taken, or in use by systemd.
fn bound_to_version_2(seen: &Seen) -> Finding {
    let barred = ["cpu", "all"].into_iter().find(|item| seen.boot.lists("cgroup_no_v1", item));
    if let Some(item) = barred {
        return Finding::problem(
            ID,
            format!("version 1 of cgroups may not have the cpu controller (cgroup_no_v1={item})"),
            "Real-time groups exist only in version 1.",
        )
        .with_fix(format!("remove {item} from the boot parameter cgroup_no_v1="));
    }
    let in_use = seen.v2.as_ref().is_some_and(|(_, used)| *used);
    if !in_use {
        return Finding::problem(
            ID,
            "the cpu controller is not mounted; no group of version 2 uses it",
            "Real-time groups exist only in version 1, which can take it at once.",
        )
        .with_fix(mount_command(seen, 0));
    }
    Finding::problem(
        ID,
        "the cpu controller is in use by version 2 of cgroups",
        "Real-time groups exist only in version 1, and a controller that is in use cannot change \
         sides before a reboot.",
    )
    .with_fix(
        "boot with systemd.unified_cgroup_hierarchy=0 (systemd 256 and 257 also need \
         SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1; from 258 on systemd has no version 1: set \
         DisableControllers=cpu in a drop-in of -.slice, reboot, and mount version 1 by hand)",
    )
}

/// How to mount the `cpu` controller together with those that share its hierarchy.
fn mount_command(seen: &Seen, hierarchy: u32) -> String {
    let mut with: Vec<&str> = vec!["cpu"];
    if hierarchy != 0 {
        let shares = |(name, fact): (&'static str, Option<&ControllerFact>)| {
            fact.filter(|fact| fact.hierarchy == hierarchy).map(|_| name)
        };
        with.extend(
            ["cpuacct"]
                .map(|name| (name, seen.controllers.get(name)))
                .into_iter()
                .filter_map(shares),
        );
    }
    // Below a mounted version 2 root a new directory would be a group, not a mount point.
    let v2_is_on_top =
        seen.v2.as_ref().is_some_and(|(path, _)| path.as_os_str() == "/sys/fs/cgroup");
    let directory = if v2_is_on_top { "/run/cgroup-cpu" } else { "/sys/fs/cgroup/cpu" };
    format!("mkdir -p {directory} && mount -t cgroup -o {} cgroup {directory}", with.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn cpu_in(hierarchy: u32) -> BTreeMap<String, ControllerFact> {
        let fact = ControllerFact { hierarchy, enabled: true };
        BTreeMap::from([("cpu".to_owned(), fact), ("cpuacct".to_owned(), fact)])
    }

    fn fix(seen: &Seen) -> String {
        let finding = judge(seen);
        assert_eq!(finding.severity, Severity::Problem, "{finding:?}");
        finding.fix.unwrap()
    }

    #[test]
    fn a_mounted_hierarchy_with_files_is_all_it_takes() {
        let v1_cpu = Some((PathBuf::from("/sys/fs/cgroup/cpu"), true));
        let finding = judge(&Seen { v1_cpu, ..Seen::default() });
        assert_eq!(finding.severity, Severity::Ok);
        assert_eq!(finding.what, "real-time groups are mounted at /sys/fs/cgroup/cpu");
    }

    #[test]
    fn a_kernel_without_them_cannot_be_helped() {
        let v1_cpu = Some((PathBuf::from("/c"), false));
        let seen = Seen { v1_cpu, built_in: Some(false), ..Seen::default() };
        assert!(fix(&seen).starts_with("boot a kernel built with CONFIG_RT_GROUP_SCHED=y"));
    }

    #[test]
    fn off_by_default_needs_a_boot_parameter() {
        let v1_cpu = Some((PathBuf::from("/c"), false));
        let seen = Seen { v1_cpu, built_in: Some(true), off_by_default: true, ..Seen::default() };
        assert_eq!(fix(&seen), "boot with the parameter rt_group_sched=1");
    }

    #[test]
    fn an_unmounted_hierarchy_is_mounted_with_its_company() {
        let seen = Seen { controllers: cpu_in(4), built_in: Some(true), ..Seen::default() };
        assert_eq!(
            fix(&seen),
            "mkdir -p /sys/fs/cgroup/cpu && mount -t cgroup -o cpu,cpuacct cgroup /sys/fs/cgroup/cpu"
        );
    }

    #[test]
    fn version_2_gives_the_controller_up_only_while_unused() {
        let v2 = |used| Some((PathBuf::from("/sys/fs/cgroup"), used));
        let free = Seen { controllers: cpu_in(0), v2: v2(false), ..Seen::default() };
        assert_eq!(
            fix(&free),
            "mkdir -p /run/cgroup-cpu && mount -t cgroup -o cpu cgroup /run/cgroup-cpu"
        );
        let used = Seen { controllers: cpu_in(0), v2: v2(true), ..Seen::default() };
        assert!(fix(&used).starts_with("boot with systemd.unified_cgroup_hierarchy=0"));
        let boot = CommandLine::parse("quiet cgroup_no_v1=all");
        let barred = Seen { boot, ..used };
        assert_eq!(fix(&barred), "remove all from the boot parameter cgroup_no_v1=");
    }

    #[test]
    fn a_disabled_or_absent_controller_is_named() {
        let mut controllers = cpu_in(0);
        controllers.insert("cpu".to_owned(), ControllerFact { hierarchy: 0, enabled: false });
        let seen = Seen { controllers, ..Seen::default() };
        assert_eq!(fix(&seen), "remove cpu from the boot parameter cgroup_disable=");
        assert!(fix(&Seen::default()).contains("cgroup version 1"));
    }
}
