// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attaching on the real kernel: VMs that are there, that are not, that are taken, and that die.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use support::assert_snapshot;
use support::host::HostTest;

const WEB: &str = "ek-t-cli-web";
const DB: &str = "ek-t-cli-db";

fn create(host: &HostTest, name: &str) {
    host.ok(&["capsule", "create", name, "--budget", "1ms", "--period", "20ms", "--cpus", "0"]);
}

/// What stands between `from` and `to`, replaced everywhere.
fn masked(text: &str, from: &str, to: &str, placeholder: &str) -> String {
    let mut parts = text.split(from);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.find(to).map_or(part, |end| &part[end..]);
        result.push_str(&format!("{from}{placeholder}{rest}"));
    }
    result
}

/// The scheduling policy of `pid`, as chrt prints it.
fn policy(pid: u32) -> String {
    let output = Command::new("chrt").args(["-p", &pid.to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(_, value)| format!("{value};"))
        .collect()
}

#[test]
fn a_process_goes_in_and_comes_out_as_it_was() {
    let Some(mut host) = HostTest::begin("a_process_goes_in") else { return };
    create(&host, WEB);
    create(&host, DB);
    let pid = host.start("sleep", &["60"]).to_string();
    let before = policy(pid.parse().unwrap());
    host.redact(&pid, "[PID]");
    let mut text = host.run(&["capsule", "attach", WEB, &pid, "--dry-run"]);
    assert_eq!(policy(pid.parse().unwrap()), before, "--dry-run changed something");
    text += &host.run(&["capsule", "attach", WEB, &pid]);
    assert!(policy(pid.parse().unwrap()).starts_with("SCHED_RR"));
    text += &host.list();
    text += &host.run(&["capsule", "attach", DB, &format!("pid:{pid}")]);
    text += &host.run(&["capsule", "detach", DB, &pid]);
    text += &host.run(&["capsule", "detach", WEB]);
    assert_eq!(policy(pid.parse().unwrap()), before, "not put back");
    // What it was before is the business of whoever started the test.
    assert_snapshot("host-attach", &masked(&text, "(vmm): ", " -> rr", "[FOUND]"));
}

#[test]
fn every_thread_is_shown() {
    let Some(mut host) = HostTest::begin("every_thread_is_shown") else { return };
    create(&host, WEB);
    let pid = host.start("sleep", &["60"]).to_string();
    host.ok(&["capsule", "attach", WEB, &pid]);
    let output = host.ok(&["capsule", "show", WEB, "--sample", "200ms", "--json"]);
    let view: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(view["schema"], "evenkeel.capsule-show.v1");
    let threads = view["threads"].as_array().unwrap();
    assert_eq!(threads.len(), 1, "{view}");
    assert_eq!(threads[0]["pid"].to_string(), pid);
    assert_eq!((&threads[0]["role"], &threads[0]["policy"]), (&"vmm".into(), &"rr".into()));
    assert!(view["supply"]["window_ns"].as_u64().unwrap() >= 200_000_000);
    assert_eq!(view["supply"]["overruns"]["count"], 0);
}

#[test]
fn virtual_machines_that_are_not_there() {
    let Some(host) = HostTest::begin("vms_that_are_not_there") else { return };
    create(&host, WEB);
    let record = host.record();
    let text: String = [
        "4194303",
        "qemu:ek-t-none",
        "qmp:/nonexistent/qmp.sock",
        "cgroup:/nonexistent",
        "ek-t-none",
    ]
    .iter()
    .map(|vm| host.run(&["capsule", "attach", WEB, vm]))
    .map(|text| masked(&text, "on this host", "\n", "[VMS]"))
    .collect();
    assert_eq!(host.record(), record, "an error changed something");
    assert_snapshot("host-no-such-vm", &text);
}

#[test]
fn a_vm_that_ends_inside_is_shown_as_gone_and_can_be_cleared() {
    let Some(mut host) = HostTest::begin("a_vm_that_ends_inside") else { return };
    create(&host, WEB);
    let pid = host.start("sleep", &["60"]).to_string();
    host.redact(&pid, "[PID]");
    host.ok(&["capsule", "attach", WEB, &pid]);
    host.end_last();
    let mut text = host.list();
    text += &host.run(&["capsule", "show", WEB, "--sample", "0s"]);
    text += &host.run(&["capsule", "delete", WEB]);
    assert_eq!(host.groups(), [""; 0]);
    assert_snapshot("host-vm-gone", &masked(&text, "cpu time    ", " since", "[TIME]"));
}

#[test]
fn a_vm_that_dies_while_it_is_attached_leaves_nothing() {
    let Some(mut host) = HostTest::begin("a_vm_that_dies") else { return };
    create(&host, WEB);
    let mut died = 0;
    for round in 0..30u64 {
        // Sixty children, so that attaching takes a while; the whole process group is killed a
        // little later in each round, sweeping over the time of the attachment.
        let script = "for i in $(seq 60); do sleep 60 & done; wait";
        let pid = host.start("sh", &["-c", script]);
        let deadline = Instant::now() + Duration::from_secs(5);
        let children = format!("/proc/{pid}/task/{pid}/children");
        while std::fs::read_to_string(&children).is_ok_and(|text| text.split(' ').count() < 60)
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let attach = host
            .command(&["capsule", "attach", WEB, &pid.to_string()])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(round * 2));
        host.end_last();
        let output = attach.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {
                host.ok(&["capsule", "detach", WEB]);
            }
            Some(1) => {
                died += 1;
                assert!(stderr.starts_with("error: "), "{stderr}");
                assert!(!stderr.contains("could not be undone"), "{stderr}");
            }
            other => panic!("status {other:?}: {stderr}"),
        }
        let capsule = host.list_json().remove(0);
        assert_eq!(capsule["status"], "in-force", "round {round}: {capsule}");
        assert_eq!(capsule["vms"], serde_json::json!([]), "round {round}: {capsule}");
    }
    assert!(died > 0, "no VM died while it was attached: the sweep missed the attachment");
}

#[test]
fn a_netdev_that_cannot_do_threaded_napi() {
    let Some(mut host) = HostTest::begin("a_netdev_that_cannot") else { return };
    create(&host, WEB);
    let pid = host.start("sleep", &["60"]).to_string();
    host.redact(&pid, "[PID]");
    let bridge = "ek-t-cli-br";
    let ip = |words: &[&str]| Command::new("ip").args(words).status().unwrap().success();
    assert!(ip(&["link", "add", bridge, "type", "bridge"]));
    assert!(ip(&["link", "set", bridge, "up"]));
    let record = host.record();
    let mut text = host.run(&["capsule", "attach", WEB, &pid, "--netdev", bridge]);
    text += &host.run(&["capsule", "attach", WEB, &pid, "--netdev", "ek-t-cli-none"]);
    text += &host.run(&["capsule", "attach", WEB, &pid, "--netdev", "no/such"]);
    assert!(ip(&["link", "delete", bridge]));
    assert_eq!(host.record(), record, "an error changed something");
    assert!(policy(pid.parse().unwrap()).starts_with("SCHED_OTHER"), "the VM was not put back");
    assert_snapshot("host-netdev", &text);
}

#[test]
fn a_program_does_not_capture_itself() {
    let Some(mut host) = HostTest::begin("a_program_does_not_capture_itself") else { return };
    create(&host, WEB);
    let me = std::process::id().to_string();
    host.redact(&me, "[PID]");
    let text = host.run(&["capsule", "attach", WEB, &me]);
    assert!(text.contains("[status 1]"), "{text}");
}
