// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which sched_ext scheduler runs, and how ours comes to run.
//!
//! ```text
//!   nothing runs, no pins    load
//!   ours runs                use what is pinned, whoever loaded it
//!   nothing runs, pins       it left (an error, SysRq-S): load again, with its maps
//!   ours of another build    load, then put in its place, with its maps
//!   ours of another layout   the same without its maps: the record of the host has to fill them
//!   another one runs         refuse, politely
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use evenkeel_kernel::cpu;
use evenkeel_kernel::features::{self, SchedExt};
use evenkeel_model::Span;

use super::error::ScxError;
use super::intf::{self, EkSettings};
use super::object::{self, Loaded, OPS, Pins, Stranger};

/// A variable that names another directory of bpffs, for tests.
pub const PINS_VARIABLE: &str = "EVENKEEL_BPFFS_DIR";

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Running {
    /// The kernel has no sched_ext; why.
    Impossible(String),
    /// No scheduler runs.
    Nothing,
    /// Ours.
    Ours,
    /// Somebody else's; its name.
    Foreign(String),
}

/// Looks at the host.
pub fn look() -> Result<Running, ScxError> {
    let found = features::sched_ext().map_err(|error| ScxError::Unavailable(error.to_string()))?;
    Ok(match found {
        None => Running::Impossible(
            "the kernel has no sched_ext (Linux 6.18 or newer with CONFIG_SCHED_CLASS_EXT)"
                .to_owned(),
        ),
        Some(SchedExt { scheduler: Some(name), state }) if state != "disabled" => {
            // The kernel appends build information to a name in some versions.
            match name.split(['_', '-', ' ']).next() == Some(OPS) {
                true => Running::Ours,
                false => Running::Foreign(name),
            }
        }
        Some(_) => Running::Nothing,
    })
}

/// Where our objects are.
pub fn pins() -> Pins {
    match std::env::var_os(PINS_VARIABLE).filter(|directory| !directory.is_empty()) {
        Some(directory) => Pins::under(directory.as_ref()),
        None => Pins::usual(),
    }
}

/// The scheduler that runs, if it is ours.
pub fn find() -> Result<Option<Loaded>, ScxError> {
    match look()? {
        Running::Ours if pins().exist() => Loaded::find(&pins()).map(Some),
        Running::Ours => Err(ScxError::OtherLayout(pins().directory().to_owned())),
        Running::Impossible(_) | Running::Nothing | Running::Foreign(_) => Ok(None),
    }
}

/// What ours knows, whether it runs or has left: its maps outlive it.
pub fn known() -> Result<Option<Loaded>, ScxError> {
    pins().exist().then(|| Loaded::find(&pins())).transpose()
}

/// The scheduler, loaded now if need be, in the place of one of ours of another layout if that runs.
pub fn load() -> Result<Loaded, ScxError> {
    match look()? {
        Running::Impossible(why) => Err(ScxError::Unavailable(why)),
        Running::Foreign(name) => Err(ScxError::Foreign(name)),
        Running::Ours if pins().exist() => Loaded::find(&pins()),
        Running::Ours => Loaded::load(&pins(), &settings(0)?, retire),
        Running::Nothing => Loaded::load(&pins(), &settings(0)?, || Ok(())),
    }
}

/// As [`load`] where nothing runs, without some of the remedies against known hazards (the sum of
/// their `EK_WITHOUT_*`): for tests that want to see the hazard. [`Loaded::leave_out`] takes them up
/// again, and leaves them out again, as the scheduler runs.
pub fn load_without(remedies: u32) -> Result<Loaded, ScxError> {
    match look()? {
        Running::Nothing => {
            let loaded = Loaded::load(&pins(), &settings(remedies)?, || Ok(()))?;
            loaded.leave_out(remedies)?;
            Ok(loaded)
        }
        Running::Impossible(why) => Err(ScxError::Unavailable(why)),
        Running::Foreign(name) => Err(ScxError::Foreign(name)),
        Running::Ours => Err(ScxError::Foreign(OPS.to_owned())),
    }
}

/// Puts this program's scheduler in the place of the one of ours that runs. The kernel has verified
/// it before the old one leaves, so that what stands in for the reservations (a cap and a weight) does
/// so for the change of hands alone. Maps of the same layout are taken over.
pub fn replace() -> Result<Loaded, ScxError> {
    match look()? {
        Running::Ours => Loaded::load(&pins(), &settings(0)?, retire),
        _ => load(),
    }
}

/// Loads a scheduler that is not ours, for tests that want to meet one.
pub fn load_stranger() -> Result<Stranger, ScxError> {
    Stranger::load(&settings(0)?)
}

/// Whether the scheduler that runs is ours and of another build than this program's.
pub fn is_of_another_build() -> Result<bool, ScxError> {
    match look()? {
        Running::Ours if pins().exist() => Ok(Loaded::find(&pins())?.build()? != object::build()),
        Running::Ours => Ok(true),
        Running::Impossible(_) | Running::Nothing | Running::Foreign(_) => Ok(false),
    }
}

/// Longest wait for a scheduler to leave: it takes every thread of the host back to the fair class,
/// some milliseconds; much more where the host is an emulated machine.
const RETIRE_MAX: Duration = Duration::from_secs(20);
/// How often we look meanwhile: the reservations are not in force.
const RETIRE_INTERVAL: Duration = Duration::from_millis(1);

/// Takes any scheduler of ours out of the kernel, of whatever layout, and waits until it has left.
fn retire() -> Result<(), ScxError> {
    unload()?;
    for pins in others() {
        remove(&pins.link())?;
        remove(&pins.switch())?;
    }
    let deadline = Instant::now() + RETIRE_MAX;
    while look()? == Running::Ours {
        if Instant::now() > deadline {
            return Err(ScxError::DoesNotLeave);
        }
        std::thread::sleep(RETIRE_INTERVAL);
    }
    Ok(())
}

/// Where schedulers of ours of other layouts have their objects: the directories beside our own.
fn others() -> Vec<Pins> {
    let pins = pins();
    let Some(Ok(entries)) = pins.directory().parent().map(fs::read_dir) else { return Vec::new() };
    let is_layout = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("abi-")) && path != pins.directory()
    };
    let paths = entries.flatten().map(|entry| entry.path()).filter(is_layout);
    paths.map(|path| Pins::under(&path)).collect()
}

/// Takes the scheduler out of the kernel; its maps stay, so that [`load`] goes on where it was.
pub fn unload() -> Result<(), ScxError> {
    remove(&pins().link())?;
    remove(&pins().switch())
}

fn remove(path: &Path) -> Result<(), ScxError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ScxError::Bpffs { path: path.to_owned(), source }),
    }
}

/// Why it does not run, in the kernel's words; `None` where it never ran or runs.
pub fn why_not() -> Option<String> {
    let control = Loaded::find(&pins()).ok()?.control().ok()?;
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    };
    (control.exit_kind != 0).then(|| {
        let (reason, message) = (text(&control.exit_reason), text(&control.exit_message));
        if message.is_empty() { reason } else { format!("{reason} ({message})") }
    })
}

/// What the scheduler is given when it starts.
fn settings(without: u32) -> Result<EkSettings, ScxError> {
    let known = cpu::present().map_err(|error| ScxError::Unavailable(error.to_string()))?;
    let cpus = known.iter().map(|cpu| cpu.0 + 1).max().unwrap_or(1);
    if cpus > intf::EK_CPUS_MAX {
        return Err(ScxError::TooManyCpus(intf::EK_CPUS_MAX));
    }
    Ok(EkSettings {
        cpus,
        capsules: intf::EK_CAPSULES_MAX,
        // 1 %: a CPU's own kernel threads use less; what they need beyond is best effort's.
        kthreads_budget_ns: Span::from_us(100).as_ns(),
        kthreads_period_ns: Span::from_ms(10).as_ns(),
        // 5 %, the floor that admission leaves. The period is long so that capsules come first
        // within theirs, and far below the 30 s of the kernel's watchdog.
        best_effort_budget_ns: Span::from_ms(25).as_ns(),
        best_effort_period_ns: Span::from_ms(500).as_ns(),
        // As the fair class on small machines: 3 ms.
        slice_ns: Span::from_ms(3).as_ns(),
        // Longer: threads of one capsule that share a CPU share its caches, too.
        capsule_slice_ns: Span::from_ms(5).as_ns(),
        // With six levels the least urgent waits 5 s at most behind all others: a sixth of the
        // watchdog's time.
        ageing_ns: Span::from_s(1).as_ns(),
        floor_percent: 5,
        unsafe_without: without,
    })
}
