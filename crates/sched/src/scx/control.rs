// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the scheduler in the kernel is told, and what it is asked.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::str::FromStr;
use std::time::{Duration, Instant};

use evenkeel_kernel::Tid;
use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, Reservation, Span};
use libbpf_rs::{MapCore, MapFlags};

use super::error::ScxError;
use super::intf::{
    self, EK_CLAIM_KEEPS, EkCapsule, EkChange, EkClaim, EkControl, EkCpu, EkPlace, EkServer,
    EkSwitches,
};
use super::object::Loaded;
use super::raw;

/// P fits the scheduler's arithmetic: c·P and (d - t)·Q stay below 2^62 (server.bpf.h).
pub const PERIOD_MAX: Span = Span::from_ns(1 << 31);
/// Longest wait for the threads of a deleted capsule to leave its queues: 64 of its longest periods
/// would be 137 s; its threads leave at once when they are handed out, so ten do.
const DRAIN_MAX: Duration = Duration::from_secs(21);
/// How often we look meanwhile.
const DRAIN_INTERVAL: Duration = Duration::from_millis(2);

/// A capsule's slot.
pub type Slot = u32;

/// A thread's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The capsule's slot.
    pub slot: Slot,
    /// Its level inside, 0 the most urgent.
    pub level: u32,
    /// It is there by its cgroup.
    pub by_group: bool,
}

fn refused(doing: &'static str) -> impl FnOnce(std::io::Error) -> ScxError {
    move |source| ScxError::Refused { doing, source }
}

fn map_error(doing: &'static str) -> impl FnOnce(libbpf_rs::Error) -> ScxError {
    move |source| ScxError::Refused { doing, source: std::io::Error::other(source) }
}

impl Loaded {
    /// All capsules by slot, those that are being emptied included.
    pub fn capsules(&self) -> Result<BTreeMap<Slot, EkCapsule>, ScxError> {
        let mut found = BTreeMap::new();
        for slot in 1..=intf::EK_CAPSULES_MAX {
            let capsule: EkCapsule = self.read(&self.capsules, slot, "read a capsule")?;
            if capsule.state != intf::EK_FREE {
                found.insert(slot, capsule);
            }
        }
        Ok(found)
    }

    /// What is in a slot.
    pub fn capsule(&self, slot: Slot) -> Result<Option<EkCapsule>, ScxError> {
        let capsule: EkCapsule = self.read(&self.capsules, slot, "read a capsule")?;
        Ok((capsule.state != intf::EK_FREE).then_some(capsule))
    }

    /// The slot of `name`.
    pub fn slot(&self, name: &CapsuleName) -> Result<Option<Slot>, ScxError> {
        Ok(self
            .capsules()?
            .iter()
            .find(|(_, c)| name_of(c).as_ref() == Some(name))
            .map(|(s, _)| *s))
    }

    /// What it has and does on one CPU.
    pub fn cpu(&self, cpu: CpuIndex) -> Result<EkCpu, ScxError> {
        self.read(&self.cpus, cpu.0, "read a CPU")
    }

    /// One server.
    pub fn server(&self, cpu: CpuIndex, slot: Slot) -> Result<EkServer, ScxError> {
        let index = usize::try_from(slot).unwrap_or(usize::MAX);
        let server = self.cpu(cpu)?.servers.get(index).copied();
        server.ok_or_else(|| refused("read a server")(std::io::Error::other("no such slot")))
    }

    /// How many CPUs it knows.
    pub fn cpu_count(&self) -> u32 {
        self.cpus.max_entries()
    }

    /// Its counters, and why it left.
    pub fn control(&self) -> Result<EkControl, ScxError> {
        self.read(&self.control, 0, "read the counters")
    }

    fn read<T: raw::Plain>(
        &self,
        map: &impl MapCore,
        key: u32,
        doing: &'static str,
    ) -> Result<T, ScxError> {
        let bytes = map.lookup(&key.to_ne_bytes(), MapFlags::ANY).map_err(map_error(doing))?;
        bytes.as_deref().and_then(raw::value).ok_or_else(|| {
            refused(doing)(std::io::Error::other(format!("entry {key} is missing or too short")))
        })
    }

    /// Gives `name` a slot with `own` on `cpus`; `None`: a slot without budget.
    pub fn create(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<Slot, ScxError> {
        let taken = self.capsules()?;
        let slot = match self.slot(name)? {
            Some(slot) => slot,
            None => (1..=intf::EK_CAPSULES_MAX)
                .find(|slot| !taken.contains_key(slot))
                .ok_or(ScxError::Full(intf::EK_CAPSULES_MAX))?,
        };
        self.set(slot, name, own, cpus)?;
        Ok(slot)
    }

    /// Changes what `slot` has. A smaller or moved reservation is awaited: until the bandwidth that
    /// it frees may be given to others (zero lag), at most one period.
    pub fn set(
        &self,
        slot: Slot,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<(), ScxError> {
        let before: EkCapsule = self.read(&self.capsules, slot, "read a capsule")?;
        let mut change = change_of(slot, name, intf::EK_ACTIVE)?;
        (change.budget_ns, change.period_ns) = numbers(own)?;
        change.cpus = mask(cpus, self.cpu_count())?;
        let frees = before.state == intf::EK_ACTIVE
            && (before.cpus.iter().zip(change.cpus).any(|(old, new)| old & !new != 0)
                || u128::from(change.budget_ns) * u128::from(before.period_ns)
                    < u128::from(before.budget_ns) * u128::from(change.period_ns));
        self.change(&mut change)?;
        if frees {
            wait_until(change.reusable_at_ns, Span::from_ns(before.period_ns));
        }
        Ok(())
    }

    /// How what `slot` has differs from what it should have, in words.
    pub fn difference(
        &self,
        slot: Slot,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<Option<String>, ScxError> {
        let found: EkCapsule = self.read(&self.capsules, slot, "read a capsule")?;
        let wanted = numbers(own)?;
        if (found.budget_ns, found.period_ns) != wanted {
            let has = format!("{} ns every {} ns", found.budget_ns, found.period_ns);
            let should = own.map_or("none".to_owned(), |own| own.to_string());
            return Ok(Some(format!("its reservation is {has} instead of {should}")));
        }
        let elsewhere = found.cpus != mask(cpus, self.cpu_count())?;
        Ok(elsewhere.then(|| format!("its servers are not exactly on CPUs {cpus}")))
    }

    /// Empties and frees a slot. Whoever is still in it becomes best effort.
    pub fn remove(&self, slot: Slot, name: &CapsuleName) -> Result<(), ScxError> {
        let before: EkCapsule = self.read(&self.capsules, slot, "read a capsule")?;
        let mut change = change_of(slot, name, intf::EK_DRAINING)?;
        (change.budget_ns, change.period_ns) = (before.budget_ns, before.period_ns);
        change.cpus = before.cpus;
        let start = Instant::now();
        loop {
            self.change(&mut change)?;
            if change.queued == 0 {
                break;
            }
            if start.elapsed() > DRAIN_MAX {
                let waited_ms = u64::try_from(DRAIN_MAX.as_millis()).unwrap_or(u64::MAX);
                let (name, queued) = (name.clone(), change.queued);
                return Err(ScxError::NotDrained { name, queued, waited_ms });
            }
            std::thread::sleep(DRAIN_INTERVAL);
        }
        wait_until(change.reusable_at_ns, Span::from_ns(before.period_ns));
        let mut free = change_of(slot, name, intf::EK_FREE)?;
        free.name = [0; 64];
        self.change(&mut free)
    }

    fn change(&self, change: &mut EkChange) -> Result<(), ScxError> {
        raw::run(self.change.as_fd(), change).map_err(refused("change a capsule"))?;
        match change.result {
            0 => Ok(()),
            error => Err(refused("change a capsule")(std::io::Error::from_raw_os_error(-error))),
        }
    }

    /// Puts a thread into a slot (0: out of any).
    pub fn place(&self, tid: Tid, place: Place) -> Result<(), ScxError> {
        let mut request = EkPlace {
            tid: tid.0,
            capsule: place.slot,
            level: place.level,
            result: 0,
            by_group: u32::from(place.by_group),
            unused: 0,
        };
        raw::run(self.place.as_fd(), &mut request).map_err(refused("place a thread"))?;
        thread_result(tid, request.result, "place a thread")
    }

    /// Where a thread is; `None` in no capsule.
    pub fn query(&self, tid: Tid) -> Result<Option<Place>, ScxError> {
        let mut request: EkPlace = raw::zeroed();
        request.tid = tid.0;
        raw::run(self.query.as_fd(), &mut request).map_err(refused("look up a thread"))?;
        thread_result(tid, request.result, "look up a thread")?;
        Ok((request.capsule != 0).then_some(Place {
            slot: request.capsule,
            level: request.level,
            by_group: request.by_group != 0,
        }))
    }

    /// Claims the subtree of a cgroup for a slot, or (`None`) gives the claim up. Decides about whoever
    /// comes from now on; who is there already has to be placed.
    pub fn claim(&self, group: u64, slot: Option<(Slot, u32)>) -> Result<(), ScxError> {
        let key = group.to_ne_bytes();
        match slot {
            Some((capsule, level)) => self
                .claims
                .update(&key, raw::bytes(&EkClaim { capsule, level }), MapFlags::ANY)
                .map_err(map_error("claim a cgroup")),
            None => {
                // It may have gone with its cgroup.
                let _ = self.claims.delete(&key);
                Ok(())
            }
        }
    }

    /// Whose the subtree of a cgroup is: slot and level.
    pub fn claimed(&self, group: u64) -> Result<Option<(Slot, u32)>, ScxError> {
        let bytes = self.claims.lookup(&group.to_ne_bytes(), MapFlags::ANY);
        let bytes = bytes.map_err(map_error("look up a claim"))?;
        let claim: Option<EkClaim> = bytes.as_deref().and_then(raw::value);
        Ok(claim.map(|claim| (claim.capsule, claim.level & !EK_CLAIM_KEEPS)))
    }

    /// Gives up every claim of a slot, whoever made it.
    pub fn unclaim_all(&self, slot: Slot) -> Result<(), ScxError> {
        let keys: Vec<Vec<u8>> = self.claims.keys().collect();
        for key in keys {
            let Ok(group) = <[u8; 8]>::try_from(key).map(u64::from_ne_bytes) else { continue };
            if self.claimed(group)?.is_some_and(|(owner, _)| owner == slot) {
                self.claim(group, None)?;
            }
        }
        Ok(())
    }

    /// Switches the decision log.
    pub fn trace(&self, on: bool) -> Result<(), ScxError> {
        self.switch(|switches| switches.tracing = u32::from(on))
    }

    /// Leaves remedies against known hazards out from now on (the sum of their `EK_WITHOUT_*`), and
    /// takes up all others. Only those that it was loaded for ([`super::running::load_without`]).
    pub fn leave_out(&self, remedies: u32) -> Result<(), ScxError> {
        self.switch(|switches| switches.left_out = remedies)
    }

    /// The build of the scheduler that was loaded last.
    pub fn build(&self) -> Result<u32, ScxError> {
        let switches: EkSwitches = self.read(&self.switches, 0, "read the switches")?;
        Ok(switches.build)
    }

    pub(super) fn set_build(&self, build: u32) -> Result<(), ScxError> {
        self.switch(|switches| switches.build = build)
    }

    fn switch(&self, set: impl FnOnce(&mut EkSwitches)) -> Result<(), ScxError> {
        let mut switches: EkSwitches = self.read(&self.switches, 0, "read the switches")?;
        set(&mut switches);
        self.switches
            .update(&0u32.to_ne_bytes(), raw::bytes(&switches), MapFlags::ANY)
            .map_err(map_error("set a switch"))
    }
}

/// The name in a slot.
pub fn name_of(capsule: &EkCapsule) -> Option<CapsuleName> {
    let end = capsule.name.iter().position(|byte| *byte == 0).unwrap_or(capsule.name.len());
    CapsuleName::from_str(std::str::from_utf8(&capsule.name[..end]).ok()?).ok()
}

fn change_of(slot: Slot, name: &CapsuleName, state: u32) -> Result<EkChange, ScxError> {
    let mut change: EkChange = raw::zeroed();
    change.capsule = slot;
    change.state = state;
    let bytes = name.as_str().as_bytes();
    // One byte stays zero. Names are at most 63 bytes long (model::CapsuleName).
    let room = change.name.get_mut(..bytes.len()).filter(|room| room.len() < 64);
    room.ok_or_else(|| ScxError::NoCapsule(name.clone()))?.copy_from_slice(bytes);
    Ok(change)
}

/// Budget and period in nanoseconds; zeros where there is no budget.
fn numbers(own: Option<Reservation>) -> Result<(u64, u64), ScxError> {
    let Some(own) = own else { return Ok((0, 0)) };
    if own.period() > PERIOD_MAX {
        let (max, asked) = (PERIOD_MAX.as_ns(), own.period().as_ns());
        return Err(ScxError::PeriodTooLong { max, asked });
    }
    Ok((own.budget().as_ns(), own.period().as_ns()))
}

fn mask(cpus: &CpuSet, known: u32) -> Result<[u64; 4], ScxError> {
    let mut mask = [0u64; 4];
    for cpu in cpus.iter() {
        let word = usize::try_from(cpu.0 / 64).ok().and_then(|word| mask.get_mut(word));
        match word.filter(|_| cpu.0 < known) {
            Some(word) => *word |= 1 << (cpu.0 % 64),
            None => return Err(ScxError::TooManyCpus(known)),
        }
    }
    Ok(mask)
}

fn thread_result(tid: Tid, result: i32, doing: &'static str) -> Result<(), ScxError> {
    const ESRCH: i32 = -3;
    match result {
        0 => Ok(()),
        ESRCH => Err(ScxError::NoThread(tid)),
        error => Err(refused(doing)(std::io::Error::from_raw_os_error(-error))),
    }
}

/// Sleeps until a time of CLOCK_MONOTONIC, `most` at most.
fn wait_until(at_ns: u64, most: Span) {
    let left = at_ns.saturating_sub(monotonic_ns()).min(most.as_ns());
    std::thread::sleep(Duration::from_nanos(left));
}

/// CLOCK_MONOTONIC, the scheduler's clock.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
