// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host: what all verbs are called on.

use std::path::PathBuf;

use evenkeel_kernel::cgroup::CgroupMounts;
use evenkeel_kernel::facts::{boot_id, is_root};
use evenkeel_model::{CapsuleName, EnforcerKind};
use evenkeel_sched::{Enforcer, enforcer};
use evenkeel_vm::VmRef;

use crate::apply::Executor;
use crate::error::HostError;
use crate::facts::Facts;
use crate::plan::Plan;
use crate::recover::recover;
use crate::request::{AttachRequest, CreateRequest, Request, SetRequest};
use crate::revive::revive;
use crate::state::{State, children_first};
use crate::store::{STATE_DIR, STATE_DIR_VARIABLE, Store};

/// Where to find the record.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Directory of the state file and its lock.
    pub state_dir: PathBuf,
}

impl Default for HostOptions {
    /// [`STATE_DIR`], or what [`STATE_DIR_VARIABLE`] says.
    fn default() -> HostOptions {
        let state_dir = std::env::var_os(STATE_DIR_VARIABLE).filter(|dir| !dir.is_empty());
        HostOptions { state_dir: state_dir.map_or(PathBuf::from(STATE_DIR), PathBuf::from) }
    }
}

/// What a change has to say for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What could not be as it was or as it was asked, one sentence each.
    pub notes: Vec<String>,
}

/// One host, seen through its kernel and one record. Methods that change something take the lock
/// of the record for as long as they run; a `Host` may be used by several threads.
#[derive(Clone, Debug)]
pub struct Host {
    pub(crate) store: Store,
    pub(crate) boot_id: String,
    pub(crate) mounts: CgroupMounts,
}

impl Host {
    /// Looks at the host; changes nothing and needs no rights.
    pub fn open(options: HostOptions) -> Result<Host, HostError> {
        Ok(Host {
            store: Store::at(options.state_dir),
            boot_id: boot_id()?,
            mounts: CgroupMounts::discover()?,
        })
    }

    /// Words about an operation that was interrupted, if there is one. The next change takes it
    /// back or completes it before it does anything else.
    pub fn interrupted(&self) -> Result<Option<String>, HostError> {
        let state = self.load()?;
        // While the lock is held the operation is not interrupted, it is under way.
        let Some(journal) = state.journal.filter(|_| !self.store.is_locked()) else {
            return Ok(None);
        };
        Ok(Some(format!(
            "'{}' was interrupted; the next change to any capsule clears it up, and so does \
             `evenkeel capsule delete {}`",
            journal.operation,
            journal.steps.first().map_or("NAME", |step| step.capsule().as_str())
        )))
    }

    /// The steps that answer `request`, or why it is refused. Changes nothing and needs no rights.
    pub fn plan(&self, request: &Request) -> Result<Plan, HostError> {
        self.plan_on(&self.load()?, request)
    }

    /// [`Host::plan`] of [`Request::Create`].
    pub fn plan_create(&self, request: &CreateRequest) -> Result<Plan, HostError> {
        self.plan(&Request::Create(request.clone()))
    }

    /// [`Host::plan`] of [`Request::Attach`].
    pub fn plan_attach(&self, request: &AttachRequest) -> Result<Plan, HostError> {
        self.plan(&Request::Attach(request.clone()))
    }

    /// [`Host::plan`] of [`Request::Set`].
    pub fn plan_set(&self, request: &SetRequest) -> Result<Plan, HostError> {
        self.plan(&Request::Set(request.clone()))
    }

    /// [`Host::plan`] of [`Request::Detach`].
    pub fn plan_detach(&self, name: &CapsuleName, vm: Option<&VmRef>) -> Result<Plan, HostError> {
        self.plan(&Request::Detach { name: name.clone(), vm: vm.cloned() })
    }

    /// [`Host::plan`] of [`Request::Delete`].
    pub fn plan_delete(&self, name: &CapsuleName) -> Result<Plan, HostError> {
        self.plan(&Request::Delete { name: name.clone() })
    }

    /// Carries out `plan`. Where the record has changed since it was made, and where an interrupted
    /// operation had to be cleared up first, the plan is made afresh from its request.
    ///
    /// A plan that fails is taken back; [`HostError::RollbackIncomplete`] says what could not be.
    /// A removal that fails goes on with what can be removed, and says what could not.
    pub fn apply(&self, plan: &Plan) -> Result<Outcome, HostError> {
        self.change(|state, outcome| {
            let fresh = match plan.generation == state.generation {
                true => plan.clone(),
                false => self.plan_on(state, &plan.request)?,
            };
            self.execute(state, &fresh, outcome)
        })
    }

    /// Takes every capsule whose name begins with `prefix` off the host, children first, those that
    /// no record describes included. Goes on after a failure; the first one is the answer. A record
    /// that cannot be understood is put aside (`state.json.bad`): what it describes shows as
    /// orphans then.
    pub fn release_all(&self, prefix: &str) -> Result<Outcome, HostError> {
        let mut aside = self.put_bad_record_aside()?;
        let mut outcome = self.change(|state, outcome| {
            let mut names = children_first(&state.capsules, prefix);
            let orphans = self.any_enforcer().map(|enforcer| enforcer.groups());
            let orphans = orphans.transpose()?.unwrap_or_default().into_iter();
            names.extend(orphans.filter(|name| {
                name.as_str().starts_with(prefix) && !state.capsules.contains_key(name)
            }));
            let mut failed = None;
            for name in names {
                let released = self
                    .plan_on(state, &Request::Delete { name })
                    .and_then(|plan| self.execute(state, &plan, outcome));
                failed = failed.or(released.err());
            }
            failed.map_or(Ok(()), Err)
        })?;
        outcome.notes.splice(0..0, aside.drain(..));
        Ok(outcome)
    }

    /// Words about a record that was put aside.
    fn put_bad_record_aside(&self) -> Result<Vec<String>, HostError> {
        if !is_root() {
            return Err(HostError::NotRoot);
        }
        let Err(HostError::StateFormat { path, why }) = self.load() else { return Ok(Vec::new()) };
        let _lock = self.store.lock()?;
        let aside = self.store.put_aside()?;
        let (path, aside) = (path.display(), aside.display());
        Ok(vec![format!("{path} could not be understood ({why}): it is {aside} now")])
    }

    /// Runs `work` under the lock, on a record without an interrupted operation.
    pub(crate) fn change<F>(&self, work: F) -> Result<Outcome, HostError>
    where
        F: FnOnce(&mut State, &mut Outcome) -> Result<(), HostError>,
    {
        if !is_root() {
            return Err(HostError::NotRoot);
        }
        let _lock = self.store.lock()?;
        let mut state = self.load()?;
        let mut outcome = Outcome::default();
        revive(self, &state, &mut outcome);
        recover(self, &mut state, &mut outcome)?;
        work(&mut state, &mut outcome)?;
        Ok(outcome)
    }

    pub(crate) fn plan_on(&self, state: &State, request: &Request) -> Result<Plan, HostError> {
        match request {
            Request::Create(create) => self.plan_create_on(state, create),
            Request::Run { create, netdevs } => self.plan_run_on(state, create, netdevs),
            Request::Attach(attach) => self.plan_attach_on(state, attach),
            Request::Set(set) => self.plan_set_on(state, set),
            Request::Detach { name, vm } => self.plan_detach_on(state, name, vm.as_ref()),
            Request::Delete { name } => self.plan_delete_on(state, name),
        }
    }

    pub(crate) fn execute(
        &self,
        state: &mut State,
        plan: &Plan,
        outcome: &mut Outcome,
    ) -> Result<(), HostError> {
        outcome.notes.extend(plan.notes.iter().cloned());
        Executor::start(self, state, plan)?.run(plan, outcome)
    }

    pub(crate) fn load(&self) -> Result<State, HostError> {
        self.store.load(&self.boot_id)
    }

    pub(crate) fn facts(&self) -> Result<Facts, HostError> {
        Facts::observe(&self.mounts)
    }

    pub(crate) fn enforcer(&self, kind: EnforcerKind) -> Result<Box<dyn Enforcer>, HostError> {
        Ok(enforcer(kind, &self.mounts)?)
    }
}
