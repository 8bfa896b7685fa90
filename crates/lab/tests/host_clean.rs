// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lab clean` leaves the host as it was: after a lab was killed at any moment, with guests that
//! hang, senders that go on, a journal that is damaged or lost, and a full disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use evenkeel_kernel::process::{self, identity};
use evenkeel_kernel::{Pid, Signal};

use support::snapshot::of_host;
use support::{can_run, program};

/// Longest that cleaning may take here; it takes half a second.
const CLEAN_TIMEOUT: Duration = Duration::from_secs(60);

/// A lab in a process of its own, which can be killed.
struct Lab {
    child: Child,
}

impl Lab {
    /// Starts it and returns at once.
    fn start(state_dir: Option<&Path>) -> Lab {
        let mut command = Command::new(program());
        command.args(["hold", "a:6ms/20ms", "b", "sink"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(directory) = state_dir {
            command.env("EVENKEEL_STATE_DIR", directory);
        }
        Lab { child: command.spawn().unwrap() }
    }

    /// Reads on until the testbed stands; panics with what was said if it does not.
    fn wait_built(&mut self) {
        let mut said = String::new();
        for line in BufReader::new(self.child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line == "HOLDING" {
                return;
            }
            said += &line;
            said.push('\n');
        }
        panic!("the testbed was not built: {said}");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until no other lab runs, then looks.
fn before() -> BTreeSet<String> {
    let deadline = Instant::now() + Duration::from_secs(240);
    let path = Path::new("/run/evenkeel/lab.lock");
    while path.exists()
        && evenkeel_kernel::lock::FileLock::acquire(path, evenkeel_model::Span::ZERO).is_err()
    {
        assert!(Instant::now() < deadline, "another lab keeps running");
        std::thread::sleep(Duration::from_secs(1));
    }
    // What a test that failed before this one left.
    if !evenkeel_lab::remaining().unwrap().is_empty() {
        clean(None);
    }
    of_host()
}

/// Cleans in a process of its own, as a user would.
fn clean(state_dir: Option<&Path>) -> String {
    let mut command = Command::new(program());
    command.arg("clean").stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(directory) = state_dir {
        command.env("EVENKEEL_STATE_DIR", directory);
    }
    let (start, mut child) = (Instant::now(), command.spawn().unwrap());
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > CLEAN_TIMEOUT {
            child.kill().unwrap();
            panic!("cleaning has not ended after {CLEAN_TIMEOUT:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    said
}

fn assert_as_before(before: &BTreeSet<String>, circumstance: &str) {
    let after = of_host();
    let left: Vec<_> = after.difference(before).collect();
    let lost: Vec<_> = before.difference(&after).collect();
    assert!(left.is_empty() && lost.is_empty(), "{circumstance}: left {left:?}, lost {lost:?}");
    let remaining = evenkeel_lab::remaining().unwrap();
    assert!(remaining.is_empty(), "{circumstance}: {remaining:?}");
}

/// Main processes of the guests that are there.
fn guests() -> Vec<process::ProcessId> {
    let all = process::all_processes().unwrap();
    let marked = |pid: &Pid| {
        let words = process::cmdline(*pid).unwrap_or_default();
        words.iter().any(|word| word.starts_with("umid=ek-lab-"))
    };
    all.into_iter().filter(marked).filter_map(|pid| identity(pid).ok()).collect()
}

/// A generator of moments (Knuth's MMIX), so that a failure can be repeated. The network is built in
/// the first tenth of a second, guests are booted and put into capsules in the two to four that
/// follow: every other moment is an early one.
fn moments(seed: u64) -> impl Iterator<Item = Duration> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    let ranges_ms = [150, 4_000].into_iter().cycle();
    let numbers = std::iter::successors(next(&seed), next);
    numbers.zip(ranges_ms).map(|(n, range)| Duration::from_millis((n >> 33) % range))
}

#[test]
fn a_lab_killed_at_any_moment_leaves_nothing() {
    if !can_run("a_lab_killed_at_any_moment_leaves_nothing") {
        return;
    }
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = seed.as_secs();
    println!("seed {seed}");
    let before = before();
    for (round, moment) in moments(seed).take(14).enumerate() {
        let mut lab = Lab::start(None);
        std::thread::sleep(moment);
        lab.kill();
        // Every other pair of times the guests hang.
        if round % 4 >= 2 {
            guests().iter().for_each(|guest| drop(process::kill(guest, Signal::STOP)));
        }
        let said = clean(None);
        println!("killed after {moment:?}: {} things removed", said.lines().count());
        assert_as_before(&before, &format!("seed {seed}, killed after {moment:?}"));
    }
}

#[test]
fn a_lost_or_damaged_journal_hides_nothing() {
    if !can_run("a_lost_or_damaged_journal_hides_nothing") {
        return;
    }
    let before = before();
    // A record of its own: that of the host may tell of other capsules.
    let directory = tempfile::tempdir().unwrap();
    let (journal, state) = (directory.path().join("lab.json"), directory.path().join("state.json"));
    let damages: [(&str, &dyn Fn()); 3] = [
        ("journal cut short", &|| {
            let bytes = fs::read(&journal).unwrap();
            fs::write(&journal, &bytes[..bytes.len() / 3]).unwrap();
        }),
        ("journal lost, record of capsules lost", &|| {
            fs::remove_file(&journal).unwrap();
            fs::remove_file(&state).unwrap();
        }),
        ("journal and record overwritten", &|| {
            fs::write(&journal, b"\0\0\0\n{\"process\":7}\n").unwrap();
            fs::write(&state, b"{\"schema\":").unwrap();
        }),
    ];
    for (circumstance, damage) in damages {
        let mut lab = Lab::start(Some(directory.path()));
        lab.wait_built();
        let sender = Command::new("ip")
            .args(["netns", "exec", "ek-client", "sleep", "600"])
            .process_group_zero()
            .spawn()
            .unwrap();
        lab.kill();
        damage();
        let said = clean(Some(directory.path()));
        assert!(said.contains("removed capsule ek-a"), "{circumstance}: {said}");
        let status = reap(sender);
        assert!(!status.success(), "{circumstance}: the sender was ended");
        if circumstance.ends_with("overwritten") {
            assert!(said.contains("cannot be read"), "{said}");
            // The lab cannot mend the product's record; a user removes it.
            fs::remove_file(&state).unwrap();
        }
        assert_as_before(&before, circumstance);
    }
}

#[test]
fn a_lab_that_runs_is_ended() {
    if !can_run("a_lab_that_runs_is_ended") {
        return;
    }
    let before = before();
    let mut lab = Lab::start(None);
    lab.wait_built();
    let remaining = evenkeel_lab::remaining().unwrap();
    assert!(remaining[0].starts_with("the lab that is running (process "), "{remaining:?}");
    assert!(remaining.iter().any(|line| line == "capsule ek-a"), "{remaining:?}");
    let said = clean(None);
    assert!(said.starts_with("ending the lab that is running (process "), "{said}");
    assert!(!reap_lab(lab).success());
    assert_as_before(&before, "a running lab");
}

#[test]
fn a_full_disk_keeps_nothing_from_being_removed() {
    if !can_run("a_full_disk_keeps_nothing_from_being_removed") {
        return;
    }
    let before = before();
    let disk = SmallDisk::mount();
    let directory = disk.0.path();
    let fill = || drop(fs::write(directory.join("ballast"), vec![1; 1 << 20]));
    // It fills while the lab runs...
    let mut lab = Lab::start(Some(directory));
    lab.wait_built();
    fill();
    lab.kill();
    let said = clean(Some(directory));
    assert!(said.contains("removed capsule ek-a"), "{said}");
    // ...or is full before it starts.
    fill();
    let mut lab = Lab::start(Some(directory));
    let output = lab.child.stderr.take().unwrap();
    let errors: Vec<_> = BufReader::new(output).lines().map(Result::unwrap).collect();
    assert!(!lab.child.wait().unwrap().success());
    assert!(errors.concat().contains("No space left on device"), "{errors:?}");
    let place = directory.to_str().unwrap();
    assert!(errors.concat().contains(place), "the file is named: {errors:?}");
    clean(Some(directory));
    drop(disk);
    assert_as_before(&before, "a full disk");
}

/// A file system of 128 kB.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> SmallDisk {
        let disk = SmallDisk(tempfile::tempdir().unwrap());
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"]).arg(disk.0.path());
        assert!(command.status().unwrap().success());
        disk
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

trait ProcessGroup {
    fn process_group_zero(&mut self) -> &mut Self;
}

impl ProcessGroup for Command {
    fn process_group_zero(&mut self) -> &mut Command {
        std::os::unix::process::CommandExt::process_group(self, 0)
    }
}

fn reap(mut child: Child) -> std::process::ExitStatus {
    child.wait().unwrap()
}

fn reap_lab(mut lab: Lab) -> std::process::ExitStatus {
    lab.child.wait().unwrap()
}
