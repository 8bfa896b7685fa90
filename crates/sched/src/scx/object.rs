// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loading the scheduler, pinning it so that it outlives us, finding one that is there.
//!
//! Everything is under one directory of bpffs: the link (while it is there the scheduler stays
//! attached, whoever loaded it has died or not), the maps with all reservations, and the three
//! programs by which it is told something. A scheduler that has left, by an error or for a newer
//! one, leaves the maps: the next one takes them over.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use libbpf_rs::{Link, MapCore, MapHandle, Object, ObjectBuilder, OpenObject, Program};

use super::error::ScxError;
use super::intf::{self, EkSettings};
use super::raw;

/// The scheduler, as clang compiled it.
static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/evenkeel.bpf.o"));

/// Maps of timers: they belong to the programs of one scheduler. Pinned all the same: the kernel
/// stops the timers of a map that no process and no pin holds.
const TIMERS: [&str; 2] = ["exhaust_timers", "replenish_timers"];
/// Maps that one scheduler leaves to the next.
const KEPT: [&str; 8] =
    ["cpus", "capsules", "tasks", "claims", "weights", "switches", "control", "decisions"];
/// Programs that are called.
const CALLED: [&str; 3] = ["ek_place", "ek_query", "ek_change"];
/// The program that is no operation of the scheduler: the kernel calls it at each switch.
const SWITCH: &str = "ek_switch";
/// Maps with a value for each CPU.
const PER_CPU: [&str; 3] = ["cpus", "exhaust_timers", "replenish_timers"];

/// The name of our operations under /sys/kernel/sched_ext/root/ops; the kernel may append to it.
pub const OPS: &str = "evenkeel";

/// A number for this program's scheduler, another one for every build of it: FNV-1a, in 32 bits.
pub(super) fn build() -> u32 {
    OBJECT
        .iter()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Where the objects of one scheduler are pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    directory: PathBuf,
}

impl Pins {
    /// The usual place. The layout is part of it: what we do not understand we do not open.
    pub fn usual() -> Pins {
        Pins { directory: PathBuf::from(format!("/sys/fs/bpf/evenkeel/abi-{}", intf::EK_ABI)) }
    }

    /// Another place, for tests.
    pub fn under(directory: &Path) -> Pins {
        Pins { directory: directory.to_owned() }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The pin of the link.
    pub fn link(&self) -> PathBuf {
        self.at("link")
    }

    /// The pin of the link by which it is told of switches.
    pub fn switch(&self) -> PathBuf {
        self.at("switch")
    }

    /// Whether a scheduler of this layout has been here.
    pub fn exist(&self) -> bool {
        self.at("capsules").exists()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// A scheduler that runs, and what is needed to talk to it.
#[derive(Debug)]
pub struct Loaded {
    pub(super) cpus: MapHandle,
    pub(super) capsules: MapHandle,
    pub(super) control: MapHandle,
    pub(super) switches: MapHandle,
    pub(super) claims: MapHandle,
    pub(super) decisions: MapHandle,
    pub(super) place: OwnedFd,
    pub(super) query: OwnedFd,
    pub(super) change: OwnedFd,
}

fn load_error(doing: &'static str) -> impl FnOnce(libbpf_rs::Error) -> ScxError {
    move |source| ScxError::Load { doing, source }
}

impl Loaded {
    /// Loads the scheduler and leaves it pinned. What has to be done between its verification and its
    /// coming into force is `clear`'s.
    pub fn load(
        pins: &Pins,
        settings: &EkSettings,
        clear: impl FnOnce() -> Result<(), ScxError>,
    ) -> Result<Loaded, ScxError> {
        fs::create_dir_all(&pins.directory)
            .map_err(|source| ScxError::Bpffs { path: pins.directory.clone(), source })?;
        let mut object = ObjectBuilder::default()
            .open_memory(OBJECT)
            .map_err(load_error("reading the object"))?;
        prepare(&mut object, Some(pins), settings)?;
        let mut object = object.load().map_err(load_error("verifying it"))?;
        clear()?;
        pin(&mut object, pins)?;
        attach(&mut object, pins, settings)?;
        let loaded = Loaded::find(pins)?;
        loaded.set_build(build())?;
        Ok(loaded)
    }

    /// Opens what is pinned.
    pub fn find(pins: &Pins) -> Result<Loaded, ScxError> {
        let map = |name: &str| {
            MapHandle::from_pinned_path(pins.at(name)).map_err(load_error("opening a pinned map"))
        };
        let program = |name: &str| {
            Program::fd_from_pinned_path(pins.at(name))
                .map_err(load_error("opening a pinned program"))
        };
        Ok(Loaded {
            cpus: map("cpus")?,
            capsules: map("capsules")?,
            control: map("control")?,
            switches: map("switches")?,
            claims: map("claims")?,
            decisions: map("decisions")?,
            place: program("ek_place")?,
            query: program("ek_query")?,
            change: program("ek_change")?,
        })
    }
}

/// A scheduler that is not ours, for tests that want to meet one: our own under another name, pinned
/// nowhere. It leaves when this is dropped.
#[derive(Debug)]
pub struct Stranger {
    _link: Link,
}

impl Stranger {
    /// Its name, of as many letters as ours.
    pub const NAME: &str = "stranger";

    pub(super) fn load(settings: &EkSettings) -> Result<Stranger, ScxError> {
        let mut renamed = OBJECT.to_vec();
        let (ours, theirs) = (format!("{OPS}\0"), format!("{}\0", Stranger::NAME));
        let is_ours = |at: &usize| OBJECT[*at..].starts_with(ours.as_bytes());
        for at in (0..OBJECT.len()).filter(is_ours) {
            renamed[at..at + ours.len()].copy_from_slice(theirs.as_bytes());
        }
        let mut object = ObjectBuilder::default()
            .open_memory(&renamed)
            .map_err(load_error("reading the object"))?;
        prepare(&mut object, None, settings)?;
        let mut object = object.load().map_err(load_error("verifying it"))?;
        let mut maps = object.maps_mut();
        let operations = maps.find(|map| map.name() == Stranger::NAME);
        let link = operations
            .expect("the object has its operations")
            .attach_struct_ops()
            .map_err(load_error("attaching it"))?;
        Ok(Stranger { _link: link })
    }
}

/// Pins maps, and the programs that are called.
fn pin(object: &mut Object, pins: &Pins) -> Result<(), ScxError> {
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let path = pins.at(&name);
        if TIMERS.contains(&name.as_str()) {
            let _ = fs::remove_file(&path);
        }
        let pinned = KEPT.contains(&name.as_str()) || TIMERS.contains(&name.as_str());
        if pinned && !path.exists() {
            map.pin(&path).map_err(load_error("pinning a map"))?;
        }
    }
    for mut program in object.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        if CALLED.contains(&name.as_str()) {
            let path = pins.at(&name);
            let _ = fs::remove_file(&path);
            program.pin(&path).map_err(load_error("pinning a program"))?;
        }
    }
    Ok(())
}

/// Has the kernel call it: at each switch first, so that no time goes uncharged, then as its scheduler.
fn attach(object: &mut Object, pins: &Pins, settings: &EkSettings) -> Result<(), ScxError> {
    let switches = object
        .progs_mut()
        .find(|program| program.name() == SWITCH)
        .expect("the object has the program that is told of switches");
    let _ = fs::remove_file(pins.switch());
    let mut switches = switches.attach_trace().map_err(load_error("attaching it to switches"))?;
    switches.pin(pins.switch()).map_err(load_error("pinning its link to switches"))?;
    let _ = fs::remove_file(pins.link());
    let mut link: Link = object
        .maps_mut()
        .find(|map| map.name() == OPS)
        .expect("the object has our operations")
        .attach_struct_ops()
        .map_err(load_error("attaching it"))?;
    if settings.unsafe_without & intf::EK_WITHOUT_PIN == 0 {
        link.pin(pins.link()).map_err(load_error("pinning its link"))?;
    } else {
        // Ends with this process.
        Box::leak(Box::new(link));
    }
    Ok(())
}

/// Sizes, settings, and the maps of the scheduler before.
fn prepare(
    object: &mut OpenObject,
    pins: Option<&Pins>,
    settings: &EkSettings,
) -> Result<(), ScxError> {
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if name.ends_with("rodata.settings") {
            map.set_initial_value(raw::bytes(settings)).map_err(load_error("setting it up"))?;
        }
        if PER_CPU.contains(&name.as_str()) {
            map.set_max_entries(settings.cpus).map_err(load_error("sizing a map"))?;
        }
        let pin = pins.map(|pins| pins.at(&name)).filter(|pin| pin.exists());
        if let Some(pin) = pin.filter(|_| KEPT.contains(&name.as_str())) {
            map.reuse_pinned_map(pin).map_err(load_error("taking over a map"))?;
        }
        if name == OPS
            && let Some(operations) = map.initial_value_mut()
        {
            leave_out(operations, settings.unsafe_without);
        }
    }
    Ok(())
}

/// Flags of the operations that a test may leave out: our number, the kernel's bit.
const FLAGS: [(u32, u64); 3] = [
    (intf::EK_WITHOUT_ENQ_LAST, 1 << 1),
    (intf::EK_WITHOUT_ENQ_EXITING, 1 << 2),
    (intf::EK_WITHOUT_ENQ_MIGRATION, 1 << 4),
];
/// The operations without which the kernel ends a scheduler at the first change of CPUs.
const HOTPLUG: [u32; 2] = [intf::EK_OPS_CPU_ONLINE_AT, intf::EK_OPS_CPU_OFFLINE_AT];
/// A watchdog that a test can wait for: longer than the least urgent thread waits (ageing).
const TIMEOUT_SHORT_MS: u32 = 12_000;

/// Takes remedies out of the operations before the kernel sees them; most often none.
fn leave_out(operations: &mut [u8], without: u32) {
    if let Some(flags) = field::<8>(operations, intf::EK_OPS_FLAGS_AT) {
        let lost = FLAGS.iter().filter(|(remedy, _)| without & remedy != 0).map(|(_, bit)| bit);
        let lost = lost.fold(0, |all, bit| all | bit);
        *flags = (u64::from_ne_bytes(*flags) & !lost).to_ne_bytes();
    }
    for at in HOTPLUG.into_iter().filter(|_| without & intf::EK_WITHOUT_HOTPLUG != 0) {
        if let Some(operation) = field::<8>(operations, at) {
            *operation = [0; 8];
        }
    }
    if without & intf::EK_WITHOUT_PATIENCE != 0
        && let Some(timeout) = field::<4>(operations, intf::EK_OPS_TIMEOUT_AT)
    {
        *timeout = TIMEOUT_SHORT_MS.to_ne_bytes();
    }
}

/// A field of the operations.
fn field<const LEN: usize>(operations: &mut [u8], at: u32) -> Option<&mut [u8; LEN]> {
    operations.get_mut(usize::try_from(at).ok()?..)?.first_chunk_mut()
}
