// SPDX-License-Identifier: MIT OR Apache-2.0
//! `run` on the real kernel: exit status, signals, what is left behind, a killed `run`.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its host has failed")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use evenkeel_host::{Host, HostOptions, RunRequest};
use evenkeel_kernel::process::{self, ProcessId};
use evenkeel_kernel::{Pid, Signal};
use evenkeel_model::Span;
use support::{Bench, Doomed, Helper, bench, helper_command, snapshot, wait_until};

/// Not a test: what this program is when a test starts it as a helper: `run` with the name, the
/// state directory and the script of the environment.
#[test]
fn helper() {
    if support::helper().as_deref() != Some("run") {
        return;
    }
    let variable = |name: &str| std::env::var(name).unwrap();
    let state_dir = PathBuf::from(variable("EK_TEST_STATE"));
    let host = Host::open(HostOptions { state_dir }).unwrap();
    let create = serde_json::from_str(&variable("EK_TEST_CREATE")).unwrap();
    let command = ["sh", "-c", &variable("EK_TEST_SCRIPT")].map(Into::into).to_vec();
    match host.run(&RunRequest { create, netdevs: Vec::new(), command }) {
        Ok(outcome) => {
            for note in &outcome.notes {
                eprintln!("note: {note}");
            }
            std::process::exit(outcome.exit_code().into());
        }
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(200 + i32::from(error.exit_code()));
        }
    }
}

/// A `run` of a shell script in a process of its own, its output piped.
fn run(bench: &Bench, short: &str, script: &str) -> Helper {
    let create = serde_json::to_string(&bench.request(short, 5_000, 50)).unwrap();
    let mut command = helper_command("run");
    command
        .env("EK_TEST_STATE", bench.state_dir.path())
        .env("EK_TEST_CREATE", create)
        .env("EK_TEST_SCRIPT", script)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Helper { child: command.spawn().unwrap() }
}

fn stderr_of(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Reads the child's output up to a line that begins with `mark`, and the rest of that line.
fn line(output: &mut impl BufRead, mark: &str) -> String {
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        // The test harness of the helper writes lines of its own, perhaps without an end.
        if let Some(at) = line.find(mark) {
            return line[at + mark.len()..].trim().to_owned();
        }
        line.clear();
    }
    panic!("the command did not write '{mark}'");
}

#[test]
fn the_exit_status_is_the_commands_and_nothing_is_left() {
    let Some(bench) = bench("the_exit_status_is_the_commands") else { return };
    let mut running = run(&bench, "r", "cat /proc/self/cgroup; exit 7");
    let mut output = BufReader::new(running.child.stdout.take().unwrap());
    assert_eq!(line(&mut output, ":cpu:"), format!("/evenkeel-{}", bench.name("r")));
    assert_eq!(running.child.wait().unwrap().code(), Some(7));
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
    let mut running = run(&bench, "r", "kill -9 $$");
    assert_eq!(running.child.wait().unwrap().code(), Some(128 + 9));
    assert_eq!(stderr_of(&mut running.child), "");
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
}

#[test]
fn signals_reach_the_command() {
    let Some(bench) = bench("signals_reach_the_command") else { return };
    let script = "trap 'echo MARK usr1' USR1; trap 'echo MARK term; exit 3' TERM; echo MARK ready; \
                  while :; do sleep 0.05; done";
    let mut running = run(&bench, "r", script);
    let mut output = BufReader::new(running.child.stdout.take().unwrap());
    let id = process::identity(running.pid()).unwrap();
    assert_eq!(line(&mut output, "MARK"), "ready");
    process::kill(&id, Signal::USR1).unwrap();
    assert_eq!(line(&mut output, "MARK"), "usr1");
    process::kill(&id, Signal::TERM).unwrap();
    assert_eq!(line(&mut output, "MARK"), "term");
    assert_eq!(running.child.wait().unwrap().code(), Some(3));
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
}

#[test]
fn stopping_stops_both_and_continuing_wakes_both() {
    let Some(bench) = bench("stopping_stops_both") else { return };
    let mut running = run(&bench, "r", "echo MARK $$; while :; do sleep 0.05; done");
    let mut output = BufReader::new(running.child.stdout.take().unwrap());
    let shell: Pid = line(&mut output, "MARK").parse().unwrap();
    let id = process::identity(running.pid()).unwrap();
    let state = |pid: Pid| process::stat(pid.leader()).unwrap().state;
    process::kill(&id, Signal::TSTP).unwrap();
    wait_until("both to stop", || state(shell) == 'T' && state(id.pid) == 'T');
    process::kill(&id, Signal::CONT).unwrap();
    wait_until("both to go on", || state(shell) != 'T' && state(id.pid) != 'T');
    process::kill(&id, Signal::TERM).unwrap();
    assert_eq!(running.child.wait().unwrap().code(), Some(128 + 15));
}

#[test]
fn what_the_command_leaves_behind_goes_on_outside_and_is_told() {
    let Some(bench) = bench("what_the_command_leaves_behind") else { return };
    let mut running = run(&bench, "r", "sleep 60 >/dev/null 2>&1 & echo MARK $!");
    let mut output = BufReader::new(running.child.stdout.take().unwrap());
    let left: Pid = line(&mut output, "MARK").parse().unwrap();
    let _left = Doomed(process::identity(left).unwrap());
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    let (groups, attr, _) = snapshot(left.leader()).unwrap();
    assert_eq!(groups["cpu"], "/");
    assert!(!attr.policy.is_real_time(), "{attr:?}");
    let said = stderr_of(&mut running.child);
    assert!(said.contains("left 1 thread running"), "{said}");
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
}

#[test]
fn a_killed_run_leaves_the_guarantee_in_force_until_it_is_deleted() {
    let Some(bench) = bench("a_killed_run") else { return };
    let name = bench.name("r");
    let mut running = run(&bench, "r", "echo MARK $$; while :; do sleep 0.05; done");
    let mut output = BufReader::new(running.child.stdout.take().unwrap());
    let shell: Pid = line(&mut output, "MARK").parse().unwrap();
    let shell: ProcessId = process::identity(shell).unwrap();
    let _shell = Doomed(shell);
    running.child.kill().unwrap();
    assert_eq!(running.child.wait().unwrap().signal(), Some(9));
    assert!(process::is_alive(&shell));
    assert_eq!(bench.read(&name, "cpu.rt_runtime_us"), "5000");
    let summary = bench.host.list().unwrap().into_iter().find(|s| s.name == name).unwrap();
    assert!(summary.run.unwrap().gone, "{summary:?}");
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert!(view.warnings.iter().any(|w| w.contains("was killed")), "{:?}", view.warnings);
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    let (groups, attr, _) = snapshot(shell.pid.leader()).unwrap();
    assert_eq!(groups["cpu"], "/");
    assert!(!attr.policy.is_real_time());
}

#[test]
fn a_capsule_deleted_under_its_run_is_told_and_the_command_goes_on() {
    let Some(bench) = bench("a_capsule_deleted_under_its_run") else { return };
    let name = bench.name("r");
    let mut running =
        run(&bench, "r", "trap 'exit 5' TERM; echo MARK; while :; do sleep 0.05; done");
    let mut output = BufReader::new(running.child.stdout.take().unwrap());
    line(&mut output, "MARK");
    let outcome = bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert!(outcome.notes.iter().any(|note| note.contains("is active")), "{outcome:?}");
    let id = process::identity(running.pid()).unwrap();
    process::kill(&id, Signal::TERM).unwrap();
    assert_eq!(running.child.wait().unwrap().code(), Some(5));
    let said = stderr_of(&mut running.child);
    assert!(said.contains("was deleted while its command ran"), "{said}");
}

#[test]
fn a_command_that_is_not_there_leaves_nothing() {
    let Some(bench) = bench("a_command_that_is_not_there") else { return };
    let command = vec!["/ek/no/such/program".into()];
    let create = bench.request("r", 5_000, 50);
    let request = RunRequest { create, netdevs: Vec::new(), command };
    let error = bench.host.run(&request).unwrap_err();
    assert!(error.to_string().contains("/ek/no/such/program"), "{error}");
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
    let request = RunRequest { command: Vec::new(), ..request };
    assert_eq!(bench.host.run(&request).unwrap_err().exit_code(), 2);
}

/// A name that is taken is noticed before the command is started.
#[test]
fn a_run_that_is_refused_starts_nothing() {
    let Some(bench) = bench("a_run_that_is_refused") else { return };
    bench.create("r", 1_000, 50);
    let mark = bench.state_dir.path().join("started");
    let script = format!("touch {}", mark.display());
    let mut running = run(&bench, "r", &script);
    assert_eq!(running.child.wait().unwrap().code(), Some(202));
    assert!(!mark.exists());
}
