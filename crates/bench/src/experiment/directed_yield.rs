// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directed yield: a virtual CPU that waits for another one of its machine names it, and that one runs
//! in its stead, out of the same budget.
//!
//! The kernel asks a scheduler to yield to a thread for KVM alone (`yield_to`), never for a program:
//! when a virtual CPU spins (an exit by the processor's pause filter, which emulated processors do not
//! have) or says by a hypercall whom it waits for (KVM_HC_SCHED_YIELD). The guest here does the latter
//! and nothing else. It is its own firmware: the first virtual CPU starts the second, which spins, and
//! then names it in a loop. Both share one CPU of one capsule, so that without directed yield each
//! would have half of its time.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use evenkeel_kernel::process::{self, cpu_time};
use evenkeel_kernel::{Pid, Tid};
use evenkeel_sched::scx::running;
use serde::{Deserialize, Serialize};

use super::kvm::{Running, load_kvm, modules};
use super::session::Session;
use crate::workload::{now, sleep_until};

const MS: u64 = 1_000_000;
const BUDGET: u64 = 60 * MS;
const PERIOD: u64 = 100 * MS;
/// 30 periods.
const WINDOW: u64 = 3_000 * MS;
/// Emulated virtualisation inside emulation: a second or two, minutes on a busy host.
const START_LIMIT: u64 = 120_000 * MS;
/// The second virtual CPU spins once it has had this much.
const STARTED: u64 = 200 * MS;

/// The firmware's size, and where the entry of the second virtual CPU and that of the first are in it:
/// the page 0xfe000 that the start-up interrupt names, and the 16 bytes below 4 GiB.
const FIRMWARE: usize = 64 * 1024;
const SECOND: usize = 0xe000;
const RESET: usize = 0xfff0;
/// Real mode, 16 bits, at f000:0000.
const FIRST_CODE: [u8; 89] = [
    0x66, 0xb9, 0x1b, 0x00, 0x00, 0x00, // mov ecx, IA32_APIC_BASE
    0x0f, 0x32, // rdmsr
    0x66, 0x0d, 0x00, 0x0c, 0x00, 0x00, // or eax, enabled | x2apic
    0x0f, 0x30, // wrmsr
    0x66, 0xb9, 0x30, 0x08, 0x00, 0x00, // mov ecx, interrupt command
    0x66, 0xba, 0x01, 0x00, 0x00, 0x00, // mov edx, 1: the second
    0x66, 0xb8, 0x00, 0x45, 0x00, 0x00, // mov eax, INIT
    0x0f, 0x30, // wrmsr
    0x66, 0xbb, 0x00, 0x00, 0x00, 0x01, // mov ebx, 16 million
    0x66, 0x4b, // dec ebx
    0x75, 0xfc, // jnz back
    0x66, 0xb8, 0xfe, 0x46, 0x00, 0x00, // mov eax, start-up at page 0xfe
    0x0f, 0x30, // wrmsr
    0x66, 0xbb, 0x40, 0x42, 0x0f, 0x00, // mov ebx, a million
    0x66, 0x4b, // dec ebx
    0x75, 0xfc, // jnz back
    0x66, 0xb8, 0xfe, 0x46, 0x00, 0x00, // mov eax, start-up once more, as the manual says
    0x0f, 0x30, // wrmsr
    0x66, 0xb8, 0x0b, 0x00, 0x00, 0x00, // again: mov eax, KVM_HC_SCHED_YIELD
    0x66, 0xbb, 0x01, 0x00, 0x00, 0x00, // mov ebx, 1: the second
    0x0f, 0x01, 0xd9, // vmmcall
    0xeb, 0xef, // jmp again
];
/// jmp to itself.
const SECOND_CODE: [u8; 2] = [0xeb, 0xfe];
/// jmp f000:0000.
const RESET_CODE: [u8; 5] = [0xea, 0x00, 0x00, 0x00, 0xf0];

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yields {
    /// How long it was watched.
    pub window_ns: u64,
    /// CPU time of the virtual CPU that names the other.
    pub yielder_ns: u64,
    /// CPU time of the one that is named.
    pub named_ns: u64,
    /// How often the kernel asked the scheduler.
    pub asked: u64,
    /// How often the thread that was named came next.
    pub honoured: u64,
}

/// Starts the guest, takes it into a capsule, measures, and writes the result.
pub fn run(session: &Session) -> anyhow::Result<()> {
    let begun = now();
    let directory = session.directory("directed-yield", "0")?;
    let guest = start(&directory)?;
    let capsule = guest.0.attach(session, "yield", BUDGET, PERIOD)?;
    let measured = measure(&guest)?;
    fs::write(directory.join("yields.json"), serde_json::to_vec_pretty(&measured)?)?;
    drop(guest);
    session.delete(&capsule)?;
    eprintln!("directed yield: {} ms", (now() - begun) / MS);
    Ok(())
}

fn measure(guest: &Guest) -> anyhow::Result<Yields> {
    let (yielder, named) = (guest.virtual_cpu(0)?, guest.virtual_cpu(1)?);
    let look = || -> anyhow::Result<(u64, [u64; 4])> {
        let loaded = running::find()?.context("our scheduler does not run")?;
        let counted = loaded.control()?;
        let times = (cpu_time(yielder)?.as_ns(), cpu_time(named)?.as_ns());
        Ok((now(), [times.0, times.1, counted.yields, counted.yields_honoured]))
    };
    sleep_until(now() + 10 * PERIOD);
    let (start, before) = look()?;
    sleep_until(start + WINDOW);
    let (end, after) = look()?;
    let [yielder_ns, named_ns, asked, honoured] = std::array::from_fn(|i| after[i] - before[i]);
    Ok(Yields { window_ns: end - start, yielder_ns, named_ns, asked, honoured })
}

/// The guest's QEMU.
struct Guest(Running);

impl Guest {
    /// The thread of a virtual CPU.
    fn virtual_cpu(&self, number: u32) -> anyhow::Result<Tid> {
        let name = format!("CPU {number}/KVM");
        let is_it = |tid: &Tid| process::stat(*tid).is_ok_and(|stat| stat.comm == name);
        let threads = process::threads(Pid(self.0.child.id()))?;
        threads.into_iter().find(is_it).with_context(|| format!("no thread '{name}'"))
    }
}

fn start(directory: &Path) -> anyhow::Result<Guest> {
    load_kvm(&modules()?)?;
    let firmware = directory.join("firmware");
    fs::write(&firmware, code()).with_context(|| format!("writing {}", firmware.display()))?;
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(["-name", "yield,debug-threads=on", "-nodefaults", "-display", "none"])
        .args(["-accel", "kvm", "-cpu", "qemu64,+x2apic", "-smp", "2", "-m", "16", "-bios"])
        .arg(&firmware)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(directory.join("qemu.log"))?);
    let mut guest = Guest(Running::start(&mut command)?);
    let until = now() + START_LIMIT;
    loop {
        let second = guest.virtual_cpu(1).and_then(|tid| Ok(cpu_time(tid)?));
        if second.is_ok_and(|time| time.as_ns() > STARTED) {
            return Ok(guest);
        }
        if let Some(status) = guest.0.child.try_wait().context("waiting for QEMU")? {
            bail!("the guest ended with {status}; see {}", directory.display());
        }
        anyhow::ensure!(now() < until, "the second virtual CPU does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The firmware; hlt where there is nothing.
fn code() -> Vec<u8> {
    let mut code = vec![0xf4; FIRMWARE];
    code[..FIRST_CODE.len()].copy_from_slice(&FIRST_CODE);
    code[SECOND..][..SECOND_CODE.len()].copy_from_slice(&SECOND_CODE);
    code[RESET..][..RESET_CODE.len()].copy_from_slice(&RESET_CODE);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_of_the_firmware_begins_at_its_hypercall() {
        // jmp -17, counted from the byte after it.
        let again = FIRST_CODE.len() - 17;
        assert_eq!(FIRST_CODE[again..again + 6], [0x66, 0xb8, 0x0b, 0, 0, 0]);
        assert_eq!(code().len(), FIRMWARE);
        assert_eq!(code()[RESET], 0xea);
    }
}
