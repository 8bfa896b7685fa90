// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capsules and tasks put together: what can be judged only by looking at several tables.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::CapsuleName;
use evenkeel_theory::{Component, Scheduler, Task, Wanted, deadline_monotonic};

use super::capsule::CapsuleTable;
use super::task::TaskTable;
use crate::form::FormError;

/// Most tasks of one capsule: analysis looks at each pair of them.
const TASKS_PER_CAPSULE_MAX: usize = 64;

/// The components of a host, in the order of the capsules.
pub(super) fn components(
    capsules: Vec<CapsuleTable>,
    tasks: Vec<TaskTable>,
) -> Result<Vec<Component>, FormError> {
    let index = index(&capsules)?;
    for capsule in &capsules {
        check_parent(capsule, &capsules, &index)?;
    }
    let mut of_capsule: Vec<Vec<TaskTable>> = capsules.iter().map(|_| Vec::new()).collect();
    for task in tasks {
        let Some(&i) = index.get(&task.capsule) else {
            let what = format!("there is no capsule '{}'", task.capsule);
            return Err(task.capsule_place.error(what));
        };
        check_task(&task, &capsules[i], &of_capsule[i])?;
        of_capsule[i].push(task);
    }
    let parents: BTreeSet<CapsuleName> =
        capsules.iter().filter_map(|capsule| capsule.parent.clone()).collect();
    let both = capsules.into_iter().zip(of_capsule);
    both.map(|(capsule, tasks)| {
        let is_parent = parents.contains(&capsule.name);
        component(capsule, &tasks, is_parent)
    })
    .collect()
}

/// Capsules by name, each name once.
fn index(capsules: &[CapsuleTable]) -> Result<BTreeMap<CapsuleName, usize>, FormError> {
    let mut index = BTreeMap::new();
    for (i, capsule) in capsules.iter().enumerate() {
        if index.insert(capsule.name.clone(), i).is_some() {
            let what = format!("there is another capsule '{}'; names are unique", capsule.name);
            return Err(capsule.name_place.error(what));
        }
    }
    Ok(index)
}

/// The parent exists, has the CPUs, and is not among its own descendants.
fn check_parent(
    capsule: &CapsuleTable,
    capsules: &[CapsuleTable],
    index: &BTreeMap<CapsuleName, usize>,
) -> Result<(), FormError> {
    let Some(parent_name) = &capsule.parent else { return Ok(()) };
    let Some(&parent) = index.get(parent_name) else {
        let what = format!("there is no capsule '{parent_name}'");
        return Err(capsule.parent_place.error(what));
    };
    let parent = &capsules[parent];
    let outside = capsule.cpus.difference(&parent.cpus);
    if !outside.is_empty() {
        let what = format!(
            "its parent '{parent_name}' holds nothing on CPUs {outside}; use CPUs among {}",
            parent.cpus
        );
        return Err(capsule.cpus_place.error(what));
    }
    // Upwards: a name that comes again closes a circle, after at most as many steps as capsules.
    let mut seen = BTreeSet::from([&capsule.name]);
    let mut above = Some(parent);
    while let Some(ancestor) = above {
        if !seen.insert(&ancestor.name) {
            let what = format!("'{}' is its own ancestor; a parent stands outside", ancestor.name);
            return Err(capsule.parent_place.error(what));
        }
        let next = ancestor.parent.as_ref().and_then(|name| index.get(name));
        above = next.map(|&i| &capsules[i]);
    }
    Ok(())
}

/// A task's name is its own within the capsule, its CPU the capsule's, and the capsule has room.
fn check_task(
    task: &TaskTable,
    capsule: &CapsuleTable,
    others: &[TaskTable],
) -> Result<(), FormError> {
    if others.iter().any(|other| other.task.name() == task.task.name()) {
        let what = format!("capsule '{}' has another task of this name", capsule.name);
        return Err(task.name_place.error(what));
    }
    if others.len() == TASKS_PER_CAPSULE_MAX {
        let what = format!(
            "capsule '{}' has more than {TASKS_PER_CAPSULE_MAX} tasks, the most that are accepted",
            capsule.name
        );
        return Err(task.capsule_place.error(what));
    }
    match task.task.cpu().filter(|&cpu| !capsule.cpus.contains(cpu)) {
        Some(cpu) => {
            let what = format!(
                "CPU {cpu} is not among those of capsule '{}', {}",
                capsule.name, capsule.cpus
            );
            Err(task.cpu_place.error(what))
        }
        None => Ok(()),
    }
}

/// One capsule and its tasks.
fn component(
    capsule: CapsuleTable,
    tables: &[TaskTable],
    is_parent: bool,
) -> Result<Component, FormError> {
    let searched = !matches!(capsule.wanted, Wanted::Reservation(_));
    if searched && tables.is_empty() {
        let what = format!("'{}' has no tasks to find the smallest budget for", capsule.name);
        return Err(capsule.budget_place.error(what));
    }
    if searched && is_parent {
        let what = format!("'{}' has children, so its budget and period are needed", capsule.name);
        return Err(capsule.budget_place.error(what));
    }
    let mut tasks: Vec<Task> = tables.iter().map(|table| table.task.clone()).collect();
    let with = tables.iter().filter(|table| table.has_priority).count();
    let by_deadline = with == 0;
    if capsule.inside == Scheduler::FixedPriority
        && with > 0
        && let Some(without) = tables.iter().find(|table| !table.has_priority)
    {
        let what = "is missing, and other tasks of the capsule have one; give all or none";
        return Err(without.priority_place.error(what));
    }
    if by_deadline && capsule.inside == Scheduler::FixedPriority {
        tasks = deadline_monotonic(&tasks);
    }
    let CapsuleTable { name, wanted, cpus, parent, inside, .. } = capsule;
    Ok(Component { name, wanted, cpus, parent, inside, tasks, by_deadline })
}
