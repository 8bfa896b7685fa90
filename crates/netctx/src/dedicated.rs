// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dedicated context: on, off, and what it is now.
//!
//! Order of setting up: GRO first (a veth has NAPI instances only with it), how long it may hold a
//! packet, then threaded NAPI, then each thread into the capsule. Taking back runs the other way, so
//! that a thread is back in its own group before the switch that may end it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_kernel::netdev::{Napi, Netdev, NetdevError};
use evenkeel_kernel::{cpu, process};
use evenkeel_model::{CapsuleName, Span};
use evenkeel_sched::{Enforcer, Placement};

use crate::found::kthread;
use crate::{KthreadFound, NetctxError, NetdevFound, NetdevState};

/// How long the threads of a netdev may take to appear. The kernel makes them while threaded NAPI
/// is being switched on, so that they are usually there at once; a loaded host gets a second.
const THREADS_WAIT: Span = Span::from_s(1);
/// How often we look meanwhile.
const THREADS_PAUSE: Duration = Duration::from_millis(5);

/// How long GRO may hold a packet for more of its flow. A NAPI thread that is put off for the rest
/// of a period finds its ring in many small portions, and without this every portion's end is the
/// end of an aggregate: a VM at 30 % of a CPU took in 850 Mb/s of 1500-byte frames with 0 and 1700
/// with 200 us. Longer gained nothing (1 ms: the same within the noise) and would delay the last
/// packet of a burst by as much.
pub const GRO_FLUSH_TIMEOUT: Span = Span::from_us(200);

/// How many empty polls in a row, one each [`GRO_FLUSH_TIMEOUT`], end a burst. With none every
/// packet after an emptied ring wakes the thread. Fewer wake-ups are worth 40 % of throughput at
/// the same budget (2.3 to 3.3 Gb/s at 6 ms every 20 ms), and they leak less of a neighbour's time
/// into the capsule: a thread that is woken in the middle of a neighbour's poll is charged for the
/// rest of that poll (the wake-up makes the scheduler skip a clock update, kernel/sched/core.c,
/// `wakeup_preempt`), up to 73 us each time. With 1 the gain is 30 %, with 10 no more than with 2.
pub const NAPI_DEFER_HARD_IRQS: u64 = 2;

/// The capsule that a context belongs to.
pub struct Target<'a> {
    /// The backend.
    pub enforcer: &'a dyn Enforcer,
    /// The capsule.
    pub capsule: &'a CapsuleName,
    /// Where its NAPI threads belong.
    pub placement: Placement,
}

/// Gives the netdev of `found` to a capsule. `record` is called with all that has been found, NAPI
/// threads included, before the first of them is moved; if it fails, nothing more is done. On
/// failure the caller takes back with [`disengage`] what was done.
pub fn engage<E: From<NetctxError>>(
    found: &mut NetdevFound,
    target: &Target<'_>,
    record: impl FnOnce(&NetdevFound) -> Result<(), E>,
) -> Result<(), E> {
    let netdev = switch_on(found)?;
    let napis = threads_of(&netdev)?;
    for napi in &napis {
        let Some(kthread) = kthread(*napi, target.enforcer)? else { continue };
        let is_known = |known: &KthreadFound| {
            known.tid == kthread.tid && known.start_ticks == kthread.start_ticks
        };
        if !found.kthreads.iter().any(is_known) {
            found.kthreads.push(kthread);
        }
    }
    record(found)?;
    for tid in napis.iter().filter_map(|napi| napi.thread) {
        target.enforcer.adopt(target.capsule, tid, &target.placement).map_err(NetctxError::from)?;
    }
    Ok(())
}

/// GRO on and given time to aggregate, threaded NAPI on.
fn switch_on(found: &NetdevFound) -> Result<Netdev, NetctxError> {
    let netdev = found.present()?.ok_or_else(|| NetdevError::NoSuchNetdev(found.name.clone()))?;
    if !netdev.gro()? {
        netdev.set_gro(true)?;
    }
    // A longer one, or a larger number, was somebody's choice.
    if netdev.gro_flush_timeout()? < GRO_FLUSH_TIMEOUT {
        netdev.set_gro_flush_timeout(GRO_FLUSH_TIMEOUT)?;
    }
    if netdev.napi_defer_hard_irqs()? < NAPI_DEFER_HARD_IRQS {
        netdev.set_napi_defer_hard_irqs(NAPI_DEFER_HARD_IRQS)?;
    }
    if !netdev.threaded()? {
        netdev.set_threaded(true)?;
    }
    Ok(netdev)
}

/// The NAPI instances, each with its thread.
fn threads_of(netdev: &Netdev) -> Result<Vec<Napi>, NetctxError> {
    let deadline = Instant::now() + THREADS_WAIT.as_duration();
    loop {
        let napis = netdev.napis()?;
        let without = napis.iter().find(|napi| napi.thread.is_none());
        match without {
            None if !napis.is_empty() => return Ok(napis),
            _ if Instant::now() < deadline => sleep(THREADS_PAUSE),
            None => return Err(NetctxError::NoNapi { netdev: netdev.name.clone() }),
            Some(napi) => {
                return Err(NetctxError::NoThread {
                    netdev: netdev.name.clone(),
                    napi: napi.id,
                    waited: THREADS_WAIT,
                });
            }
        }
    }
}

/// Takes a netdev back to what was found. Whatever was not done is not undone; a netdev that has
/// gone needs nothing. The answer tells in words what could not be as it was.
pub fn disengage(found: &NetdevFound, enforcer: &dyn Enforcer) -> Result<Vec<String>, NetctxError> {
    let mut notes = Vec::new();
    let online = cpu::online().map_err(NetctxError::Facts)?;
    for kthread in &found.kthreads {
        let same = process::stat(kthread.tid).is_ok_and(|s| s.start_ticks == kthread.start_ticks);
        if !same {
            continue;
        }
        match enforcer.put_back(kthread.tid, &kthread.found, &online) {
            Ok(told) => notes.extend(told.iter().map(|note| format!("{}: {note}", kthread.comm))),
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let Some(netdev) = found.present()? else {
        notes.push(format!("the network device '{}' has gone", found.name));
        return Ok(notes);
    };
    match switch_back(found, &netdev) {
        Ok(told) => notes.extend(told),
        Err(error) if error.is_gone() => {
            notes.push(format!("the network device '{}' has gone", found.name));
        }
        Err(error) => return Err(error),
    }
    Ok(notes)
}

/// Threaded NAPI, GRO and its time as found.
fn switch_back(found: &NetdevFound, netdev: &Netdev) -> Result<Vec<String>, NetctxError> {
    let mut notes = Vec::new();
    if netdev.threaded()? != found.threaded {
        match netdev.set_threaded(found.threaded) {
            Ok(()) => {}
            // Without a NAPI instance there is no thread either; the switch alone is left.
            Err(NetdevError::NoThreadedNapi { netdev, .. }) => notes.push(format!(
                "the network device '{netdev}' keeps threaded NAPI on: it has no NAPI instance \
                 now (is it down?), and the kernel refuses the switch"
            )),
            Err(error) => return Err(error.into()),
        }
    }
    if netdev.napi_defer_hard_irqs()? != found.napi_defer_hard_irqs {
        netdev.set_napi_defer_hard_irqs(found.napi_defer_hard_irqs)?;
    }
    if netdev.gro_flush_timeout()? != found.gro_flush_timeout_ns {
        netdev.set_gro_flush_timeout(found.gro_flush_timeout_ns)?;
    }
    if netdev.gro()? != found.gro {
        netdev.set_gro(found.gro)?;
    }
    Ok(notes)
}

/// What the netdev of `found` is now; `None` if it has gone.
pub fn state_of(found: &NetdevFound) -> Result<Option<NetdevState>, NetctxError> {
    let Some(netdev) = found.present()? else { return Ok(None) };
    let look = || -> Result<NetdevState, NetdevError> {
        Ok(NetdevState {
            name: netdev.name.clone(),
            gro: netdev.gro()?,
            threaded: netdev.threaded()?,
            gro_flush_timeout: netdev.gro_flush_timeout()?,
            napi_defer_hard_irqs: netdev.napi_defer_hard_irqs()?,
            kthreads: netdev.napis()?.into_iter().filter_map(|napi| napi.thread).collect(),
        })
    };
    match look() {
        Ok(state) => Ok(Some(state)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
