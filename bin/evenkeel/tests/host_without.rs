// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hosts and users that lack something: no root, no real-time groups.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use support::host::HostTest;
use support::{assert_snapshot, shown};

const WEB: &str = "ek-t-cli-web";

const CREATE: [&str; 9] =
    ["capsule", "create", WEB, "--budget", "1ms", "--period", "20ms", "--cpus", "0"];

#[test]
fn without_root_reading_works_and_changing_is_refused() {
    let Some(mut host) = HostTest::begin("without_root") else { return };
    host.ok(&CREATE);
    let program = host.for_everybody().display().to_string();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", &program];
    let pid = host.start("sleep", &["60"]).to_string();
    host.redact(&pid, "[PID]");
    let (state, groups) = (host.state(), host.groups());
    let commands: [&[&str]; 9] = [
        &["capsule", "show", WEB, "--sample", "0s"],
        &["capsule", "create", "ek-t-cli-db", "--budget", "1ms", "--period", "20ms", "--cpus", "0"],
        &["capsule", "set", WEB, "--budget", "2ms"],
        &["capsule", "attach", WEB, &pid],
        &["capsule", "delete", WEB],
        &["run", "ek-t-cli-db", "--budget", "1ms", "--period", "20ms", "--cpus", "0", "--", "true"],
        &["capsule", "delete", WEB, "--dry-run"],
        &["lab", "flood", "--out", "/tmp/ek-t-cli-lab"],
        &["lab", "clean"],
    ];
    let mut text = String::new();
    for arguments in commands {
        let mut command = std::process::Command::new(nobody[0]);
        command.args(&nobody[1..]).args(arguments);
        support::isolate(&mut command);
        command.env("EVENKEEL_STATE_DIR", host.state_dir());
        text += &host.transcript(&shown(arguments), &command.output().unwrap());
    }
    assert_eq!((host.state(), host.groups()), (state, groups), "an error changed something");
    assert!(!std::path::Path::new("/tmp/ek-t-cli-lab").exists(), "a lab without root began");
    assert_snapshot("host-no-root", &text);
}

#[test]
fn without_root_the_doctor_sees_less_and_says_so() {
    let Some(host) = HostTest::begin("without_root_the_doctor") else { return };
    let program = host.for_everybody();
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    support::isolate(command.args(["doctor", "--json"]));
    let output = command.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["host"]["root"], false);
    let guarantees = report["guarantees"].as_array().unwrap();
    let rtgroup = guarantees.iter().find(|one| one["enforcer"] == "rtgroup").unwrap();
    assert_eq!(rtgroup["available"], true, "{report:#}");
    let findings = report["findings"].as_array().unwrap();
    let about = |id: &str| findings.iter().filter(|finding| finding["id"] == id).count();
    assert_eq!((about("privileges"), about("rt-groups")), (1, 1), "{report:#}");
    assert!(about("rt-foreign") >= 1, "real-time threads are seen without root: {report:#}");
}

#[test]
fn without_real_time_groups_there_is_no_guarantee_and_no_silent_fallback() {
    let Some(host) = HostTest::begin("without_real_time_groups") else { return };
    // A mount namespace of its own, in which the version 1 `cpu` hierarchy is not mounted.
    let hierarchy = host.hierarchy().display().to_string();
    let script = format!("umount {hierarchy} && exec \"$0\" \"$@\"");
    let without = ["unshare", "--mount", "sh", "-c", &script];
    let quota: Vec<&str> = CREATE.iter().copied().chain(["--enforcer", "quota"]).collect();
    let rtgroup: Vec<&str> = CREATE.iter().copied().chain(["--enforcer", "rtgroup"]).collect();
    let run = [&["run"], &CREATE[2..], &["--", "true"]].concat();
    let commands: [&[&str]; 4] = [&CREATE, &rtgroup, &quota, &run];
    let mut text = String::new();
    for arguments in commands {
        let output = host.wrapped(&without, arguments).output().unwrap();
        text += &host.transcript(&shown(arguments), &output);
    }
    assert_eq!(host.groups(), [""; 0]);
    assert_eq!(host.record(), Default::default());
    assert_snapshot("host-no-rt-groups", &text);

    let output = host.wrapped(&without, &["doctor", "--window", "0s", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["sound"], false);
    assert_eq!(report["guarantees"][0]["available"], false);
    let finding = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["id"] == "rt-groups")
        .unwrap();
    assert_eq!(finding["severity"], "problem");
    let fix = finding["fix"].as_str().unwrap();
    assert!(fix.contains("mount -t cgroup -o cpu"), "{fix}");
}
