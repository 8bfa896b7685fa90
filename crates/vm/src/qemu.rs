// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU: which process is one, what it is called, and what the names of its threads say.
//!
//! With `-name NAME,debug-threads=on` (libvirt's default) QEMU names its threads; without, all but
//! those the kernel names are called like the program, and only its monitor knows which is which.

use evenkeel_model::Role;

use crate::table::Process;

/// Whether it runs a QEMU system emulator: `qemu-system-ARCH`, or a distribution's `qemu-kvm` or
/// `kvm`.
pub(crate) fn is_qemu(process: &Process) -> bool {
    process.program().is_some_and(|program| {
        program.starts_with("qemu-system-") || matches!(program, "qemu-kvm" | "kvm")
    })
}

/// What `-name` says, in any of its forms: `-name NAME`, `--name=...` is not one of QEMU's,
/// `-name guest=NAME,debug-threads=on`, `-name NAME,process=P`; a comma in a name is doubled. The
/// last one counts.
pub(crate) fn name(args: &[String]) -> Option<String> {
    let is_flag = |arg: &String| matches!(arg.as_str(), "-name" | "--name");
    let options = args.iter().zip(args.get(1..)?).filter(|(flag, _)| is_flag(flag));
    options.filter_map(|(_, option)| guest_of(option)).next_back()
}

/// The value of `guest` in a QEMU option, where the first value may lack its key.
fn guest_of(option: &str) -> Option<String> {
    let mut found = None;
    for (index, part) in split_options(option).into_iter().enumerate() {
        match part.split_once('=') {
            Some(("guest", name)) => found = Some(name.to_owned()),
            Some(_) => {}
            None if index == 0 => found = Some(part),
            None => {}
        }
    }
    found.filter(|name| !name.is_empty())
}

/// Splits at single commas; a doubled comma is one comma of the text.
fn split_options(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ',' && chars.next_if_eq(&',').is_none() {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// What the name of a QEMU thread says, with the reason; `None` where it says nothing.
pub(crate) fn role_of_name(comm: &str) -> Option<(Role, String)> {
    let named = |role| Some((role, format!("thread name '{comm}'")));
    // accel/*/: "CPU %d/KVM", "CPU %d/TCG", "ALL CPUs/TCG".
    if let Some((cpu, accelerator)) = comm.strip_prefix("CPU ").and_then(|r| r.split_once('/')) {
        let numbered = !cpu.is_empty() && cpu.bytes().all(|b| b.is_ascii_digit());
        return if numbered && !accelerator.is_empty() { named(Role::Vcpu) } else { None };
    }
    match comm {
        "ALL CPUs/TCG" => named(Role::Vcpu),
        // The monitor's own I/O thread carries commands, not the guest's data.
        "IO mon_iothread" => named(Role::Vmm),
        // util/thread-pool.c: blocking disk requests.
        "worker" => named(Role::Io),
        // util/rcu.c, ui/vnc-jobs.c, ui/spice, migration, the kernel's huge page recovery.
        "call_rcu" | "vnc_worker" | "SPICE Worker" | "kvm-nx-lpage-re" | "live_migration"
        | "mig/src/main" | "mig/dst/main" | "return path" | "gmain" | "gdbus" => named(Role::Vmm),
        _ if comm.strip_prefix("IO ").is_some_and(|id| !id.is_empty()) => named(Role::Io),
        // A vhost worker is a thread of QEMU's process since Linux 6.4.
        _ if crate::kernel_thread::vhost_owner(comm).is_some() => named(Role::Vhost),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::tests::process;

    fn name_in(line: &[&str]) -> Option<String> {
        name(&line.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_read_in_every_form() {
        assert_eq!(name_in(&["qemu", "-name", "web"]).as_deref(), Some("web"));
        assert_eq!(name_in(&["qemu", "-name", "web,debug-threads=on"]).as_deref(), Some("web"));
        let libvirt = ["qemu", "-S", "-name", "guest=web 1,debug-threads=on", "-m", "64"];
        assert_eq!(name_in(&libvirt).as_deref(), Some("web 1"));
        assert_eq!(name_in(&["q", "-name", "debug-threads=on,guest=a"]).as_deref(), Some("a"));
        assert_eq!(name_in(&["q", "-name", "a,,b,process=x"]).as_deref(), Some("a,b"));
        assert_eq!(name_in(&["q", "-name", "a", "--name", "b"]).as_deref(), Some("b"));
        assert_eq!(name_in(&["q", "-name"]), None);
        assert_eq!(name_in(&["q", "-name", "debug-threads=on"]), None);
        assert_eq!(name_in(&[]), None);
    }

    #[test]
    fn programs_are_told_by_their_names() {
        for exe in ["/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm", "/usr/bin/kvm"] {
            assert!(is_qemu(&process(5, 1, exe, &[])), "{exe}");
        }
        for exe in ["/usr/bin/qemu-img", "/usr/bin/sh", "/usr/bin/qemu-x86_64"] {
            assert!(!is_qemu(&process(5, 1, exe, &["qemu-system-x86_64"])), "{exe}");
        }
    }

    #[test]
    fn thread_names_say_roles_or_nothing() {
        let role = |comm| role_of_name(comm).map(|(role, _)| role);
        for comm in ["CPU 0/KVM", "CPU 127/TCG", "ALL CPUs/TCG"] {
            assert_eq!(role(comm), Some(Role::Vcpu), "{comm}");
        }
        for comm in ["IO iothread0", "worker"] {
            assert_eq!(role(comm), Some(Role::Io), "{comm}");
        }
        assert_eq!(role("IO mon_iothread"), Some(Role::Vmm));
        assert_eq!(role("vhost-4711"), Some(Role::Vhost));
        for comm in ["qemu-system-x86", "CPU x/KVM", "CPU 0/", "CPU /KVM", "IO ", "vhost-x", ""] {
            assert_eq!(role(comm), None, "{comm}");
        }
        assert_eq!(role_of_name("CPU 0/KVM").unwrap().1, "thread name 'CPU 0/KVM'");
    }

    proptest! {
        #[test]
        fn any_name_survives_quoting(text in "[a-z,= ]{1,12}") {
            let quoted = format!("guest={},debug-threads=on", text.replace(',', ",,"));
            prop_assert_eq!(name_in(&["q", "-name", &quoted]), Some(text));
        }

        #[test]
        fn nothing_makes_them_panic(args: Vec<String>, comm in "\\PC*|CPU \\PC*") {
            let _ = name(&args);
            let _ = role_of_name(&comm);
        }
    }
}
