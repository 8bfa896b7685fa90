// SPDX-License-Identifier: MIT OR Apache-2.0
//! The doctor on a real kernel: it names a foreign real-time hog, and a host without one is sound.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::process::Command;

use serde_json::Value;
use support::assert_snapshot;
use support::host::{Guarded, HostTest};

/// Spins for five seconds of CPU time at most, whoever forgets it.
const SPIN: &str = "ulimit -t 5; while :; do :; done";

/// What doctor says about this host.
fn doctor(host: &HostTest) -> (Option<i32>, Value) {
    let output = host.command(&["doctor", "--json"]).output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn findings<'a>(report: &'a Value, id: &str) -> Vec<&'a Value> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().filter(|finding| finding["id"] == id).collect()
}

#[test]
fn a_foreign_real_time_hog_is_named() {
    let Some(mut host) = HostTest::begin("a_foreign_hog") else { return };
    host.start("chrt", &["-f", "7", "taskset", "-c", "0", "sh", "-c", SPIN]);
    std::thread::sleep(std::time::Duration::from_millis(200));
    let (code, report) = doctor(&host);
    assert_eq!((code, &report["sound"]), (Some(5), &Value::Bool(false)));
    let hogs: Vec<&Value> = findings(&report, "rt-hog")
        .into_iter()
        .filter(|hog| hog["what"].as_str().unwrap().contains("(fifo 7)"))
        .collect();
    assert_eq!(hogs.len(), 1, "{report:#}");
    let what = hogs[0]["what"].as_str().unwrap();
    let tid = what.split(' ').nth(1).unwrap().to_owned();
    let comm = std::fs::read_to_string(format!("/proc/{tid}/comm")).unwrap();
    assert_eq!(comm.trim(), "sh");

    // The whole finding; its CPU share varies, and where the test runs is not its business.
    let share = what.split("used ").nth(1).unwrap().split(" of a CPU").next().unwrap();
    let group = hogs[0]["why"].as_str().unwrap().split("in group ").nth(1).unwrap();
    let group = group.split(':').next().unwrap();
    let finding = serde_json::to_string_pretty(hogs[0]).unwrap();
    let finding = finding
        .replace(&tid, "[TID]")
        .replace(share, "[SHARE]")
        .replace(&format!("group {group}:"), "group [GROUP]:");
    assert_snapshot("host-doctor-hog", &finding);
    let output = host.command(&["doctor"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("  problem  rt-hog: thread {tid} 'sh'")), "{text}");

    // What it advises works.
    let fix = hogs[0]["fix"].as_str().unwrap().split(',').next().unwrap().to_owned();
    assert!(Command::new("sh").args(["-c", &fix]).status().unwrap().success(), "{fix}");
    let (_, report) = doctor(&host);
    let mentions = findings(&report, "rt-hog")
        .into_iter()
        .any(|hog| hog["what"].as_str().unwrap().contains(&format!("thread {tid} ")));
    assert!(!mentions, "{report:#}");
}

#[test]
fn a_thread_inside_a_capsule_is_no_hog() {
    let Some(host) = HostTest::begin("a_thread_inside_a_capsule") else { return };
    let spin = ["run", "ek-t-cli-spin", "--budget", "4ms", "--period", "20ms", "--cpus", "0", "--"];
    let mut inside = Guarded::spawn(host.command(&spin).args(["sh", "-c", SPIN]));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let (_, report) = doctor(&host);
    let pid = rustix::process::Pid::from_child(&inside);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    inside.wait().unwrap();
    let named = findings(&report, "rt-hog")
        .into_iter()
        .any(|hog| hog["what"].as_str().unwrap().contains("evenkeel-"));
    assert!(!named, "{report:#}");
    let groups = report["rt_budget"]["groups"].as_array().unwrap();
    assert!(
        groups.iter().any(|group| group["directory"] == "evenkeel-ek-t-cli-spin"),
        "{report:#}"
    );
}

#[test]
fn a_thread_that_somebody_demoted_inside_a_capsule_is_a_violation() {
    let Some(mut host) = HostTest::begin("a_thread_that_somebody_demoted") else { return };
    let web = "ek-t-cli-web";
    host.ok(&["capsule", "create", web, "--budget", "1ms", "--period", "20ms", "--cpus", "0"]);
    let pid = host.start("sleep", &["60"]).to_string();
    host.ok(&["capsule", "attach", web, &pid]);
    let of_web = |report: &Value| -> Vec<Value> {
        let found = findings(report, "capsules").into_iter();
        let text = |finding: &Value| finding["what"].as_str().unwrap().to_owned();
        found.filter(|finding| text(finding).contains(web)).cloned().collect()
    };
    assert_eq!(of_web(&doctor(&host).1), [] as [Value; 0]);
    assert!(Command::new("chrt").args(["-o", "-p", "0", &pid]).status().unwrap().success());
    let (code, report) = doctor(&host);
    let found = of_web(&report);
    assert_eq!((code, found.len()), (Some(5), 1), "{report:#}");
    assert_eq!(found[0]["severity"], "problem");
    let output = host.ok(&["capsule", "show", web, "--sample", "0s"]);
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(talk.starts_with(&format!("violated: thread {pid} 'sleep' ")), "{talk}");
    // What the doctor advises brings it back.
    host.ok(&["capsule", "attach", web, &pid]);
    assert_eq!(of_web(&doctor(&host).1), [] as [Value; 0]);
}

#[test]
fn the_tick_and_what_is_left_are_told() {
    let Some(host) = HostTest::begin("the_tick_and_what_is_left") else { return };
    host.ok(&[
        "capsule",
        "create",
        "ek-t-cli-web",
        "--budget",
        "2ms",
        "--period",
        "20ms",
        "--cpus",
        "0",
    ]);
    let (_, during) = doctor(&host);
    let budget = &during["rt_budget"];
    let groups = budget["groups"].as_array().unwrap();
    let held: u64 = groups.iter().map(|group| group["bandwidth_ppb"].as_u64().unwrap()).sum();
    assert!(held >= 100_000_000, "{budget:#}");
    let left = budget["left_ppb"].as_u64().unwrap();
    assert_eq!(left, budget["ceiling_ppb"].as_u64().unwrap() - held, "{budget:#}");
    let tick = findings(&during, "tick")[0];
    if let Some(tick_ns) = during["host"]["tick_ns"].as_u64() {
        let tick_ms = tick_ns / 1_000_000;
        assert!(
            tick["why"].as_str().unwrap().contains(&format!("one tick, {tick_ms}ms")),
            "{tick}"
        );
        assert!(
            tick["why"].as_str().unwrap().contains(&format!("under {}ms", 5 * tick_ms)),
            "{tick}"
        );
    }
    for id in ["rt-groups", "rt-ceiling", "sched-ext", "irq-time", "kvm", "vhost-net", "capsules"] {
        assert!(!findings(&during, id).is_empty(), "no finding {id}: {during:#}");
    }
}
