// SPDX-License-Identifier: MIT OR Apache-2.0
//! A test that changes this host: one at a time, with a state of its own, and everything it made
//! taken back however it ends.

use std::fs::{self, File};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::fs::FlockOperation;
use serde_json::Value;

use super::{PROGRAM, isolate, shown, transcript};

/// Where the version 1 `cpu` hierarchy is looked for by these tests: wherever it is mounted.
pub fn rt_hierarchy() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
    text.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let options = file_system.strip_prefix("cgroup ")?.split(' ').nth(1)?;
        let point = PathBuf::from(mount.split(' ').nth(4)?);
        let has_cpu = options.split(',').any(|option| option == "cpu");
        (has_cpu && point.join("cpu.rt_runtime_us").exists()).then_some(point)
    })
}

/// The groups of these tests, and of nobody else.
const GROUP_PREFIX: &str = "evenkeel-ek-t-cli-";

/// A child in a process group of its own, which is killed when this goes out of scope: also when
/// the test fails, and when the child has left something behind.
pub struct Guarded {
    child: Child,
    group: rustix::process::Pid,
}

impl Guarded {
    /// Starts `command`.
    pub fn spawn(command: &mut Command) -> Guarded {
        let child = command.process_group(0).spawn().unwrap();
        let group = rustix::process::Pid::from_child(&child);
        Guarded { child, group }
    }
}

impl Deref for Guarded {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Guarded {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // It may have ended by itself, with all of its group.
        let _ = rustix::process::kill_process_group(self.group, rustix::process::Signal::KILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One privileged test's place on the host.
pub struct HostTest {
    state: tempfile::TempDir,
    hierarchy: PathBuf,
    children: Vec<Guarded>,
    redactions: Vec<(String, String)>,
    _one_at_a_time: File,
}

impl HostTest {
    /// Waits for its turn. `None`, loudly, where this host lacks what the test needs.
    pub fn begin(test: &str) -> Option<HostTest> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIP {test}: not root");
            return None;
        }
        let Some(hierarchy) = rt_hierarchy() else {
            eprintln!("SKIP {test}: no cgroup hierarchy with real-time groups is mounted");
            return None;
        };
        // One lock for all tests of this kind, in whatever process: they share the bandwidth.
        let lock = File::create(std::env::temp_dir().join("ek-t-cli.lock")).unwrap();
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).unwrap();
        // Figures in answers (what is left, who holds it) are those of a host without others.
        if let Some(stranger) = stranger_after_waiting(&hierarchy) {
            eprintln!(
                "SKIP {test}: the group {stranger} of somebody else holds real-time bandwidth"
            );
            return None;
        }
        let state = tempfile::Builder::new().prefix("ek-t-").tempdir().unwrap();
        let shown_state = state.path().display().to_string();
        let mut host = HostTest {
            state,
            hierarchy,
            children: Vec::new(),
            redactions: Vec::new(),
            _one_at_a_time: lock,
        };
        host.redact(&shown_state, "[STATE]");
        let hierarchy = host.hierarchy.display().to_string();
        host.redact(&hierarchy, "[CGROUP]");
        Some(host)
    }

    /// From now on `text` appears as `placeholder` in transcripts.
    pub fn redact(&mut self, text: &str, placeholder: &str) {
        self.redactions.push((text.to_owned(), placeholder.to_owned()));
    }

    /// Root of the hierarchy with real-time groups.
    pub fn hierarchy(&self) -> &Path {
        &self.hierarchy
    }

    /// The state directory of this test.
    pub fn state_dir(&self) -> &Path {
        self.state.path()
    }

    /// `evenkeel ARGUMENTS` with this test's state.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.wrapped(&[], arguments)
    }

    /// `WRAPPER... evenkeel ARGUMENTS` with this test's state.
    pub fn wrapped(&self, wrapper: &[&str], arguments: &[&str]) -> Command {
        let program = PROGRAM;
        let mut words = wrapper.iter().copied().chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(arguments);
        isolate(&mut command);
        command.env("EVENKEEL_STATE_DIR", self.state.path());
        command
    }

    /// Runs `evenkeel ARGUMENTS`; its redacted transcript.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        self.transcript(&shown(arguments), &output)
    }

    /// The transcript of `capsule list` without the groups of others, which may come and go. The
    /// width of columns depends on them: runs of blanks become two.
    pub fn list(&self) -> String {
        let text = self.run(&["capsule", "list"]);
        let lines = text.lines().filter(|line| !line.contains("  orphan  "));
        lines.map(|line| collapse(line) + "\n").collect()
    }

    /// The capsules of this test, as `capsule list --json` has them.
    pub fn list_json(&self) -> Vec<Value> {
        let output = self.ok(&["capsule", "list", "--json"]);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        let capsules = list["capsules"].as_array().unwrap().iter();
        capsules.filter(|capsule| capsule["status"] != "orphan").cloned().collect()
    }

    /// Runs `evenkeel ARGUMENTS` and expects status 0.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{}", transcript(&shown(arguments), &output));
        output
    }

    /// The transcript of a command, redacted.
    pub fn transcript(&self, shown: &str, output: &Output) -> String {
        let mut text = transcript(shown, output);
        for (found, placeholder) in &self.redactions {
            text = replace_words(&text, found, placeholder);
        }
        text
    }

    /// Starts a process that plays a VM; killed at the end.
    pub fn start(&mut self, program: &str, arguments: &[&str]) -> u32 {
        // Killed with this test, whatever becomes of it; and in a process group of its own, so that
        // what it starts is killed with it.
        let child = Guarded::spawn(
            Command::new("setpriv")
                .args(["--pdeathsig", "KILL", program])
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        let pid = child.id();
        self.children.push(child);
        let exe = PathBuf::from(format!("/proc/{pid}/exe"));
        let ours = fs::read_link("/proc/self/exe").unwrap();
        for _ in 0..START_TRIES {
            match fs::read_link(&exe) {
                Ok(path) if path != ours && !path.ends_with("setpriv") => break,
                _ => std::thread::sleep(START_PAUSE),
            }
        }
        pid
    }

    /// Ends the process started last, with all of its group, and waits for it.
    pub fn end_last(&mut self) {
        drop(self.children.pop().unwrap());
    }

    /// The directories of capsules' groups that exist.
    pub fn groups(&self) -> Vec<String> {
        let mut groups: Vec<String> = fs::read_dir(&self.hierarchy)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter(|name| name.starts_with(GROUP_PREFIX))
            .collect();
        groups.sort();
        groups
    }

    /// The state file as it stands; empty if there is none.
    pub fn state(&self) -> String {
        fs::read_to_string(self.state.path().join("state.json")).unwrap_or_default()
    }

    /// What the state file says about capsules, and whether an operation is half done. A change
    /// that was undone leaves both as they were, and counts in the file's `generation`.
    pub fn record(&self) -> (Value, Value) {
        let state: Value = serde_json::from_str(&self.state()).unwrap_or_default();
        (state["capsules"].clone(), state["journal"].clone())
    }

    /// A copy of the program that any user may run, and the state directory readable for them.
    pub fn for_everybody(&self) -> PathBuf {
        let directory = self.state.path();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        let copy = directory.join("evenkeel");
        fs::copy(PROGRAM, &copy).unwrap();
        copy
    }
}

/// Two blanks for every longer run of them.
fn collapse(line: &str) -> String {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("  ")
}

/// How long a process that was started may take to become the program asked for.
const START_TRIES: u32 = 200;
const START_PAUSE: Duration = Duration::from_millis(5);

/// How long other tests and labs are waited for.
const STRANGERS_TRIES: u32 = 100;
const STRANGERS_PAUSE: Duration = Duration::from_millis(200);

/// A group of somebody else that stays.
fn stranger_after_waiting(hierarchy: &Path) -> Option<String> {
    for _ in 0..STRANGERS_TRIES {
        stranger(hierarchy)?;
        std::thread::sleep(STRANGERS_PAUSE);
    }
    stranger(hierarchy)
}

/// A group of somebody else: a capsule's, or one that holds real-time bandwidth.
fn stranger(hierarchy: &Path) -> Option<String> {
    let groups = fs::read_dir(hierarchy).unwrap().filter_map(Result::ok);
    let mut groups = groups.filter(|entry| entry.path().is_dir());
    let stranger = groups.find(|entry| {
        let capsule = entry.file_name().to_string_lossy().starts_with("evenkeel-");
        let runtime = fs::read_to_string(entry.path().join("cpu.rt_runtime_us"));
        capsule || runtime.is_ok_and(|runtime| runtime.trim() != "0")
    });
    stranger.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// Replaces `found` where it is not part of a longer word or number.
fn replace_words(text: &str, found: &str, placeholder: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(found) {
        let (before, after) = (&rest[..at], &rest[at + found.len()..]);
        let joins = |c: char| c.is_ascii_alphanumeric();
        let alone = !before.ends_with(joins) && !after.starts_with(joins);
        result.push_str(before);
        result.push_str(if alone { placeholder } else { found });
        rest = after;
    }
    result + rest
}

impl Drop for HostTest {
    fn drop(&mut self) {
        self.children.clear();
        // Children of nested capsules go first: two rounds reach everything these tests make.
        for _ in 0..2 {
            for group in self.groups() {
                let name = group.trim_start_matches("evenkeel-").to_owned();
                let _ = self.command(&["capsule", "delete", &name]).output();
            }
        }
        let left = self.groups();
        if !left.is_empty() && !std::thread::panicking() {
            panic!("groups left behind: {left:?}");
        }
    }
}
