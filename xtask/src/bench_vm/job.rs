// SPDX-License-Identifier: MIT OR Apache-2.0
//! One command inside the machine: boots it, runs the command as root in the current directory,
//! passes on what it prints while it runs, and tells its exit status.

use std::fs::{self, File};
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::bench_vm::kernel::KernelTree;
use crate::bench_vm::machine::{Machine, Shape};

const INIT: &str = include_str!("init.sh");
/// The file with the registers of a machine whose time was over.
pub const REGISTERS: &str = "registers";
/// Variables that the command inside sees as they are outside.
const PASSED_ON: [&str; 8] = [
    "PATH",
    "HOME",
    "USER",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "CARGO_TARGET_DIR",
    "RUST_BACKTRACE",
    "RUST_LOG",
];
/// How often the host looks whether there is something new; small beside any job.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A machine that shows no sign of life by then does not boot: TCG takes 5 s, on a host with ten
/// times the load that it can carry more than a minute.
const BOOT_LIMIT: Duration = Duration::from_secs(300);

/// Where the answers of a job are; removed when dropped.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    failed: PathBuf,
}

/// Jobs that this process has begun.
static BEGUN: AtomicU32 = AtomicU32::new(0);

impl RunDirectory {
    /// A new directory below `cache`/run; those that killed runs left behind are removed.
    pub fn create(cache: &Path) -> anyhow::Result<RunDirectory> {
        let parent = cache.join("run");
        fs::create_dir_all(&parent).with_context(|| format!("creating {}", parent.display()))?;
        remove_leftovers(&parent);
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{}.{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(RunDirectory { path, failed: parent.join(format!("failed.{number}")) })
    }

    /// The directory, which the machine sees under the same path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves what is in the directory for whoever wants to know what went wrong, in the place of
    /// the last run that did; says where.
    pub fn keep(&self) -> PathBuf {
        let _ = fs::remove_dir_all(&self.failed);
        // Where it cannot be renamed it stays until the next run.
        let renamed = fs::rename(&self.path, &self.failed).is_ok();
        if renamed { self.failed.clone() } else { self.path.clone() }
    }

    /// Where its files are, kept or not.
    pub fn present(&self) -> &Path {
        if self.path.exists() { &self.path } else { &self.failed }
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Directories of processes that have gone; that of a failed run has another name.
fn remove_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.split('.').next().filter(|process| process.parse::<u32>().is_ok());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A job's limits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The machine is ended when the command has not ended by then.
    pub time: Duration,
}

/// Runs `command` inside; what it prints goes to `stdout` and `stderr`. Returns its exit status.
pub fn run(
    kernel: &KernelTree,
    shape: &Shape,
    directory: &RunDirectory,
    command: &str,
    limits: &Limits,
) -> anyhow::Result<u8> {
    let ended = follow(kernel, shape, directory.path(), command, limits);
    if ended.is_err() {
        let kept = directory.keep();
        eprintln!("The console is in {}.", kept.join("console.log").display());
    }
    ended
}

fn prepare(kernel: &KernelTree, directory: &Path, command: &str) -> anyhow::Result<()> {
    let current = std::env::current_dir().context("the current directory")?;
    let quoted = |path: &Path| quote(&path.display().to_string());
    let environment = format!(
        "EK_MODULES={}\nEK_RUN={}\nEK_DIRECTORY={}\n",
        quoted(&kernel.root),
        quoted(directory),
        quoted(&current)
    );
    let mut job = String::from("# What `cargo xtask bench-vm` runs inside.\n");
    for name in PASSED_ON {
        if let Ok(value) = std::env::var(name) {
            job.push_str(&format!("export {name}={}\n", quote(&value)));
        }
    }
    job.push_str("export PATH=\"$PATH:/usr/sbin:/sbin\"\n");
    job.push_str(&format!("export EK_BENCH={}\n", quoted(directory)));
    job.push_str(&format!("export EK_MODULES={}\n", quoted(&kernel.root)));
    job.push_str(command);
    job.push('\n');
    let init = INIT;
    for (name, text) in [("environment", environment.as_str()), ("job", &job), ("init", init)] {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    make_executable(&directory.join("init"))
}

fn make_executable(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", path.display()))
}

/// For the shell, whatever is in it.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// As [`run`], without a word about what went wrong.
pub fn follow(
    kernel: &KernelTree,
    shape: &Shape,
    directory: &Path,
    command: &str,
    limits: &Limits,
) -> anyhow::Result<u8> {
    prepare(kernel, directory, command)?;
    let started = Instant::now();
    let mut machine = Machine::boot(kernel, shape, directory)?;
    let mut stdout = Tail::of(directory.join("stdout"));
    let mut stderr = Tail::of(directory.join("stderr"));
    let status = directory.join("status");
    loop {
        // Looked at before the output, so that what was printed last is passed on as well.
        let ended = machine.ended()?;
        let answered = status.exists();
        stdout.pass_on(&mut std::io::stdout())?;
        stderr.pass_on(&mut std::io::stderr())?;
        if answered {
            let text = fs::read_to_string(&status).context("reading the command's exit status")?;
            return text.trim().parse().with_context(|| format!("exit status '{}'", text.trim()));
        }
        if let Some(how) = ended {
            let said = fs::read_to_string(directory.join("qemu.err")).unwrap_or_default();
            bail!("the virtual machine ended ({how}) before its command did. {}", said.trim());
        }
        let elapsed = started.elapsed();
        if elapsed > BOOT_LIMIT && !directory.join("booted").exists() {
            bail!("the virtual machine has not booted in {} s", BOOT_LIMIT.as_secs());
        }
        if elapsed > limits.time {
            keep_registers(&machine, directory);
            bail!("the command took longer than its limit of {} s", limits.time.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Where the machine was when its time was over, twice: what hangs is in the same place again.
fn keep_registers(machine: &Machine, directory: &Path) {
    let said: Vec<String> = (0..2)
        .map(|_| machine.ask("info registers -a").unwrap_or_else(|error| format!("{error}\n")))
        .collect();
    // Evidence beside an error that is told anyhow.
    let _ = fs::write(directory.join(REGISTERS), said.concat());
}

/// A file that grows.
struct Tail {
    path: PathBuf,
    file: Option<File>,
}

impl Tail {
    fn of(path: PathBuf) -> Tail {
        Tail { path, file: None }
    }

    fn pass_on(&mut self, to: &mut impl Write) -> anyhow::Result<()> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut new = Vec::new();
        file.read_to_end(&mut new).context("reading what the command prints")?;
        if !new.is_empty() {
            to.write_all(&new).and_then(|()| to.flush()).context("passing on the output")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_survive_the_shell() {
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), "'it'\\''s'");
    }

    #[test]
    fn a_growing_file_is_passed_on_once() {
        let directory = std::env::temp_dir().join(format!("ek-tail-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("out");
        let mut tail = Tail::of(path.clone());
        let mut seen = Vec::new();
        tail.pass_on(&mut seen).unwrap();
        fs::write(&path, "one").unwrap();
        tail.pass_on(&mut seen).unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b" two").unwrap();
        tail.pass_on(&mut seen).unwrap();
        tail.pass_on(&mut seen).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(seen, b"one two");
    }
}
