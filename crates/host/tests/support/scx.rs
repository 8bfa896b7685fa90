// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our sched_ext scheduler for tests. Verifying it takes longer than most tests, so that tests of one
//! program share it: it stays loaded from test to test as long as each wants the same one, and leaves
//! with the program. Whoever loads it is a process that is killed as soon as it has, so that every test
//! runs on a scheduler that has outlived its loader.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_host::{CreateRequest, EnforcerChoice, Host, HostOptions};
use evenkeel_kernel::{facts, process};
use evenkeel_model::{CapsuleName, CpuIndex, Role};
use evenkeel_sched::scx::Loaded;
use evenkeel_sched::scx::{intf, running};

use super::{Helper, cpus, helper_command, reservation, wait_at_most};

/// A shell's busy loop.
pub const SPIN: &str = "while :; do :; done";
/// Says to the loader what may be left out, and to any helper where to write what it has to say.
const WITHOUT: &str = "EK_TEST_WITHOUT";
const SAYS: &str = "EK_TEST_SAYS";
/// Verification takes some 15 s of counted time, and the emulated machine may be a slow one.
const LOAD_MAX: Duration = Duration::from_secs(120);

/// What is loaded (the remedies that may be left out), and who unloads it when this program has ended.
static SHARED: Mutex<Option<(u32, Janitor)>> = Mutex::new(None);
/// Tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A process that removes the pins of the scheduler's links once its standard input ends, which it does
/// when this program has ended, however it did.
struct Janitor {
    _child: Child,
}

impl Janitor {
    fn start() -> Janitor {
        let (link, switch) = (running::pins().link(), running::pins().switch());
        let script = format!("read _; rm -f '{}' '{}'", link.display(), switch.display());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null());
        Janitor { _child: command.stderr(Stdio::null()).spawn().unwrap() }
    }
}

/// The turn of a test. `None`, with the reason on stderr, where our scheduler cannot be had.
pub fn turn(test: &str) -> Option<MutexGuard<'static, ()>> {
    if !facts::is_root() {
        eprintln!("SKIP {test}: root");
        return None;
    }
    // First the turn: the test before may have a foreign scheduler loaded.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    match running::look().unwrap() {
        running::Running::Impossible(why) => {
            eprintln!("SKIP {test}: {why}");
            None
        }
        running::Running::Foreign(name) => {
            eprintln!("SKIP {test}: sched_ext scheduler '{name}' is loaded");
            None
        }
        running::Running::Ours | running::Running::Nothing => Some(turn),
    }
}

/// The turn of a test that begins with no scheduler.
pub fn turn_without_any(test: &str) -> Option<MutexGuard<'static, ()>> {
    let turn = turn(test)?;
    unload();
    let _ = fs::remove_dir_all(running::pins().directory());
    Some(turn)
}

/// A host with a record of its own, and our scheduler.
pub struct Scx {
    pub host: Host,
    _state: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Scx {
    /// With a scheduler that `without` may be left out of, none of it left out yet, save what the loader
    /// leaves out. `None`, with the reason on stderr, where this host cannot have one.
    pub fn new(test: &str, without: u32) -> Option<Scx> {
        let turn = turn(test)?;
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = shared.as_ref().is_some_and(|(is, _)| *is == without);
        if !(is_wanted && running::look().unwrap() == running::Running::Ours) {
            unload();
            let _ = fs::remove_dir_all(running::pins().directory());
            let janitor = shared.take().map_or_else(Janitor::start, |(_, janitor)| janitor);
            *shared = Some((without, janitor));
            load_and_die(without);
        }
        let state = tempfile::tempdir().unwrap();
        let options = HostOptions { state_dir: state.path().to_owned() };
        let scx = Scx { host: Host::open(options).unwrap(), _state: state, _turn: turn };
        scx.leave_out(0);
        Some(scx)
    }

    /// The scheduler.
    pub fn loaded(&self) -> Loaded {
        let gone = || panic!("the scheduler has left: {}", running::why_not().unwrap_or_default());
        running::find().unwrap().unwrap_or_else(gone)
    }

    /// Leaves these remedies out, and no others.
    pub fn leave_out(&self, remedies: u32) {
        self.loaded().leave_out(remedies).unwrap();
    }

    pub fn create(&self, name: &str, budget_us: u64, period_ms: u64, on: &str) -> CapsuleName {
        let request = CreateRequest {
            name: name.parse().unwrap(),
            reservation: reservation(budget_us, period_ms),
            cpus: cpus(on),
            parent: None,
            enforcer: EnforcerChoice::Scx,
        };
        self.host.apply(&self.host.plan_create(&request).unwrap()).unwrap();
        request.name
    }

    pub fn delete(&self, name: &CapsuleName) {
        self.host.apply(&self.host.plan_delete(name).unwrap()).unwrap();
    }

    pub fn inside(&self, name: &CapsuleName, role: Role, script: &str) -> Helper {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Helper { child: self.host.spawn_inside(name, role, &mut command).unwrap() }
    }

    /// Starts a helper that is this program inside.
    pub fn helper_inside(&self, name: &CapsuleName, says: &Says, role: &str) -> Helper {
        let mut command = helper_command(role);
        command.env(SAYS, &says.path);
        Helper { child: self.host.spawn_inside(name, Role::Vcpu, &mut command).unwrap() }
    }

    /// The part of one CPU that a capsule is charged in `window`.
    pub fn share(&self, name: &CapsuleName, window: Duration) -> f64 {
        share(window, || self.host.supply(name).unwrap().as_ns())
    }

    /// The greatest overrun of a capsule's server so far, in nanoseconds.
    pub fn overrun(&self, name: &CapsuleName, cpu: u32) -> u64 {
        let loaded = self.loaded();
        let slot = loaded.slot(name).unwrap().unwrap();
        loaded.server(CpuIndex(cpu), slot).unwrap().overrun_max_ns
    }
}

impl Drop for Scx {
    fn drop(&mut self) {
        // What a failed test left must not fail the next one.
        let _ = self.host.release_all("");
        let Ok(Some(loaded)) = running::find() else { return };
        let _ = loaded.leave_out(0);
        for (slot, capsule) in loaded.capsules().unwrap_or_default() {
            if let Some(name) = evenkeel_sched::scx::name_of(&capsule) {
                let _ = loaded.remove(slot, &name);
            }
        }
    }
}

/// How much `counter` grows in `window`, as a part of it.
pub fn share(window: Duration, counter: impl Fn() -> u64) -> f64 {
    let (start, before) = (Instant::now(), counter());
    sleep(window);
    let had = counter().saturating_sub(before);
    had as f64 / start.elapsed().as_nanos() as f64
}

/// The part of a CPU that the first thread of a helper runs for in `window`, by the kernel's account.
pub fn share_of_process(helper: &Helper, window: Duration) -> f64 {
    let tid = helper.pid().leader();
    share(window, || process::cpu_time(tid).unwrap().as_ns())
}

/// Takes the scheduler out, and waits until it is.
pub fn unload() {
    let _ = running::unload();
    let state = || fs::read_to_string("/sys/kernel/sched_ext/state").unwrap_or_default();
    wait_at_most(Duration::from_secs(20), "the scheduler's end", || state().trim() == "disabled");
}

/// Loads a scheduler; its loader is killed as soon as it says that it has.
pub fn load_and_die(without: u32) {
    let (mut loader, _says) = load_by_another(without);
    loader.end();
}

/// Loads a scheduler by another process, which lives on.
pub fn load_by_another(without: u32) -> (Helper, Says) {
    let says = Says::new();
    let mut command = helper_command("loader");
    command.env(SAYS, &says.path).env(WITHOUT, without.to_string());
    let loader = Helper { child: command.spawn().unwrap() };
    says.wait(LOAD_MAX);
    (loader, says)
}

/// Starts a helper that is this program, outside.
pub fn start_helper(role: &str) -> (Helper, Says) {
    let says = Says::new();
    let mut command = helper_command(role);
    command.env(SAYS, &says.path);
    (Helper { child: command.spawn().unwrap() }, says)
}

/// The helper that loads a scheduler.
pub fn loader() {
    let without: u32 = std::env::var(WITHOUT).unwrap().parse().unwrap();
    let result = match without {
        0 => running::load(),
        _ => running::load_without(without),
    };
    say(&result.map_or_else(|error| error.to_string(), |_| "0".to_owned()));
    sleep(Duration::from_secs(600));
}

/// Where a helper writes what it has to say.
pub struct Says {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl Says {
    pub fn new() -> Says {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("says");
        Says { directory, path }
    }

    /// The number that it says, once it does.
    pub fn wait(&self, time: Duration) -> u64 {
        wait_at_most(time, "a helper's word", || self.path.exists());
        let text = fs::read_to_string(&self.path).unwrap();
        text.trim().parse().unwrap_or_else(|_| panic!("a helper says: {text}"))
    }
}

/// Says it: the text is there at once and whole.
pub fn say(text: &str) {
    let path = PathBuf::from(std::env::var_os(SAYS).unwrap());
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    match fs::rename(&new, &path) {
        Ok(()) => {}
        // The test has ended meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => panic!("{error}"),
    }
}

/// Every remedy that can be left out while the scheduler runs, and a watchdog that a test can wait for.
pub const SWITCHABLE: u32 = intf::EK_WITHOUT_TIMER
    | intf::EK_WITHOUT_KICK
    | intf::EK_WITHOUT_AGEING
    | intf::EK_WITHOUT_KTHREADS
    | intf::EK_WITHOUT_FLOOR
    | intf::EK_WITHOUT_TASK_CPU
    | intf::EK_WITHOUT_YIELD
    | intf::EK_WITHOUT_DEBT
    | intf::EK_WITHOUT_PATIENCE;
