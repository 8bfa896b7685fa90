// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a netdev was before it was touched, and what it is now.

use evenkeel_kernel::Tid;
use evenkeel_kernel::netdev::{self, Napi, Netdev};
use evenkeel_kernel::process;
use evenkeel_model::Span;
use evenkeel_sched::{Enforcer, Found};
use serde::{Deserialize, Serialize};

use crate::NetctxError;

/// A netdev as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetdevFound {
    /// Its name when it was found.
    pub name: String,
    /// Its number, by which it is found again under another name.
    pub ifindex: u32,
    /// Whether generic receive offload was on.
    pub gro: bool,
    /// Whether threaded NAPI was on.
    pub threaded: bool,
    /// How long GRO held a packet for more of its flow.
    pub gro_flush_timeout_ns: Span,
    /// How many empty polls put its interrupts off.
    pub napi_defer_hard_irqs: u64,
    /// Its NAPI threads: those it had, and those it was given, as they were when they were born.
    pub kthreads: Vec<KthreadFound>,
}

/// A NAPI thread as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KthreadFound {
    /// The NAPI instance it polls.
    pub napi: u32,
    /// The thread.
    pub tid: Tid,
    /// When it started; with the number, an identity.
    pub start_ticks: u64,
    /// Its name.
    pub comm: String,
    /// Its groups, policy and affinity.
    pub found: Found,
}

/// What a netdev is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetdevState {
    /// Its name now.
    pub name: String,
    /// Whether generic receive offload is on.
    pub gro: bool,
    /// Whether threaded NAPI is on.
    pub threaded: bool,
    /// How long GRO holds a packet for more of its flow.
    pub gro_flush_timeout: Span,
    /// How many empty polls put its interrupts off.
    pub napi_defer_hard_irqs: u64,
    /// Its NAPI threads.
    pub kthreads: Vec<Tid>,
}

/// Looks at the netdev `name` without touching it.
pub fn inspect(name: &str, enforcer: &dyn Enforcer) -> Result<NetdevFound, NetctxError> {
    let netdev = netdev::lookup(name)?;
    let threaded = netdev.threaded()?;
    let mut found = NetdevFound {
        name: netdev.name.clone(),
        ifindex: netdev.ifindex,
        gro: netdev.gro()?,
        threaded,
        gro_flush_timeout_ns: netdev.gro_flush_timeout()?,
        napi_defer_hard_irqs: netdev.napi_defer_hard_irqs()?,
        kthreads: Vec::new(),
    };
    if threaded {
        for napi in netdev.napis()? {
            found.kthreads.extend(kthread(napi, enforcer)?);
        }
    }
    Ok(found)
}

/// What the thread of `napi` is now; `None` where it has none.
pub(crate) fn kthread(
    napi: Napi,
    enforcer: &dyn Enforcer,
) -> Result<Option<KthreadFound>, NetctxError> {
    let Some(tid) = napi.thread else { return Ok(None) };
    let stat = process::stat(tid)?;
    Ok(Some(KthreadFound {
        napi: napi.id,
        tid,
        start_ticks: stat.start_ticks,
        comm: stat.comm,
        found: enforcer.capture(tid)?,
    }))
}

impl NetdevFound {
    /// The netdev under its present name; `None` if it has gone (or to another namespace).
    pub fn present(&self) -> Result<Option<Netdev>, NetctxError> {
        Ok(netdev::list()?.into_iter().find(|netdev| netdev.ifindex == self.ifindex))
    }
}
