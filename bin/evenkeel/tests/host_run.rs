// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel run` on the real kernel: born inside, status and signals passed on, then released.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::assert_snapshot;
use support::host::{Guarded, HostTest};

const JOB: &str = "ek-t-cli-job";

/// `run JOB` with 1 ms every 20 ms on CPU 0, then `words`.
fn run<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["run", JOB, "--budget", "1ms", "--period", "20ms", "--cpus", "0"];
    arguments.extend_from_slice(words);
    arguments
}

#[test]
fn the_status_of_the_command_is_ours() {
    let Some(host) = HostTest::begin("the_status_of_the_command") else { return };
    let mut text = host.run(&run(&["--", "true"]));
    text += &host.run(&run(&["--", "sh", "-c", "echo out; echo err >&2; exit 42"]));
    text += &host.run(&run(&["--", "sh", "-c", "kill -TERM $$"]));
    text += &host.run(&run(&["--", "/nonexistent/program"]));
    text += &host.run(&run(&["--dry-run", "--", "true"]));
    assert_eq!(host.groups(), [""; 0]);
    assert_snapshot("host-run", &text);
}

#[test]
fn the_command_is_born_inside() {
    let Some(host) = HostTest::begin("the_command_is_born_inside") else { return };
    let script = "grep -E '^[0-9]+:([a-z,]*,)?cpu(,[a-z,]*)?:' /proc/self/cgroup | cut -d: -f3; \
        chrt -p $$ | sed 's/.*: //'; taskset -pc $$ | sed 's/.*: //'";
    let output = host.ok(&run(&["--", "sh", "-c", script]));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.first(), Some(&format!("/evenkeel-{JOB}").as_str()), "{text}");
    assert_eq!(lines.get(1), Some(&"SCHED_RR"), "{text}");
    assert_eq!(lines.last(), Some(&"0"), "{text}");
}

#[test]
fn signals_are_passed_on_and_the_capsule_is_released() {
    let Some(host) = HostTest::begin("signals_are_passed_on") else { return };
    let script = "trap 'echo caught; exit 7' TERM; echo ready; \
                  for i in $(seq 200); do sleep 0.05; done";
    let mut child =
        Guarded::spawn(host.command(&run(&["--", "sh", "-c", script])).stdout(Stdio::piped()));
    let deadline = Instant::now() + Duration::from_secs(5);
    while host.groups().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = child.wait().unwrap();
    let output = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert_eq!(output, "ready\ncaught\n");
    assert_eq!(status.code(), Some(7));
    assert_eq!(host.groups(), [""; 0]);
}

#[test]
fn killed_it_leaves_the_reservation_and_delete_clears_it() {
    let Some(mut host) = HostTest::begin("killed_it_leaves") else { return };
    let mut child = Guarded::spawn(&mut host.command(&run(&["--", "sleep", "5"])));
    let deadline = Instant::now() + Duration::from_secs(5);
    while host.groups().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    host.redact(&child.id().to_string(), "[PID]");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(host.groups(), [format!("evenkeel-{JOB}")]);
    let capsule = host.list_json().remove(0);
    assert_eq!(capsule["name"], JOB);
    assert_eq!(capsule["run"]["gone"], true, "{capsule}");
    host.ok(&["capsule", "delete", JOB]);
    assert_eq!(host.groups(), [""; 0]);
}
