// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capsules and workloads of one experiment. What it started is ended when it is dropped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};
use evenkeel_host::{CreateRequest, EnforcerChoice, Host, HostOptions, SetRequest};
use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, Reservation, Role, Span};
use serde::de::DeserializeOwned;

use crate::workload::{Window, now};

/// More than half of a CPU to start on, beside 256 capsules of a thousandth that have.
const START_BUDGET_NS: u64 = 60_000_000;
const START_PERIOD_NS: u64 = 100_000_000;
const STARTED_BUDGET_NS: u64 = START_PERIOD_NS / 1000;

/// What every experiment works with.
#[derive(Debug)]
pub struct Session {
    /// The library under test.
    pub host: Host,
    enforcer: EnforcerChoice,
    /// CPUs of this machine.
    pub cpus: u32,
    /// Where raw data goes.
    pub out: PathBuf,
}

impl Session {
    /// A session that keeps the state of record below /run and writes to `out`.
    pub fn open(out: &Path, enforcer: EnforcerChoice) -> anyhow::Result<Session> {
        let state_dir = PathBuf::from("/run/evenkeel");
        let host = Host::open(HostOptions { state_dir })?;
        let cpus = u32::try_from(std::thread::available_parallelism()?.get())?;
        Ok(Session { host, enforcer, cpus, out: out.to_owned() })
    }

    /// A fresh directory for the raw data of one case.
    pub fn directory(&self, experiment: &str, case: &str) -> anyhow::Result<PathBuf> {
        let directory = self.out.join(experiment).join(case);
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("creating {}", directory.display()))?;
        Ok(directory)
    }

    /// Creates the capsule `name` with `budget_ns` every `period_ns` on each of `cpus`.
    pub fn create(
        &self,
        name: &str,
        budget_ns: u64,
        period_ns: u64,
        cpus: &[u32],
    ) -> anyhow::Result<CapsuleName> {
        let name: CapsuleName = name.parse()?;
        let request = CreateRequest {
            name: name.clone(),
            reservation: Reservation::new(Span::from_ns(budget_ns), Span::from_ns(period_ns))?,
            cpus: cpus.iter().map(|cpu| CpuIndex(*cpu)).collect::<CpuSet>(),
            parent: None,
            enforcer: self.enforcer,
        };
        let plan = self.host.plan_create(&request)?;
        self.host.apply(&plan).with_context(|| format!("creating capsule {name}"))?;
        Ok(name)
    }

    /// Changes the reservation of `name`.
    pub fn reserve(
        &self,
        name: &CapsuleName,
        budget_ns: u64,
        period_ns: u64,
    ) -> anyhow::Result<()> {
        let reservation = Reservation::new(Span::from_ns(budget_ns), Span::from_ns(period_ns))?;
        let request = SetRequest { name: name.clone(), reservation: Some(reservation), cpus: None };
        self.host.apply(&self.host.plan_set(&request)?)?;
        Ok(())
    }

    /// Creates the capsule `name` with workloads that wait to begin. They are started on a large
    /// budget, since on some a program takes minutes to start, and are left with a small one:
    /// [`Session::reserve`] gives it the real one when all others have started, too.
    pub fn create_filled(
        &self,
        name: &str,
        cpus: &[u32],
        workloads: &[&[&str]],
    ) -> anyhow::Result<(CapsuleName, Vec<Workload>)> {
        let name = self.create(name, START_BUDGET_NS, START_PERIOD_NS, cpus)?;
        let started: anyhow::Result<Vec<Workload>> =
            workloads.iter().map(|words| self.start(Some(&name), words)).collect();
        self.reserve(&name, STARTED_BUDGET_NS, START_PERIOD_NS)?;
        Ok((name, started?))
    }

    /// Deletes a capsule whose processes have ended.
    pub fn delete(&self, name: &CapsuleName) -> anyhow::Result<()> {
        self.host.apply(&self.host.plan_delete(name)?)?;
        Ok(())
    }

    /// Takes back whatever a failed measurement has left.
    pub fn clean(&self) {
        if let Err(error) = self.host.release_all("") {
            eprintln!("cleaning up: {error}");
        }
    }

    /// Starts a workload inside `capsule`, or outside all, and waits until it is ready.
    pub fn start(&self, capsule: Option<&CapsuleName>, words: &[&str]) -> anyhow::Result<Workload> {
        let mut command = Command::new(std::env::current_exe().context("this program's path")?);
        command.arg("workload").args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = match capsule {
            Some(name) => self.host.spawn_inside(name, Role::Vcpu, &mut command)?,
            None => command.spawn().context("starting a workload")?,
        };
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut workload =
            Workload { child, stdin, stdout: stdout.map(BufReader::new), what: words.join(" ") };
        let said = workload.line()?;
        if said.trim() != "ready" {
            bail!("workload '{}' said '{}' instead of ready", workload.what, said.trim());
        }
        Ok(workload)
    }
}

/// A window that begins `lead` ns from now.
pub fn window_in(lead: u64, length: u64) -> Window {
    let start = now() + lead;
    Window { start, end: start + length }
}

/// A running workload; dropping it ends it.
#[derive(Debug)]
pub struct Workload {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    what: String,
}

impl Workload {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it when to work.
    pub fn begin(&mut self, window: Window) -> anyhow::Result<()> {
        let mut stdin = self.stdin.take().context("a workload is told once when to begin")?;
        writeln!(stdin, "{} {}", window.start, window.end)
            .with_context(|| format!("telling workload '{}' when to begin", self.what))
    }

    /// Waits for its result.
    pub fn result<T: DeserializeOwned>(mut self) -> anyhow::Result<T> {
        let line = self.line()?;
        let status = self.child.wait().context("waiting for a workload")?;
        if !status.success() {
            bail!("workload '{}' ended with {status}", self.what);
        }
        serde_json::from_str(&line).with_context(|| format!("result of workload '{}'", self.what))
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().context("a workload has an output")?;
        stdout
            .read_line(&mut line)
            .with_context(|| format!("reading from workload '{}'", self.what))?;
        Ok(line)
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
