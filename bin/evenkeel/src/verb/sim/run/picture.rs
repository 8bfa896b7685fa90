// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what the simulator recorded to what the report draws and writes.

use evenkeel_report::trace::{Doing, Lane, Meaning, Moment, Stretch, Trace};
use evenkeel_sim::Scenario;
use evenkeel_sim::trace::{Moment as Recorded, Trace as Record};

/// Lanes by capsule: threads of one stand together.
pub(super) fn of(scenario: &Scenario, record: &Record) -> Trace {
    let mut order: Vec<usize> = (0..record.lanes.len()).collect();
    order.sort_by_key(|&lane| record.lanes[lane].capsule_index);
    let mut place = vec![0; order.len()];
    for (to, &from) in order.iter().enumerate() {
        place[from] = to;
    }
    let lane = |&from: &usize| {
        let lane = &record.lanes[from];
        Lane { name: lane.thread.clone(), group: lane.capsule_index }
    };
    let about = if scenario.about.is_empty() { "A scenario" } else { scenario.about.as_str() };
    let cut = if record.is_cut { ", cut short by the limit of entries" } else { "" };
    Trace {
        name: "sim-run".to_owned(),
        title: about.trim_end_matches('.').to_owned(),
        caption: format!(
            "Scheduler {}, {} of {}{cut}, seed {}.",
            record.scheduler,
            record.end.since_origin(),
            scenario.duration,
            scenario.seed
        ),
        groups: scenario.capsules.iter().map(|capsule| capsule.name.to_string()).collect(),
        lanes: order.iter().map(lane).collect(),
        cpus: record.cpus,
        length_ns: record.end.as_ns(),
        stretches: record
            .stretches
            .iter()
            .map(|stretch| Stretch {
                lane: place[stretch.lane],
                cpu: stretch.cpu,
                from_ns: stretch.from.as_ns(),
                to_ns: stretch.to.as_ns(),
                doing: if stretch.stolen { Doing::Stolen } else { Doing::Runs },
            })
            .collect(),
        moments: record
            .events
            .iter()
            .map(|event| Moment {
                at_ns: event.at.as_ns(),
                what: event.moment.as_str(),
                meaning: match event.moment {
                    Recorded::Throttled => Meaning::End,
                    Recorded::Replenished => Meaning::Begin,
                    Recorded::ServerMissed | Recorded::Late => Meaning::Miss,
                },
                group: event.capsule,
                lane: event.lane.map(|lane| place[lane]),
                cpu: event.cpu,
            })
            .collect(),
    }
}
