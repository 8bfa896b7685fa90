// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests on the real kernel share: a record of their own, names of their own, helpers
//! that are this very program, and a look at the host before and after.

#![allow(dead_code, reason = "every test program uses a part of it")]

pub mod scx;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_host::{CreateRequest, EnforcerChoice, Host, HostError, HostOptions, Outcome, Plan};
use evenkeel_kernel::cgroup::{CgroupMounts, membership};
use evenkeel_kernel::netdev::{Netdev, lookup};
use evenkeel_kernel::sched::{SchedAttr, affinity, sched_attr};
use evenkeel_kernel::{Pid, Tid, facts, process};
use evenkeel_model::{CapsuleName, CpuSet, Reservation, Span};

/// Tests of one program take turns: they share the kernel's real-time bandwidth.
static TURN: Mutex<()> = Mutex::new(());
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Names the helper in the environment of a helper process.
pub const HELPER: &str = "EK_TEST_HELPER";

/// A host with a record of its own. Dropping it takes everything back.
pub struct Bench {
    pub host: Host,
    pub state_dir: tempfile::TempDir,
    pub prefix: String,
    pub cpu: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

/// A bench, or `None` with the reason on stderr where this host cannot have one.
pub fn bench(test: &str) -> Option<Bench> {
    let skip = |missing: &str| eprintln!("SKIP {test}: {missing}");
    if !facts::is_root() {
        skip("root");
        return None;
    }
    let mounts = CgroupMounts::discover().unwrap();
    let Some(cpu) = mounts.v1_cpu.filter(|cpu| cpu.join("cpu.rt_runtime_us").exists()) else {
        skip("real-time groups (cgroup v1 cpu, CONFIG_RT_GROUP_SCHED)");
        return None;
    };
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let state_dir = tempfile::tempdir().unwrap();
    let options = HostOptions { state_dir: state_dir.path().to_owned() };
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("ek-t-{}-{count}-", std::process::id());
    Some(Bench { host: Host::open(options).unwrap(), state_dir, prefix, cpu, _turn: turn })
}

impl Bench {
    /// A capsule name of this test.
    pub fn name(&self, short: &str) -> CapsuleName {
        format!("{}{short}", self.prefix).parse().unwrap()
    }

    /// The directory of a capsule's group.
    pub fn group(&self, name: &CapsuleName) -> PathBuf {
        self.cpu.join(format!("evenkeel-{name}"))
    }

    /// What a file of the group says.
    pub fn read(&self, name: &CapsuleName, file: &str) -> String {
        fs::read_to_string(self.group(name).join(file)).unwrap().trim().to_owned()
    }

    /// A request on CPU 0.
    pub fn request(&self, short: &str, budget_us: u64, period_ms: u64) -> CreateRequest {
        CreateRequest {
            name: self.name(short),
            reservation: reservation(budget_us, period_ms),
            cpus: cpus("0"),
            parent: None,
            enforcer: EnforcerChoice::Auto,
        }
    }

    /// A capsule on CPU 0.
    pub fn create(&self, short: &str, budget_us: u64, period_ms: u64) -> CapsuleName {
        let request = self.request(short, budget_us, period_ms);
        self.apply(self.host.plan_create(&request)).unwrap();
        request.name
    }

    /// Applies what was planned.
    pub fn apply(&self, plan: Result<Plan, HostError>) -> Result<Outcome, HostError> {
        self.host.apply(&plan?)
    }

    /// The state file's text; empty where there is none.
    pub fn state(&self) -> String {
        fs::read_to_string(self.state_dir.path().join("state.json")).unwrap_or_default()
    }

    /// Our groups in every hierarchy.
    pub fn groups(&self) -> Vec<PathBuf> {
        let mounts = CgroupMounts::discover().unwrap();
        let roots = [mounts.v1_cpu, mounts.v1_cpuacct, mounts.v2];
        let mut groups = Vec::new();
        for root in roots.into_iter().flatten() {
            for entry in fs::read_dir(root).unwrap().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with(&format!("evenkeel-{}", self.prefix)) {
                    groups.push(entry.path());
                }
            }
        }
        groups.sort();
        groups.dedup();
        groups
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let released = self.host.release_all(&self.prefix);
        for group in self.groups() {
            let name = group.file_name().unwrap().to_string_lossy().into_owned();
            let name: CapsuleName = name.strip_prefix("evenkeel-").unwrap().parse().unwrap();
            let _ = self.apply(self.host.plan_delete(&name));
        }
        if !std::thread::panicking() {
            released.unwrap();
            assert_eq!(self.groups(), Vec::<PathBuf>::new(), "groups left behind");
        }
    }
}

/// A group that somebody else made, removed when it is dropped.
pub struct OtherGroup {
    pub path: PathBuf,
}

impl OtherGroup {
    pub fn new(path: PathBuf) -> OtherGroup {
        fs::create_dir(&path).unwrap();
        OtherGroup { path }
    }

    /// Moves a thread into it. A kernel thread can be moved once it has run for the first time.
    pub fn take(&self, tid: Tid) {
        wait_until("the thread to move", || {
            fs::write(self.path.join("tasks"), tid.to_string()).is_ok()
        });
    }
}

impl Drop for OtherGroup {
    fn drop(&mut self) {
        // Whoever is still inside goes to the root group; a failed test leaves helpers there.
        let tasks = fs::read_to_string(self.path.join("tasks")).unwrap_or_default();
        for tid in tasks.lines() {
            let _ = fs::write(self.path.parent().unwrap().join("tasks"), tid);
        }
        for _ in 0..500 {
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                    sleep(Duration::from_millis(2));
                }
                _ => return,
            }
        }
    }
}

pub fn reservation(budget_us: u64, period_ms: u64) -> Reservation {
    Reservation::new(Span::from_us(budget_us), Span::from_ms(period_ms)).unwrap()
}

pub fn cpus(text: &str) -> CpuSet {
    text.parse().unwrap()
}

/// Which helper this process is to be, if any.
pub fn helper() -> Option<String> {
    std::env::var(HELPER).ok()
}

/// A helper process that is killed when it is dropped.
pub struct Helper {
    pub child: Child,
}

impl Helper {
    pub fn pid(&self) -> Pid {
        Pid(self.child.id())
    }

    /// Ends it and everything that descends from it. Once it has been waited for its number may be
    /// somebody else's, and nothing more is done.
    pub fn end(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let descendants = process::descendants(self.pid()).unwrap_or_default();
        let descendants: Vec<Doomed> = descendants
            .into_iter()
            .filter_map(|pid| process::identity(pid).ok().map(Doomed))
            .collect();
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(descendants);
    }
}

/// A process that is killed when this is dropped, whoever its parent is by then.
pub struct Doomed(pub process::ProcessId);

impl Drop for Doomed {
    fn drop(&mut self) {
        // It may have ended as it should.
        let _ = process::kill(&self.0, evenkeel_kernel::Signal::KILL);
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.end();
    }
}

/// The command for a helper: this program again, running only its test named `helper`.
pub fn helper_command(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "helper", "--nocapture", "--test-threads=1"]).env(HELPER, role);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts a helper.
pub fn spawn_helper(role: &str) -> Helper {
    Helper { child: helper_command(role).spawn().unwrap() }
}

/// Starts a shell script.
pub fn spawn_shell(script: &str) -> Helper {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Helper { child: command.spawn().unwrap() }
}

/// What a thread is: groups, policy, CPUs.
pub type Snapshot = (BTreeMap<String, String>, SchedAttr, CpuSet);

/// What `tid` is now; `None` if it has ended or is about to: it has left its groups then.
pub fn snapshot(tid: Tid) -> Option<Snapshot> {
    let groups = membership(tid).ok()?;
    let groups = groups.into_iter().map(|m| (m.controllers.join(","), m.path)).collect();
    let snapshot = (groups, sched_attr(tid).ok()?, affinity(tid).ok()?);
    let stat = process::stat(tid).ok()?;
    (!stat.exiting).then_some(snapshot)
}

/// The policy that children of this program have: it may have been started niced.
pub fn our_policy() -> SchedAttr {
    sched_attr(evenkeel_kernel::sched::current_tid()).unwrap()
}

/// What every thread of `pid` and its descendants is now.
pub fn snapshots(pid: Pid) -> BTreeMap<Tid, Snapshot> {
    let mut pids = process::descendants(pid).unwrap_or_default();
    pids.push(pid);
    let tids = pids.into_iter().flat_map(|pid| process::threads(pid).unwrap_or_default());
    tids.filter_map(|tid| Some((tid, snapshot(tid)?))).collect()
}

/// Waits until `done`, at most ten seconds.
pub fn wait_until(what: &str, done: impl FnMut() -> bool) {
    wait_at_most(Duration::from_secs(10), what, done);
}

/// Waits until `done`, at most `time`.
pub fn wait_at_most(time: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !done() {
        assert!(Instant::now() < deadline, "waited {time:?} for: {what}");
        sleep(Duration::from_millis(2));
    }
}

/// Burns CPU time for `time`.
pub fn spin_for(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// Whether the program `name` is in the path.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// Runs `ip ARGUMENTS`.
pub fn ip(arguments: &str) -> bool {
    Command::new("ip").args(arguments.split(' ')).stderr(Stdio::null()).status().unwrap().success()
}

/// Loads modules of the bench's kernel; elsewhere the host has what it has.
pub fn modules(names: &[&str]) {
    let Some(root) = std::env::var_os("EK_MODULES") else { return };
    for name in names {
        let status = Command::new("modprobe").arg("-d").arg(&root).arg(name).status().unwrap();
        assert!(status.success(), "no module {name}");
    }
}

/// A veth pair, up, removed when it is dropped.
pub struct Veth {
    pub name: String,
}

impl Veth {
    pub fn new(suffix: &str) -> Veth {
        // At most 15 bytes: ek-t- and up to seven digits leave three.
        let pair = |end: char| format!("ek-t{}{suffix}{end}", std::process::id());
        let (name, peer) = (pair('a'), pair('b'));
        assert!(ip(&format!("link add {name} type veth peer name {peer}")));
        assert!(ip(&format!("link set {peer} up")) && ip(&format!("link set {name} up")));
        Veth { name }
    }

    pub fn netdev(&self) -> Netdev {
        lookup(&self.name).unwrap()
    }

    pub fn thread(&self) -> Tid {
        self.netdev().napis().unwrap()[0].thread.unwrap()
    }

    /// GRO, threaded, and what there is in sysfs that a change could touch.
    pub fn state(&self) -> (bool, bool, Vec<(String, String)>) {
        let files = ["gro_flush_timeout", "napi_defer_hard_irqs", "tx_queue_len", "flags"];
        let path = |file: &str| Path::new("/sys/class/net").join(&self.name).join(file);
        let read = |file: &&str| ((*file).to_owned(), fs::read_to_string(path(file)).unwrap());
        let netdev = self.netdev();
        (netdev.gro().unwrap(), netdev.threaded().unwrap(), files.iter().map(read).collect())
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        ip(&format!("link del {}", self.name));
    }
}

/// What a directory's files say, for comparing before and after.
pub fn texts(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().flatten();
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        (entry.file_name().to_string_lossy().into_owned(), text)
    };
    entries.filter(|entry| entry.path().is_file()).map(read).collect()
}
