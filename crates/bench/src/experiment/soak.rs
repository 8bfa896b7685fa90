// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random operations, seeded: create, change, migrate, delete, fork, exit, hotplug. One capsule is
//! left alone and must keep its guarantee throughout; what is on record must be what the kernel has;
//! at the end nothing may be left.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use evenkeel_host::{HostError, SetRequest};
use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, Reservation, Role, Span};
use serde::{Deserialize, Serialize};

use super::held::Held;
use super::sched_ext;
use super::session::{Session, window_in};
use crate::random::Random;
use crate::workload::{Jobs, now, sleep_until};

const MS: u64 = 1_000_000;
const SEED: u64 = 10_000;
/// More would only be refused: each asks for up to a tenth of a CPU.
const CAPSULES_MAX: usize = 12;
/// Processes that live at a time.
const CHILDREN_MAX: usize = 16;
/// What the guarded capsule has, and what its task asks: 85 %. The rest is more than a step of this
/// measurement's machine, 0.2 ms, by which the CPU may turn to another at any instruction.
const GUARDED: (u64, u64) = (2 * MS, 20 * MS);
const GUARDED_WORK: &str = "1700000";
/// How long the guarded capsule is watched at a time.
const WATCH: u64 = 2_000 * MS;
/// A refusal by admission, and a request that does not fit the host (an offline CPU): both are
/// answers, not faults.
const ANSWERS: [u8; 2] = [2, 4];
/// So often is the record compared with the kernel: once for every capsule that comes and goes.
const CHECK_EVERY: u64 = 100;
/// Threads of processes that were killed, and groups that were removed, are gone after a grace
/// period or two; this is a hundred.
const SETTLED: u64 = 1_000 * MS;
/// Faults that are written down; the first few say it all.
const FAULTS_MAX: usize = 50;

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soaked {
    /// Operations tried.
    pub operations: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Times that a CPU was taken away or given back.
    pub hotplugs: u64,
    /// By kind: how many, and the time that they took.
    pub kinds: BTreeMap<String, Kind>,
    /// What went wrong, in words.
    pub faults: Vec<String>,
    /// Capsules whose record was compared with the kernel.
    pub compared: u64,
    /// Where they differed, in words.
    pub differences: Vec<String>,
    /// Jobs of the guarded capsule.
    pub guarded_jobs: u64,
    /// Those that were late.
    pub guarded_late: u64,
    /// Which operations were made while they were, and their responses.
    #[serde(default)]
    pub late: Vec<String>,
    /// What this host held when only the guarded capsule was there, before.
    pub before: Held,
    /// The same, after.
    pub after: Held,
    /// Capsules and control groups that are left after all was deleted.
    pub left: Vec<String>,
    /// What the kernel said was loaded at the end.
    pub state: String,
}

/// Operations of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// How many.
    pub count: u64,
    /// How long they took together.
    pub time_ns: u64,
}

/// `count` operations.
pub fn run(session: &Session, count: u64) -> anyhow::Result<()> {
    let begun = now();
    let directory = session.directory("soak", &format!("seed-{SEED}"))?;
    let mut soak = Soak {
        session,
        random: Random::new(SEED),
        log: fs::File::create(directory.join("operations.txt"))
            .context("the list of operations")?,
        capsules: Vec::new(),
        children: Vec::new(),
        next: 0,
        online: true,
        result: Soaked::default(),
    };
    let guarded = session.create("guarded", GUARDED.0, GUARDED.1, &[0])?;
    let period = GUARDED.1.to_string();
    sleep_until(now() + SETTLED);
    soak.result.before = Held::count()?;
    while soak.result.operations < count {
        let first = soak.result.operations + 1;
        let mut watch = session.start(Some(&guarded), &["0", "periodic", GUARDED_WORK, &period])?;
        let window = window_in(30 * MS, WATCH);
        watch.begin(window)?;
        while now() < window.end && soak.result.operations < count {
            soak.step(&guarded)?;
            if soak.result.operations.is_multiple_of(1000) {
                eprintln!("soak {}: {} ms", soak.result.operations, (now() - begun) / MS);
            }
        }
        let jobs: Jobs = watch.result()?;
        soak.result.guarded_jobs += jobs.jobs;
        soak.result.guarded_late += jobs.late;
        let last = soak.result.operations;
        let late = jobs.responses_ns.iter().enumerate().filter(|(_, time)| **time > GUARDED.1);
        let words = |(index, time): (usize, &u64)| {
            let released = (window.start + index as u64 * GUARDED.1) / MS;
            format!("operations {first} to {last}: job of {released} ms took {} us", time / 1000)
        };
        let room = FAULTS_MAX.saturating_sub(soak.result.late.len());
        soak.result.late.extend(late.map(words).take(room));
    }
    let mut result = soak.finish()?;
    sleep_until(now() + SETTLED);
    result.after = Held::count()?;
    session.delete(&guarded)?;
    result.left = leftovers(session)?;
    result.state = sched_ext::state();
    fs::write(directory.join("soak.json"), serde_json::to_vec_pretty(&result)?)?;
    eprintln!("soak {count}: {} ms", (now() - begun) / MS);
    Ok(())
}

struct Soak<'a> {
    session: &'a Session,
    random: Random,
    log: fs::File,
    capsules: Vec<CapsuleName>,
    children: Vec<Child>,
    next: u64,
    online: bool,
    result: Soaked,
}

impl Soak<'_> {
    fn step(&mut self, guarded: &CapsuleName) -> anyhow::Result<()> {
        self.result.operations += 1;
        let begun = now();
        let (kind, done) = match self.random.below(100) {
            0..15 if self.capsules.len() < CAPSULES_MAX => ("create", self.create()),
            0..40 => ("change", self.change()),
            40..55 => ("migrate", self.migrate()),
            55..63 => ("delete", self.delete()),
            63..80 => ("fork", self.fork()),
            80..98 => ("exit", self.exit()),
            _ => ("hotplug", self.hotplug()),
        };
        let (number, took) = (self.result.operations, (now() - begun) / 1000);
        let answer = done.as_ref().map_or_else(ToString::to_string, |()| String::new());
        // What a machine that ends badly was doing; not worth ending for.
        let _ = writeln!(self.log, "{number} {} {kind} {took} us {answer}", begun / MS);
        let entry = self.result.kinds.entry(kind.to_owned()).or_default();
        entry.count += 1;
        entry.time_ns += now() - begun;
        if let Err(error) = done {
            let answer = error.downcast_ref::<HostError>().map(HostError::exit_code);
            // Nothing starts in a capsule whose only CPU is offline: an answer, too.
            let nowhere = kind == "fork" && !self.online;
            if nowhere || answer.is_some_and(|code| ANSWERS.contains(&code)) {
                self.result.refused += 1;
            } else if self.result.faults.len() < FAULTS_MAX {
                let number = self.result.operations;
                self.result.faults.push(format!("operation {number} ({kind}): {error:#}"));
            }
        }
        if self.result.operations.is_multiple_of(CHECK_EVERY) {
            self.compare(guarded)?;
        }
        Ok(())
    }

    /// Whether the kernel has what is on record, of every capsule.
    fn compare(&mut self, guarded: &CapsuleName) -> anyhow::Result<()> {
        for name in self.capsules.iter().chain([guarded]) {
            let view = self.session.host.show(name, Span::ZERO)?;
            // Threads of a capsule whose only CPU is offline are elsewhere, and `show` says so.
            if !self.online && view.summary.cpus == CpuSet::single(CpuIndex(1)) {
                continue;
            }
            self.result.compared += 1;
            let room = FAULTS_MAX.saturating_sub(self.result.differences.len());
            let number = self.result.operations;
            let words = |what: &String| format!("after operation {number}, {name}: {what}");
            self.result.differences.extend(view.violations.iter().map(words).take(room));
        }
        Ok(())
    }

    fn any(&mut self) -> Option<CapsuleName> {
        let count = u64::try_from(self.capsules.len()).unwrap_or(0);
        let index = usize::try_from(self.random.below(count)).unwrap_or(0);
        self.capsules.get(index).cloned()
    }

    /// 4 to 10 % of a CPU: a process starts inside, on the budget, and is waited for.
    fn reservation(&mut self) -> anyhow::Result<Reservation> {
        const PERIODS: [u64; 5] = [5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS];
        let index = usize::try_from(self.random.below(5)).unwrap_or(0);
        let period = PERIODS[index];
        let budget = period / 100 * (4 + self.random.below(7));
        Ok(Reservation::new(Span::from_ns(budget), Span::from_ns(period))?)
    }

    fn cpus(&mut self) -> CpuSet {
        let sets: [&[u32]; 3] = [&[0], &[1], &[0, 1]];
        let index = usize::try_from(self.random.below(3)).unwrap_or(0);
        sets[index].iter().map(|cpu| CpuIndex(*cpu)).collect()
    }

    fn create(&mut self) -> anyhow::Result<()> {
        let reservation = self.reservation()?;
        let cpus: Vec<u32> = self.cpus().iter().map(|CpuIndex(cpu)| cpu).collect();
        self.next += 1;
        let name = format!("r{}", self.next);
        let (budget, period) = (reservation.budget().as_ns(), reservation.period().as_ns());
        let name = self.session.create(&name, budget, period, &cpus)?;
        self.capsules.push(name);
        Ok(())
    }

    fn change(&mut self) -> anyhow::Result<()> {
        let Some(name) = self.any() else { return Ok(()) };
        let reservation = Some(self.reservation()?);
        self.set(SetRequest { name, reservation, cpus: None })
    }

    fn migrate(&mut self) -> anyhow::Result<()> {
        let Some(name) = self.any() else { return Ok(()) };
        let cpus = Some(self.cpus());
        self.set(SetRequest { name, reservation: None, cpus })
    }

    fn set(&mut self, request: SetRequest) -> anyhow::Result<()> {
        let host = &self.session.host;
        host.apply(&host.plan_set(&request)?)?;
        Ok(())
    }

    fn delete(&mut self) -> anyhow::Result<()> {
        let Some(name) = self.any() else { return Ok(()) };
        self.session.delete(&name)?;
        self.capsules.retain(|other| *other != name);
        Ok(())
    }

    /// A shell that forks, counts in both processes and ends, or is ended.
    fn fork(&mut self) -> anyhow::Result<()> {
        let Some(name) = self.any() else { return Ok(()) };
        if self.children.len() >= CHILDREN_MAX {
            return self.exit();
        }
        let script =
            "count() { i=0; while [ $i -lt 100 ]; do i=$((i + 1)); done; }; count & count; wait";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        let child = self.session.host.spawn_inside(&name, Role::Vcpu, &mut command)?;
        self.children.push(child);
        Ok(())
    }

    fn exit(&mut self) -> anyhow::Result<()> {
        self.children.retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
        let count = u64::try_from(self.children.len())?;
        if count > 0 {
            let mut child = self.children.swap_remove(usize::try_from(self.random.below(count))?);
            let killed = child.kill();
            child.wait().context("waiting for a process")?;
            killed.context("ending a process")?;
        }
        Ok(())
    }

    fn hotplug(&mut self) -> anyhow::Result<()> {
        const ONLINE: &str = "/sys/devices/system/cpu/cpu1/online";
        let wanted = if self.online { "0" } else { "1" };
        fs::write(ONLINE, wanted).with_context(|| format!("writing {wanted} to {ONLINE}"))?;
        self.online = !self.online;
        self.result.hotplugs += 1;
        if self.online {
            self.bring_back()?;
        }
        Ok(())
    }

    /// The kernel gives threads of which all CPUs have gone all others, and leaves it at that: whoever
    /// gives the CPU back asks for the capsules' CPUs again.
    fn bring_back(&mut self) -> anyhow::Result<()> {
        for name in self.capsules.clone() {
            let cpus = Some(self.session.host.show(&name, Span::ZERO)?.summary.cpus);
            self.set(SetRequest { name, reservation: None, cpus })?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Soaked> {
        if !self.online {
            self.hotplug()?;
        }
        for mut child in self.children.drain(..) {
            let _ = child.kill();
            child.wait().context("waiting for a process")?;
        }
        // What a killed shell had started ends by itself.
        sleep_until(now() + 500 * MS);
        for name in std::mem::take(&mut self.capsules) {
            if let Err(error) = self.session.delete(&name) {
                self.result.faults.push(format!("deleting {name} at the end: {error:#}"));
            }
        }
        Ok(self.result)
    }
}

/// Capsules on record and control groups of ours.
fn leftovers(session: &Session) -> anyhow::Result<Vec<String>> {
    let mut left: Vec<String> = session
        .host
        .list()?
        .into_iter()
        .map(|capsule| format!("capsule {}", capsule.name))
        .collect();
    let groups = fs::read_dir("/sys/fs/cgroup").context("reading /sys/fs/cgroup")?;
    let ours = groups.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    left.extend(
        ours.filter(|name| name.starts_with("evenkeel-")).map(|name| format!("group {name}")),
    );
    Ok(left)
}
