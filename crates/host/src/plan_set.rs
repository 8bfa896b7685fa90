// SPDX-License-Identifier: MIT OR Apache-2.0
//! Planning a change of a capsule's reservation or CPUs.

use evenkeel_model::CpuSet;

use crate::admission::{admit, set_own_parts};
use crate::bands::CAPSULES_MAX;
use crate::change::change_steps;
use crate::error::HostError;
use crate::host::Host;
use crate::plan::{Plan, Step};
use crate::request::{Request, SetRequest};
use crate::state::{CapsuleRecord, State};

impl Host {
    /// [`Request::Set`].
    pub(crate) fn plan_set_on(
        &self,
        state: &State,
        request: &SetRequest,
    ) -> Result<Plan, HostError> {
        let name = &request.name;
        let before = state.capsule(name)?;
        let facts = self.facts()?;
        let cpus: &CpuSet = request.cpus.as_ref().unwrap_or(&before.cpus);
        facts.check_cpus(name, cpus)?;
        let enforcer = self.enforcer(before.enforcer)?;
        let limits = facts.limits(enforcer.kind(), enforcer.foreign(&state.names())?);
        let mut after = state.capsules.clone();
        let changed = CapsuleRecord {
            reservation: request.reservation.unwrap_or(before.reservation),
            cpus: cpus.clone(),
            suspended: false,
            ..before.clone()
        };
        after.insert(name.clone(), changed);
        let verdict = admit(&state.capsules, &after, name, &limits)?;
        set_own_parts(&mut after)?;
        self.check_parent_keeps(state, &after, before.parent.as_ref(), &*enforcer)?;
        self.check_parent_keeps(state, &after, Some(name), &*enforcer)?;
        let mut steps = change_steps(&state.capsules, &mut after, name)
            .ok_or(HostError::TooManyCapsules(CAPSULES_MAX))?;
        if request.cpus.as_ref() == Some(&before.cpus) {
            // Asked for by name: threads that were moved away, by the kernel when a CPU went offline
            // for example, are brought back.
            let cpus = before.cpus.clone();
            let step = Step::SetCpus { capsule: name.clone(), before: cpus.clone(), after: cpus };
            steps.push(step);
        }
        Ok(Plan {
            request: Request::Set(request.clone()),
            steps,
            verdict: Some(verdict),
            notes: Vec::new(),
            after,
            generation: state.generation,
        })
    }
}
