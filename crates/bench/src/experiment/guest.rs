// SPDX-License-Identifier: MIT OR Apache-2.0
//! A real KVM guest with vhost-net, a fixed budget, and traffic from a network namespace: whatever
//! the kernel does for the guest must come out of its budget.
//!
//! The guest boots outside and is taken into a capsule as a running VM is on any host: by its
//! process number, threads found and their roles with it. The worker of vhost is a thread of QEMU's,
//! or (a parameter of the module decides) a thread of the kernel with the owner's number in its name,
//! which no group's quota stops, for it never returns to user mode. Both are measured.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use evenkeel_kernel::process::{stat, thread_time, threads};
use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::{CapsuleName, Role};
use serde::{Deserialize, Serialize};

use super::initramfs::Initramfs;
use super::kvm::{Running, load_kvm, modprobe, modules};
use super::session::Session;
use crate::workload::{now, sleep_until};

const MS: u64 = 1_000_000;
const INIT: &str = include_str!("guest-init.sh");
const BUDGET: u64 = 6 * MS;
const PERIOD: u64 = 20 * MS;
/// The traffic is watched over 150 periods, and ended then; it would go on for longer than any host
/// needs to get it flowing.
const TRAFFIC_S: u64 = 120;
const WINDOW: u64 = 3_000 * MS;
/// It flows when so much has come through, the first hundred packets of TCP or some thousand of the
/// flood's, ...
const FLOWING: u64 = 100_000;
/// ... and by then it does, on a busy host, too. What has not begun then is measured as it is.
const SETTLE_MAX: u64 = 60_000 * MS;
/// Emulated virtualisation inside emulation: 5 to 20 s.
const BOOT_LIMIT: u64 = 180_000 * MS;
const ADDRESS: &str = "10.99.2.10";
const TAP_SENT: &str = "/sys/class/net/ek-tap0/statistics/tx_bytes";

/// What does the work of vhost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum VhostMode {
    /// A thread of QEMU.
    #[default]
    Thread,
    /// A thread of the kernel.
    Kthread,
}

/// What was measured of one guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guest {
    /// Budget every `period_ns` on one CPU.
    pub budget_ns: u64,
    /// The period.
    pub period_ns: u64,
    /// Who the worker was to be.
    pub mode: VhostMode,
    /// How many threads have the role `vhost`.
    pub vhost_threads: u32,
    /// How many of them are threads of the kernel.
    pub vhost_kthreads: u32,
    /// Names, roles and evidence of all threads, for a reader.
    pub threads: Vec<String>,
    /// While it received TCP.
    pub tcp: Traffic,
    /// While small datagrams came as fast as one CPU sends them.
    pub flood: Traffic,
}

/// One kind of traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// How long it was watched.
    pub window_ns: u64,
    /// CPU time of all the guest's threads in that time.
    pub executed_ns: u64,
    /// Of that, what vhost workers had.
    pub vhost_ns: u64,
    /// Bytes that the worker took from the tap for the guest in that time.
    pub delivered: u64,
}

/// Boots a guest, takes it into a capsule of `session`'s enforcer, measures, and writes the result
/// under `name`.
pub fn run(session: &Session, name: &str, mode: VhostMode) -> anyhow::Result<()> {
    let begun = now();
    let directory = session.directory("guest", name)?;
    load_modules(mode)?;
    let network = Network::create()?;
    let mut guest = boot(&directory)?;
    let capsule = guest.attach(session, "guest", BUDGET, PERIOD)?;
    let measured = measure(session, &capsule, mode, guest.child.id(), &directory)?;
    fs::write(directory.join("guest.json"), serde_json::to_vec_pretty(&measured)?)?;
    guest.end();
    session.delete(&capsule)?;
    drop(network);
    eprintln!("guest {name}: {} ms", (now() - begun) / MS);
    Ok(())
}

fn measure(
    session: &Session,
    capsule: &CapsuleName,
    mode: VhostMode,
    pid: u32,
    directory: &Path,
) -> anyhow::Result<Guest> {
    let view = session.host.show(capsule, evenkeel_model::Span::ZERO)?;
    let vhost: Vec<Tid> =
        view.threads.iter().filter(|t| t.role == Role::Vhost).map(|t| t.tid).collect();
    let is_kernels = |tid: &&Tid| stat(**tid).is_ok_and(|stat| stat.kernel_thread);
    let describe =
        |t: &evenkeel_host::ThreadView| format!("{}: {} ({})", t.comm, t.role, t.evidence);
    let watched = Watched {
        pid: Pid(pid),
        inside: view.threads.iter().map(|thread| thread.tid).collect(),
        vhost: &vhost,
    };
    Ok(Guest {
        budget_ns: BUDGET,
        period_ns: PERIOD,
        mode,
        vhost_threads: u32::try_from(vhost.len())?,
        vhost_kthreads: u32::try_from(vhost.iter().filter(is_kernels).count())?,
        threads: view.threads.iter().map(describe).collect(),
        tcp: traffic(&watched, &[], &directory.join("iperf3-tcp.json"))?,
        flood: traffic(
            &watched,
            &["-u", "-b", "0", "-l", "64"],
            &directory.join("iperf3-flood.json"),
        )?,
    })
}

/// Whose CPU time counts.
struct Watched<'a> {
    pid: Pid,
    inside: BTreeSet<Tid>,
    vhost: &'a [Tid],
}

/// Sends to the guest from the namespace, on CPU 1, and watches the guest's threads meanwhile.
fn traffic(watched: &Watched<'_>, kind: &[&str], raw: &Path) -> anyhow::Result<Traffic> {
    let mut client = Command::new("ip");
    client.args(["netns", "exec", "client", "taskset", "-c", "1", "iperf3", "-J", "-c", ADDRESS]);
    client.args(["-t", &TRAFFIC_S.to_string()]).args(kind);
    client.stdin(Stdio::null()).stdout(Stdio::piped());
    let until = now() + SETTLE_MAX;
    let flowing = delivered()? + FLOWING;
    let client = client.spawn().context("starting iperf3")?;
    while delivered()? < flowing && now() < until {
        sleep_until(now() + 100 * MS);
    }
    let (start, before) = (now(), executed(watched)?);
    let sent = delivered()?;
    sleep_until(start + WINDOW);
    let (end, after) = (now(), executed(watched)?);
    let delivered = delivered()? - sent;
    // It says what it has found so far.
    Command::new("kill").args(["-INT", &client.id().to_string()]).status().context("kill")?;
    let output = client.wait_with_output().context("waiting for iperf3")?;
    fs::write(raw, &output.stdout).with_context(|| format!("writing {}", raw.display()))?;
    Ok(Traffic {
        window_ns: end - start,
        executed_ns: after.0 - before.0,
        vhost_ns: after.1 - before.1,
        delivered,
    })
}

fn delivered() -> anyhow::Result<u64> {
    let text = fs::read_to_string(TAP_SENT).with_context(|| format!("reading {TAP_SENT}"))?;
    text.trim().parse().with_context(|| format!("{TAP_SENT} says '{}'", text.trim()))
}

/// CPU time of all threads of the VM, and of those of vhost, as the kernel charges it.
fn executed(watched: &Watched<'_>) -> anyhow::Result<(u64, u64)> {
    let (mut all, mut workers) = (0, 0);
    // Threads of QEMU come and go; the kernel's own are those that were found.
    let mut tids = watched.inside.clone();
    tids.extend(threads(watched.pid)?);
    for tid in tids {
        // A thread may end between the list and the look.
        let Ok(time) = thread_time(tid) else { continue };
        let time = time.cpu.as_ns();
        all += time;
        if watched.vhost.contains(&tid) {
            workers += time;
        }
    }
    Ok((all, workers))
}

/// The modules of a host with KVM; that of vhost anew, for its parameter is read when it is loaded.
fn load_modules(mode: VhostMode) -> anyhow::Result<()> {
    let modules = modules()?;
    load_kvm(&modules)?;
    for name in ["tun", "veth", "bridge"] {
        anyhow::ensure!(modprobe(&modules, &[name]), "module {name} cannot be loaded");
    }
    if Path::new("/sys/module/vhost").exists() {
        anyhow::ensure!(modprobe(&modules, &["-r", "vhost_net"]), "vhost_net cannot be unloaded");
    }
    let default = match mode {
        VhostMode::Thread => "fork_from_owner_default=1",
        VhostMode::Kthread => "fork_from_owner_default=0",
    };
    for words in [&["vhost", default][..], &["vhost_net"]] {
        anyhow::ensure!(modprobe(&modules, words), "module {} cannot be loaded", words.join(" "));
    }
    Ok(())
}

fn boot(directory: &Path) -> anyhow::Result<Running> {
    let modules = modules()?;
    let (image, archive) = files(&modules, directory)?;
    let console = directory.join("guest-console.log");
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(["-name", "bench,debug-threads=on", "-nodefaults", "-display", "none"])
        .args(["-accel", "kvm", "-cpu", "qemu64", "-m", "256"])
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(archive)
        .args(["-append", "console=ttyS0 quiet panic=-1 mitigations=off"])
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .args(["-netdev", "tap,id=n0,ifname=ek-tap0,script=no,downscript=no,vhost=on"])
        .args(["-device", "virtio-net-pci,netdev=n0,romfile="])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(directory.join("guest-qemu.log"))?);
    let mut guest = Running::start(&mut command)?;
    let until = now() + BOOT_LIMIT;
    loop {
        if fs::read_to_string(&console).is_ok_and(|said| said.contains("guest ready")) {
            return Ok(guest);
        }
        if let Some(status) = guest.child.try_wait().context("waiting for QEMU")? {
            bail!("the guest ended with {status}; see {}", directory.display());
        }
        if now() > until {
            bail!("the guest did not boot in time; see {}", console.display());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The kernel that runs here, and an archive with what the guest needs of this machine.
fn files(modules: &Path, directory: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let release =
        fs::read_to_string("/proc/sys/kernel/osrelease").context("the kernel's release")?;
    let tree = modules.join("lib/modules").join(release.trim());
    let mut archive = Initramfs::default();
    for directory in ["/proc", "/sys", "/dev", "/tmp", "/modules"] {
        archive.directory(Path::new(directory))?;
    }
    archive.file(Path::new("/init"), INIT.as_bytes())?;
    for (program, name) in [
        ("/bin/dash", "sh"),
        ("/bin/mount", "mount"),
        ("/bin/kmod", "insmod"),
        ("ip", "ip"),
        ("iperf3", "iperf3"),
    ] {
        archive.program(&find(program)?, &Path::new("/bin").join(name))?;
    }
    for place in ["net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net"] {
        let packed = tree.join("kernel").join(format!("{place}.ko.xz"));
        let output =
            Command::new("xz").args(["-dc"]).arg(&packed).output().context("running xz")?;
        anyhow::ensure!(output.status.success(), "{} cannot be unpacked", packed.display());
        let name = place.rsplit('/').next().unwrap_or(place);
        archive.file(&Path::new("/modules").join(format!("{name}.ko")), &output.stdout)?;
    }
    let path = directory.join("guest-initramfs");
    fs::write(&path, archive.finish()?).with_context(|| format!("writing {}", path.display()))?;
    let image = tree.join("vmlinuz");
    Ok((image, path))
}

/// An absolute path, or a program looked up where programs are.
fn find(program: &str) -> anyhow::Result<PathBuf> {
    let places = ["", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"];
    let found = places.iter().map(|place| PathBuf::from(format!("{place}{program}")));
    found
        .into_iter()
        .find(|path| path.is_absolute() && path.exists())
        .with_context(|| format!("program '{program}' is missing"))
}

/// A bridge with the guest's tap, and a client in a namespace of its own; removed when dropped.
struct Network;

impl Network {
    fn create() -> anyhow::Result<Network> {
        const STEPS: [&str; 12] = [
            "ip netns add client",
            "ip link add ek-br0 type bridge",
            "ip link add ek-cl0 type veth peer name eth0 netns client",
            "ip tuntap add ek-tap0 mode tap vnet_hdr",
            "ip link set ek-cl0 master ek-br0",
            "ip link set ek-tap0 master ek-br0",
            "ip link set ek-br0 up",
            "ip link set ek-cl0 up",
            "ip link set ek-tap0 up",
            "ip netns exec client ip link set lo up",
            "ip netns exec client ip link set eth0 up",
            "ip netns exec client ip addr add 10.99.2.1/24 dev eth0",
        ];
        let network = Network;
        for step in STEPS {
            let mut words = step.split(' ');
            let program = words.next().unwrap_or("ip");
            let output = Command::new(program).args(words).output().context("running ip")?;
            if !output.status.success() {
                bail!("{step}: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
        }
        Ok(network)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The namespace goes in its own time, and its end of the pair with it.
        for words in [
            &["link", "del", "ek-tap0"][..],
            &["link", "del", "ek-cl0"],
            &["link", "del", "ek-br0"],
            &["netns", "del", "client"],
        ] {
            let _ = Command::new("ip").args(words).stderr(Stdio::null()).status();
        }
    }
}
