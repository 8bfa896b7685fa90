// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a lab could leave on a host, as text that can be compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use evenkeel_kernel::process;

/// Everything, one fact a line. What other tests make at the same time (`ek-t...`) is left out.
pub fn of_host() -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    facts.extend(output("ip", &["-o", "link"]).lines().filter_map(link));
    facts.extend(output("ip", &["netns"]).lines().map(|line| format!("netns {line}")));
    for hierarchy in ["cpu", "cpuacct", "unified"] {
        groups(&Path::new("/sys/fs/cgroup").join(hierarchy), &mut facts);
    }
    for path in [
        "/proc/sys/net/bridge/bridge-nf-call-iptables",
        "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
        "/proc/sys/net/bridge/bridge-nf-call-arptables",
        "/proc/sys/kernel/sched_rr_timeslice_ms",
        "/proc/sys/net/ipv4/tcp_slow_start_after_idle",
        "/proc/sys/net/ipv6/conf/all/disable_ipv6",
    ] {
        facts.insert(format!("{path} {:?}", fs::read_to_string(path).ok()));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    facts.extend(mounts.lines().map(|line| format!("mount {line}")));
    for directory in ["/run/evenkeel", "/dev/shm", "/run/netns", "/root/.uml", "/tmp"] {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // The locks stay, and so does the record of capsules, empty.
            if directory != "/tmp" && !["lock", "lab.lock", "state.json"].contains(&name.as_str())
                || name.starts_with("ek-lab")
                || name.starts_with("vm_file")
            {
                facts.insert(format!("file {directory}/{name}"));
            }
        }
    }
    facts.extend(guests());
    facts.retain(|fact| !fact.contains("ek-t") || fact.contains("ek-tap"));
    facts
}

/// `3: ek-vf0@if4: <BROADCAST...` without numbers and counters.
fn link(line: &str) -> Option<String> {
    let name = line.split(": ").nth(1)?;
    Some(format!("link {}", name.split('@').next()?))
}

fn groups(directory: &Path, facts: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            facts.insert(format!("group {}", entry.path().display()));
            groups(&entry.path(), facts);
        }
    }
}

/// Processes of guests and their helpers: known by working directory or by command line.
fn guests() -> Vec<String> {
    let mut found = Vec::new();
    for pid in process::all_processes().unwrap() {
        let directory = process::working_directory(pid).unwrap_or_default();
        let words = process::cmdline(pid).unwrap_or_default();
        let program = process::exe(pid).ok().flatten().unwrap_or_default();
        let is_ours = directory.starts_with("/run/evenkeel")
            || words.iter().any(|word| word.contains("ek-lab-") || word.contains("ek-client"));
        if is_ours {
            found.push(format!("process {pid} {} {words:?}", program.display()));
        }
    }
    found
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
