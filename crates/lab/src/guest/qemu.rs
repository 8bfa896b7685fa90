// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU guests: a Debian kernel under KVM where that really works, else emulated (TCG), on the
//! host's root file system over virtiofs.
//!
//! That `/dev/kvm` opens does not mean that a kernel boots: on hosts that are virtual machines
//! themselves it may hang at its first instruction. So a kernel is booted once, to its first
//! process, and the answer is kept for as long as the host is up.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use evenkeel_kernel::facts::boot_id;
use evenkeel_model::Span;

use super::console::Console;
use super::package::{self, Kernel};
use super::{Boot, GuestError, Network, Started};
use crate::command::{self, CommandError};

/// How long a kernel may take to its first process under KVM: 1 s on a real host; one that has
/// not come in 15 s does not come.
const PROBE_TIMEOUT: Span = Span::from_s(15);
/// How long a guest under KVM may take to boot.
const KVM_BOOT_TIMEOUT: Span = Span::from_s(60);
/// The same emulated: about 15 s alone, and several share two CPUs.
const TCG_BOOT_TIMEOUT: Span = Span::from_s(300);
/// How long the file system server may take to listen.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(10);
/// Memory of the kernel that is booted to see whether KVM works.
const PROBE_MEMORY_MIB: u32 = 128;

/// What executes a guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accelerator {
    Kvm,
    Tcg,
}

impl Accelerator {
    const fn as_str(self) -> &'static str {
        match self {
            Accelerator::Kvm => "kvm",
            Accelerator::Tcg => "tcg",
        }
    }

    fn parse(text: &str) -> Option<Accelerator> {
        [Accelerator::Kvm, Accelerator::Tcg].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The program that boots them, and what it boots.
pub(crate) struct Qemu {
    program: PathBuf,
    file_server: PathBuf,
    kernel: Kernel,
    accelerator: Accelerator,
}

impl Qemu {
    /// Finds program, kernel and accelerator; fetches the kernel the first time.
    pub(crate) fn of_host(progress: &mut dyn FnMut(&str)) -> Result<Qemu, crate::LabError> {
        let program = command::find("qemu-system-x86_64")?;
        let file_server = find_file_server()?;
        let kernel = package::kernel(progress)?;
        let accelerator = accelerator(&program, &kernel, progress);
        Ok(Qemu { program, file_server, kernel, accelerator })
    }

    /// For the fingerprint.
    pub(crate) fn label(&self) -> String {
        format!("qemu {}, linux {}", self.accelerator.as_str(), self.kernel.release)
    }

    /// The name of the network device inside: no other is there, and none is renamed.
    pub(crate) const fn device() -> &'static str {
        "eth0"
    }

    /// The console inside.
    pub(crate) const fn console() -> &'static str {
        "/dev/ttyS0"
    }

    pub(crate) fn boot_timeout(&self) -> Span {
        match self.accelerator {
            Accelerator::Kvm => KVM_BOOT_TIMEOUT,
            Accelerator::Tcg => TCG_BOOT_TIMEOUT,
        }
    }

    /// Starts a guest: its file system server first, on the client's CPU (it is the storage, not
    /// the VM), then the VM.
    pub(crate) fn start(&self, boot: &Boot) -> Result<Started, GuestError> {
        let socket = boot.directory().join("fs.sock");
        let helper = self.start_file_server(boot, &socket)?;
        let mut command = self.machine(boot, &socket);
        let child = command.spawn().map_err(start_failed(&boot.vm, &self.program))?;
        Ok(Started { child, helpers: vec![helper] })
    }

    fn start_file_server(&self, boot: &Boot, socket: &Path) -> Result<Child, GuestError> {
        let log = boot.directory().join("virtiofsd.log");
        let log_file = File::create(&log).map_err(|source| GuestError::File {
            action: "create",
            path: log.clone(),
            source,
        })?;
        let child = Command::new("taskset")
            .args(["-c", &boot.layout.client_cpu.to_string()])
            .arg(&self.file_server)
            .arg(format!("--socket-path={}", socket.display()))
            .args(["-o", "source=/", "-o", "cache=auto", "-o", "sandbox=chroot"])
            .current_dir(boot.directory())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .process_group(0)
            .spawn()
            .map_err(start_failed(&boot.vm, &self.file_server))?;
        let deadline = Instant::now() + SOCKET_TIMEOUT;
        while !socket.exists() {
            if Instant::now() >= deadline {
                let tail = fs::read_to_string(&log).unwrap_or_default().trim().to_owned();
                return Err(GuestError::Ended { vm: boot.vm.clone(), tail });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(child)
    }

    fn machine(&self, boot: &Boot, socket: &Path) -> Command {
        let init = boot.paths.directory().join("init.sh");
        let words = format!("EK_INIT={}", init.display());
        let mut command = bare_machine(
            &self.program,
            &self.kernel,
            self.accelerator,
            boot.memory_mib,
            &boot.vm,
            &words,
        );
        command
            .args(["-name", &format!("guest={},debug-threads=on", boot.mark)])
            .args(["-chardev", &format!("socket,id=fs,path={}", socket.display())])
            .args(["-device", "vhost-user-fs-pci,chardev=fs,tag=ek-root"])
            .current_dir(boot.directory());
        if let Some(Network { tap, mac, .. }) = &boot.network {
            command
                .args(["-netdev", &format!("tap,id=net,ifname={tap},script=no,downscript=no")])
                .args(["-device", &format!("virtio-net-pci,netdev=net,mac={mac},romfile=")]);
        }
        command
    }
}

/// Everything but devices: shared memory (the file system server maps it), one CPU, the console
/// on standard input and output.
fn bare_machine(
    program: &Path,
    kernel: &Kernel,
    accelerator: Accelerator,
    memory_mib: u32,
    vm: &str,
    words: &str,
) -> Command {
    let processor = match accelerator {
        Accelerator::Kvm => "host",
        Accelerator::Tcg => "max",
    };
    let append = format!("console=ttyS0 quiet panic=-1 mitigations=off EK_VM={vm} {words}");
    let mut command = Command::new(program);
    command
        .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"])
        .args(["-machine", "pc,memory-backend=mem", "-accel", accelerator.as_str()])
        .args(["-cpu", processor, "-smp", "1", "-m", &format!("{memory_mib}M")])
        .args(["-object", &format!("memory-backend-memfd,id=mem,size={memory_mib}M,share=on")])
        .args(["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(&kernel.initramfs)
        .args(["-append", &append])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Ctrl-C on the lab's terminal is for the lab alone.
        .process_group(0);
    command
}

/// What the last probe since the host came up said, or what one says now.
fn accelerator(program: &Path, kernel: &Kernel, progress: &mut dyn FnMut(&str)) -> Accelerator {
    let file = kernel.directory.join("accelerator");
    let boot_id = boot_id().unwrap_or_default();
    let known = fs::read_to_string(&file).ok();
    let known = known.as_deref().and_then(|text| text.split_once(' '));
    if let Some((kind, _)) = known.filter(|(_, boot)| boot.trim() == boot_id)
        && let Some(kind) = Accelerator::parse(kind)
    {
        return kind;
    }
    let kind = probe(program, kernel, progress);
    // Where it cannot be kept it is found out again.
    let _ = fs::write(&file, format!("{} {boot_id}\n", kind.as_str()));
    kind
}

fn probe(program: &Path, kernel: &Kernel, progress: &mut dyn FnMut(&str)) -> Accelerator {
    if File::options().read(true).write(true).open("/dev/kvm").is_err() {
        progress("no /dev/kvm: QEMU guests are emulated, about twenty times slower");
        return Accelerator::Tcg;
    }
    progress("booting a kernel under KVM to see whether that works here");
    match boots(program, kernel) {
        true => Accelerator::Kvm,
        false => {
            progress("it does not: QEMU guests are emulated, about twenty times slower");
            Accelerator::Tcg
        }
    }
}

fn boots(program: &Path, kernel: &Kernel) -> bool {
    let mut machine =
        bare_machine(program, kernel, Accelerator::Kvm, PROBE_MEMORY_MIB, "probe", "EK_PROBE=1");
    let Ok(mut child) = machine.spawn() else { return false };
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return false;
    };
    let ready = Console::new("probe", input, output).wait_ready(PROBE_TIMEOUT).is_ok();
    let _ = child.kill();
    let _ = child.wait();
    ready
}

/// Debian 12 has it in qemu-system-common, Debian 13 in a package of its own.
fn find_file_server() -> Result<PathBuf, CommandError> {
    let known = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"].map(PathBuf::from);
    match known.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => command::find("virtiofsd"),
    }
}

fn start_failed(vm: &str, program: &Path) -> impl FnOnce(std::io::Error) -> GuestError {
    let (vm, program) = (vm.to_owned(), program.display().to_string());
    move |source| GuestError::Start { vm, program, source }
}
