// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bench's virtual machine: QEMU, and virtiofsd processes that give it the host's files.
//!
//! The host's root is served from a mount namespace in which it is read-only, so that nothing inside
//! the machine can write to it, root or not. Every process started here is a child that dies with
//! this one, even if this one is killed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::bench_vm::kernel::{KernelTree, program};
use crate::bench_vm::packages::output;
use crate::bench_vm::qemu::Qemu;

/// Where Debian puts virtiofsd: with QEMU until version 12, in a package of its own since.
const VIRTIOFSD: [&str; 2] = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"];
/// virtiofsd listens within milliseconds; a machine that cannot start it in 10 s is broken.
const SOCKET_WAIT: Duration = Duration::from_secs(10);
/// The monitor answers at once or, where QEMU itself hangs, never.
const MONITOR_WAIT: Duration = Duration::from_secs(2);
/// Registers of a hundred CPUs.
const MONITOR_ANSWER_MAX: usize = 256 << 10;

/// What executes the machine's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The host's own virtualisation.
    Kvm,
    /// Translation, one thread a CPU.
    Tcg,
    /// Translation on one thread; time is the number of executed instructions.
    Counted {
        /// How far apart the CPUs may get, in microseconds. Skipping idle time takes a step of the
        /// host for each.
        step_us: u32,
        /// An instruction takes 2 to the power of this in nanoseconds.
        shift: u32,
    },
}

impl Accelerator {
    fn arguments(self) -> Vec<String> {
        let words: &[&str] = match self {
            Accelerator::Kvm => &["-accel", "kvm", "-cpu", "host"],
            Accelerator::Tcg => &["-accel", "tcg,thread=multi", "-cpu", "max"],
            // At 1 ns an instruction, which all CPUs share, two busy ones execute 500 million a second
            // each, a few times less than any host of today. Idle time is skipped, not slept. All
            // CPUs run on one thread that changes from one to the next when a timer is due, and only
            // then. The buffer, which never holds a packet, has a timer of so many microseconds of
            // virtual time: so far apart, at most, do two busy CPUs and their interrupts get.
            Accelerator::Counted { .. } => &[
                "-accel",
                "tcg,thread=single",
                "-cpu",
                "max",
                "-netdev",
                "hubport,hubid=0,id=clock0",
            ],
        };
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if let Accelerator::Counted { step_us, shift } = self {
            words.extend(["-icount".to_owned(), format!("shift={shift},sleep=off")]);
            words.push("-object".to_owned());
            words.push(format!("filter-buffer,id=clock1,netdev=clock0,interval={step_us}"));
        }
        words
    }
}

/// How large the machine is.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Which QEMU.
    pub qemu: Qemu,
    /// Its accelerator.
    pub accelerator: Accelerator,
    /// How many CPUs it has.
    pub cpus: u32,
    /// Its memory in MiB.
    pub memory_mib: u32,
}

/// A running machine; dropping it ends all its processes.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    monitor: PathBuf,
    servers: Vec<Child>,
}

impl Machine {
    /// Boots `kernel` with the init script `directory`/init; `directory` is also the share
    /// `results` that the machine may write to.
    pub fn boot(kernel: &KernelTree, shape: &Shape, directory: &Path) -> anyhow::Result<Machine> {
        let virtiofsd = virtiofsd()?;
        let root_socket = directory.join("root.sock");
        let results_socket = directory.join("results.sock");
        let mut servers = Children(Vec::new());
        servers.0.push(serve_root(&virtiofsd, directory, &root_socket)?);
        servers.0.push(serve_results(&virtiofsd, directory, &results_socket)?);
        for socket in [&root_socket, &results_socket] {
            wait_for(socket, &mut servers.0, directory)?;
        }
        let init = directory.join("init");
        let append = format!(
            "console=ttyS0 quiet panic=-1 rootfstype=virtiofs root=rootfs ro init={} mitigations=off tsc=reliable",
            init.display()
        );
        let (memory, monitor) = (shape.memory_mib, directory.join("monitor.sock"));
        let mut command = dying_with_us(&shape.qemu.program);
        command
            .args(&shape.qemu.options)
            .args(["-nodefaults", "-display", "none", "-no-reboot"])
            .args(shape.accelerator.arguments())
            .args(["-smp", &shape.cpus.to_string(), "-m", &memory.to_string()])
            .args(["-object", &format!("memory-backend-memfd,id=mem,size={memory}M,share=on")])
            .args(["-numa", "node,memdev=mem"])
            .arg("-monitor")
            .arg(format!("unix:{},server,nowait", monitor.display()))
            .arg("-serial")
            .arg(format!("file:{}", directory.join("console.log").display()));
        for (tag, socket) in [("rootfs", &root_socket), ("results", &results_socket)] {
            command
                .args(["-chardev", &format!("socket,id={tag},path={}", socket.display())])
                .args(["-device", &format!("vhost-user-fs-pci,chardev={tag},tag={tag}")]);
        }
        command.arg("-kernel").arg(&kernel.image).args(["-append", &append]);
        command.stdin(Stdio::null()).stdout(log(directory, "qemu.log")?);
        command.stderr(log(directory, "qemu.err")?);
        let qemu = command.spawn().context("starting QEMU")?;
        Ok(Machine { qemu, monitor, servers: std::mem::take(&mut servers.0) })
    }

    /// What QEMU answers to `command` of its monitor, as far as it comes; for a machine that hangs.
    pub fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut monitor = UnixStream::connect(&self.monitor)?;
        monitor.set_read_timeout(Some(MONITOR_WAIT))?;
        writeln!(monitor, "{command}")?;
        let mut said = Vec::new();
        let mut piece = [0; 4096];
        // The prompt comes before the command and after the answer. Registers of a CPU are some 2 KB.
        while said.len() < MONITOR_ANSWER_MAX {
            match monitor.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(length) => said.extend_from_slice(&piece[..length]),
            }
        }
        Ok(String::from_utf8_lossy(&said).replace('\r', ""))
    }

    /// Whether QEMU has ended, and how.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.qemu.try_wait().context("waiting for QEMU")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let mut all = Children(std::mem::take(&mut self.servers));
        end(&mut self.qemu);
        // Each server ends by itself when its only client has gone; those that do not are ended.
        all.0.iter_mut().for_each(end);
        all.0.clear();
    }
}

/// Children that are ended when an error leaves them behind.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(end);
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Why the bench cannot run here, or nothing: programs, privileges.
pub fn obstacle() -> Option<String> {
    if !cfg!(target_arch = "x86_64") {
        return Some("the bench boots x86-64 kernels on x86-64 hosts only".into());
    }
    let root = fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0);
    if !root {
        return Some("serving the host's files to a virtual machine needs root".into());
    }
    if let Err(error) = virtiofsd() {
        return Some(format!("{error:#}"));
    }
    let programs = [
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("unshare", "util-linux"),
        ("depmod", "kmod"),
        ("dpkg-deb", "dpkg"),
        ("apt-get", "apt"),
    ];
    programs
        .iter()
        .find(|(name, _)| !exists(name))
        .map(|(name, package)| format!("program '{name}' is missing (Debian package {package})"))
}

fn exists(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(name).exists());
    found || program(name).is_absolute()
}

fn virtiofsd() -> anyhow::Result<PathBuf> {
    VIRTIOFSD.iter().map(PathBuf::from).find(|path| path.exists()).with_context(
        || "program 'virtiofsd' is missing (Debian package virtiofsd, until 12 qemu-system-common)",
    )
}

/// A command that the kernel ends when this process dies.
fn dying_with_us(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

fn log(directory: &Path, name: &str) -> anyhow::Result<File> {
    let path = directory.join(name);
    File::create(&path).with_context(|| format!("creating {}", path.display()))
}

/// Serves `/` and the file systems that the checkout and cargo's files are on, all read-only, from
/// a mount namespace of its own. /proc, /sys and /dev are not part of it.
fn serve_root(virtiofsd: &Path, directory: &Path, socket: &Path) -> anyhow::Result<Child> {
    let view = directory.join("root");
    fs::create_dir(&view).with_context(|| format!("creating {}", view.display()))?;
    let mut wanted = vec![directory.to_owned(), std::env::current_dir().context("where are we?")?];
    wanted.extend(["CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR", "HOME"].iter().filter_map(
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute()),
    ));
    wanted.extend(std::env::current_exe());
    let mut mounts = vec![PathBuf::from("/")];
    for path in wanted.iter().filter(|path| path.exists()) {
        let target = output(Command::new("findmnt").args(["-no", "TARGET", "-T"]).arg(path))?;
        let target = PathBuf::from(target.trim());
        if !mounts.contains(&target) {
            mounts.push(target);
        }
    }
    // A mount below another comes after it.
    mounts.sort();
    let script = "view=$1 socket=$2; shift 2\n\
        while [ $# -gt 1 ] && [ \"$1\" != -- ]; do\n\
        mount --bind \"$1\" \"$view$1\" && mount -o remount,bind,ro \"$view$1\" || exit 1; shift\n\
        done; shift\n\
        exec \"$@\"";
    let mut command = dying_with_us("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "serve-root"]);
    command.arg(&view).arg(socket).args(&mounts).arg("--");
    command.args(virtiofsd_command(virtiofsd, &view, socket)?);
    start_server(command, directory, "virtiofsd-root.log")
}

fn serve_results(virtiofsd: &Path, directory: &Path, socket: &Path) -> anyhow::Result<Child> {
    let words = virtiofsd_command(virtiofsd, directory, socket)?;
    let mut command = dying_with_us(&words[0]);
    command.args(&words[1..]);
    start_server(command, directory, "virtiofsd-results.log")
}

fn start_server(mut command: Command, directory: &Path, name: &str) -> anyhow::Result<Child> {
    let errors = log(directory, name)?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
    command.spawn().context("starting virtiofsd")
}

/// Two programs bear the name; they take different options.
fn virtiofsd_command(program: &Path, shared: &Path, socket: &Path) -> anyhow::Result<Vec<String>> {
    let help = Command::new(program).arg("--help").output().context("running virtiofsd --help")?;
    let is_rust = String::from_utf8_lossy(&help.stdout).contains("--shared-dir");
    let (shared, socket) = (shared.display(), socket.display());
    let mut words = vec![program.display().to_string(), format!("--socket-path={socket}")];
    if is_rust {
        words.push(format!("--shared-dir={shared}"));
        words.extend(["--cache=auto".into(), "--sandbox=chroot".into()]);
    } else {
        words.extend(["-o".into(), format!("source={shared}")]);
        words.extend(["-o".into(), "cache=auto".into(), "-o".into(), "sandbox=chroot".into()]);
    }
    Ok(words)
}

fn wait_for(socket: &Path, servers: &mut [Child], directory: &Path) -> anyhow::Result<()> {
    let until = Instant::now() + SOCKET_WAIT;
    while !socket.exists() {
        for server in servers.iter_mut() {
            if let Some(status) = server.try_wait().context("waiting for virtiofsd")? {
                bail!("virtiofsd ended with {status}; see its log in {}", directory.display());
            }
        }
        if Instant::now() > until {
            bail!("virtiofsd made no socket {} within 10 s", socket.display());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
