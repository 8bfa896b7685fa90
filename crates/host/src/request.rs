// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be asked of a host: words already parsed, nothing resolved yet.
//!
//! A request becomes a [`crate::Plan`] (facts decided, steps that are missing), a plan becomes
//! effects. Requests are serialisable because a plan carries the request it answers: where the
//! host changed between planning and applying, the plan is made afresh from it.

use std::ffi::OsString;

use evenkeel_model::{CapsuleName, CpuSet, EnforcerKind, NetworkContextKind, Reservation};
use evenkeel_vm::VmRef;
use serde::{Deserialize, Serialize};

/// Which backend is to keep the promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnforcerChoice {
    /// The strongest backend of this host that guarantees something. Never `quota`: a host that
    /// has nothing better refuses, and says that `quota` must be asked for by name.
    #[default]
    Auto,
    /// Our sched_ext scheduler.
    Scx,
    /// Real-time groups.
    Rtgroup,
    /// Fair-class quota: a cap, no guarantee.
    Quota,
}

impl From<EnforcerKind> for EnforcerChoice {
    fn from(kind: EnforcerKind) -> EnforcerChoice {
        match kind {
            EnforcerKind::Scx => EnforcerChoice::Scx,
            EnforcerKind::Rtgroup => EnforcerChoice::Rtgroup,
            EnforcerKind::Quota => EnforcerChoice::Quota,
        }
    }
}

/// Create an empty capsule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRequest {
    /// Name of the new capsule, unique on the host.
    pub name: CapsuleName,
    /// Budget every period on each CPU of `cpus`, children included.
    pub reservation: Reservation,
    /// The CPUs whose time is reserved, and on which the capsule's threads run.
    pub cpus: CpuSet,
    /// The capsule out of whose reservation this one is taken, if any.
    pub parent: Option<CapsuleName>,
    /// Which backend.
    pub enforcer: EnforcerChoice,
}

/// Put a running VM, and optionally its network devices, into a capsule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachRequest {
    /// The capsule.
    pub name: CapsuleName,
    /// The VM. One that is in this capsule already is looked at again: roles are brought up to
    /// date, threads that escaped are fetched.
    pub vm: VmRef,
    /// Network devices that belong to this VM alone. Needed by, and only for, `dedicated`.
    pub netdevs: Vec<String>,
    /// Whose thread does the packet work.
    pub context: NetworkContextKind,
}

/// Change a capsule's reservation, CPUs or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRequest {
    /// The capsule.
    pub name: CapsuleName,
    /// New budget and period; `None` keeps them.
    pub reservation: Option<Reservation>,
    /// New CPUs; `None` keeps them.
    pub cpus: Option<CpuSet>,
}

/// Start a command inside a new capsule and release the capsule when it ends.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The capsule to create.
    pub create: CreateRequest,
    /// Network devices to give a dedicated context in it; empty for `shared`.
    pub netdevs: Vec<String>,
    /// Program and arguments; at least the program.
    pub command: Vec<OsString>,
}

/// Any request that a plan can answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub enum Request {
    /// See [`CreateRequest`].
    Create(CreateRequest),
    /// See [`AttachRequest`].
    Attach(AttachRequest),
    /// See [`SetRequest`].
    Set(SetRequest),
    /// The capsule of a [`RunRequest`]: created, with its netdevs, for the calling process.
    Run {
        /// The capsule.
        create: CreateRequest,
        /// Network devices to give a dedicated context.
        netdevs: Vec<String>,
    },
    /// Take one VM (or, with `None`, every VM and network device) out of a capsule again.
    Detach {
        /// The capsule.
        name: CapsuleName,
        /// The VM; `None` for all of them and the network devices.
        vm: Option<VmRef>,
    },
    /// Take everything out of a capsule and remove it.
    Delete {
        /// The capsule.
        name: CapsuleName,
    },
}

impl Request {
    /// The capsule that the request is about.
    pub fn capsule(&self) -> &CapsuleName {
        match self {
            Request::Create(CreateRequest { name, .. })
            | Request::Run { create: CreateRequest { name, .. }, .. }
            | Request::Attach(AttachRequest { name, .. })
            | Request::Set(SetRequest { name, .. })
            | Request::Detach { name, .. }
            | Request::Delete { name } => name,
        }
    }

    /// The verb as typed.
    pub const fn verb(&self) -> &'static str {
        match self {
            Request::Create(_) => "create",
            Request::Attach(_) => "attach",
            Request::Set(_) => "set",
            Request::Run { .. } => "run",
            Request::Detach { .. } => "detach",
            Request::Delete { .. } => "delete",
        }
    }
}
