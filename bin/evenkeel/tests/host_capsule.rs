// SPDX-License-Identifier: MIT OR Apache-2.0
//! The capsule verbs on the real kernel, as root: their answers, their refusals, and that a refusal
//! or a failure leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use serde_json::Value;
use support::assert_snapshot;
use support::host::HostTest;

const WEB: &str = "ek-t-cli-web";
const DB: &str = "ek-t-cli-db";

/// `capsule create NAME` with 1 ms every 20 ms on CPU 0: small enough to fit beside anything.
fn create(name: &str) -> Vec<&str> {
    vec!["capsule", "create", name, "--budget", "1ms", "--period", "20ms", "--cpus", "0"]
}

#[test]
fn the_life_of_a_capsule() {
    let Some(host) = HostTest::begin("the_life_of_a_capsule") else { return };
    let mut text = String::new();
    let mut dry = create(WEB);
    dry.push("--dry-run");
    text += &host.run(&dry);
    assert_eq!(host.groups(), [""; 0], "--dry-run changed something");
    assert_eq!(host.state(), "", "--dry-run wrote a state file");
    text += &host.run(&create(WEB));
    assert_eq!(host.groups(), [format!("evenkeel-{WEB}")]);
    text += &host.list();
    text += &host.run(&["capsule", "show", WEB, "--sample", "0s"]);
    text += &host.run(&["capsule", "set", WEB, "--budget", "2ms", "--dry-run"]);
    text += &host.run(&["capsule", "set", WEB, "--budget", "2ms"]);
    text += &host.run(&["capsule", "set", WEB]);
    text += &host.list();
    text += &host.run(&["capsule", "delete", WEB, "--dry-run"]);
    text += &host.run(&["capsule", "delete", WEB]);
    assert_eq!(host.groups(), [""; 0]);
    assert_snapshot("host-life", &text);
}

#[test]
fn an_empty_list_is_talk_and_no_answer() {
    let Some(host) = HostTest::begin("an_empty_list_is_talk_and_no_answer") else { return };
    assert_snapshot("host-empty-list", &host.run(&["capsule", "list"]));
}

#[test]
fn the_same_as_data() {
    let Some(host) = HostTest::begin("the_same_as_data") else { return };
    let mut words = create(WEB);
    words.push("--json");
    let mut text = host.run(&words);
    text += &format!("{:#}\n\n", Value::Array(host.list_json()));
    text += &host.run(&["capsule", "show", WEB, "--sample", "0s", "--json"]);
    text += &host.run(&["capsule", "delete", WEB, "--json"]);
    assert_snapshot("host-json", &text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"));
}

#[test]
fn nested_capsules() {
    let Some(host) = HostTest::begin("nested_capsules") else { return };
    let inner = "ek-t-cli-inner";
    let mut text =
        host.run(&["capsule", "create", DB, "--budget", "4ms", "--period", "40ms", "--cpus", "0"]);
    text += &host.run(&[
        "capsule", "create", inner, "--parent", DB, "--budget", "1ms", "--period", "40ms",
        "--cpus", "0",
    ]);
    text += &host.list();
    text += &host.run(&["capsule", "delete", DB]);
    text += &host.run(&[
        "capsule",
        "create",
        "ek-t-cli-big",
        "--parent",
        DB,
        "--budget",
        "20ms",
        "--period",
        "40ms",
        "--cpus",
        "0",
    ]);
    host.ok(&["capsule", "delete", inner]);
    host.ok(&["capsule", "delete", DB]);
    assert_snapshot("host-nested", &text);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let Some(host) = HostTest::begin("what_does_not_fit") else { return };
    host.ok(&["capsule", "create", WEB, "--budget", "6ms", "--period", "20ms", "--cpus", "0"]);
    let (state, groups) = (host.state(), host.groups());
    let big = ["capsule", "create", DB, "--budget", "15ms", "--period", "20ms", "--cpus", "0"];
    let mut text = host.run(&big);
    text += &host.run(&[&big[..], &["--dry-run"]].concat());
    text += &host.run(&["capsule", "set", WEB, "--budget", "20ms"]);
    text += &host.run(&[&["run"], &big[2..], &["--", "true"]].concat());
    assert_eq!((host.state(), host.groups()), (state, groups), "a refusal changed something");
    assert_snapshot("host-refused", &text);

    let output = host.command(&[&big[..], &["--json"]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["schema"], "evenkeel.error.v1");
    assert_eq!((&error["code"], &error["exit_status"]), (&"refused".into(), &4.into()));
    assert_eq!(error["verdict"]["admitted"], false);
}

#[test]
fn names_and_cpus_that_cannot_be() {
    let Some(host) = HostTest::begin("names_and_cpus") else { return };
    host.ok(&create(WEB));
    let (state, groups) = (host.state(), host.groups());
    let mut text = host.run(&create(WEB));
    text += &host
        .run(&["capsule", "create", DB, "--budget", "1ms", "--period", "20ms", "--cpus", "0,8191"]);
    text += &host.run(&["capsule", "set", WEB, "--cpus", "8190-8191"]);
    for verb in ["show", "delete", "detach"] {
        text += &host.run(&["capsule", verb, "ek-t-cli-nobody"]);
    }
    text += &host.run(&["capsule", "set", "ek-t-cli-nobody", "--budget", "2ms"]);
    text += &host.run(&["capsule", "attach", "ek-t-cli-nobody", "1"]);
    text += &host.run(&[
        "capsule",
        "create",
        DB,
        "--parent",
        "ek-t-cli-nobody",
        "--budget",
        "1ms",
        "--period",
        "20ms",
        "--cpus",
        "0",
    ]);
    assert_eq!((host.state(), host.groups()), (state, groups), "an error changed something");
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap();
    assert_snapshot("host-names", &text.replace(&format!(" {}", online.trim()), " [ONLINE]"));
}

#[test]
fn quota_is_a_cap_and_says_so() {
    let Some(host) = HostTest::begin("quota_is_a_cap") else { return };
    let mut words = create(WEB);
    words.extend(["--enforcer", "quota"]);
    let mut text = host.run(&words);
    text += &host.run(&["capsule", "show", WEB, "--sample", "0s"]);
    host.ok(&["capsule", "delete", WEB]);
    assert_snapshot("host-quota", &text);
}
