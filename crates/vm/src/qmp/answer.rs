// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the monitor's answers say about threads.

use std::collections::BTreeMap;

use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::Role;
use serde_json::Value;

/// One thread and what QEMU calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub tid: Tid,
    pub name: String,
}

/// What a monitor told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Virtual CPUs; several may share one thread (`-accel tcg,thread=single`).
    pub cpus: Vec<Named>,
    /// I/O threads.
    pub iothreads: Vec<Named>,
    /// Who called `listen` on the socket.
    pub listener: Option<Pid>,
}

impl Answer {
    /// Each thread with its role and the reason.
    pub(crate) fn roles(&self) -> BTreeMap<Tid, (Role, String)> {
        let mut roles = BTreeMap::new();
        for thread in &self.iothreads {
            roles.insert(thread.tid, (Role::Io, format!("QMP: I/O thread '{}'", thread.name)));
        }
        for thread in &self.cpus {
            let CpuList(list) = CpuList::of(&self.cpus, thread.tid);
            roles.insert(thread.tid, (Role::Vcpu, format!("QMP: CPU {list}")));
        }
        roles
    }
}

struct CpuList(String);

impl CpuList {
    fn of(cpus: &[Named], tid: Tid) -> CpuList {
        let names: Vec<&str> =
            cpus.iter().filter(|cpu| cpu.tid == tid).map(|cpu| cpu.name.as_str()).collect();
        CpuList(names.join(", "))
    }
}

/// The answer to `query-cpus-fast`; `None` if it has another form.
pub(super) fn cpus(answer: &Value) -> Option<Vec<Named>> {
    let name = |cpu: &Value| Some(cpu.get("cpu-index")?.as_u64()?.to_string());
    named(answer, name)
}

/// The answer to `query-iothreads`; `None` if it has another form.
pub(super) fn iothreads(answer: &Value) -> Option<Vec<Named>> {
    let name = |thread: &Value| Some(thread.get("id")?.as_str()?.to_owned());
    named(answer, name)
}

fn named(answer: &Value, name: impl Fn(&Value) -> Option<String>) -> Option<Vec<Named>> {
    let thread = |entry: &Value| {
        let tid = u32::try_from(entry.get("thread-id")?.as_u64()?).ok().filter(|tid| *tid > 0)?;
        Some(Named { tid: Tid(tid), name: name(entry)? })
    };
    answer.as_array()?.iter().map(thread).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Captured from QEMU 7.2.
    fn captured() -> (Value, Value) {
        let cpus = json!([
            {"thread-id": 2221, "props": {"core-id": 0, "thread-id": 0, "socket-id": 0},
             "qom-path": "/machine/unattached/device[0]", "cpu-index": 0, "target": "x86_64"},
            {"thread-id": 2223, "props": {"core-id": 1, "thread-id": 0, "socket-id": 0},
             "qom-path": "/machine/unattached/device[2]", "cpu-index": 1, "target": "x86_64"}]);
        let iothreads = json!([{"poll-shrink": 0, "thread-id": 2217, "aio-max-batch": 0,
            "poll-grow": 0, "poll-max-ns": 32768, "id": "iothread0"}]);
        (cpus, iothreads)
    }

    #[test]
    fn threads_are_read_with_their_names() {
        let (cpus_answer, iothreads_answer) = captured();
        let answer = Answer {
            cpus: cpus(&cpus_answer).unwrap(),
            iothreads: iothreads(&iothreads_answer).unwrap(),
            listener: None,
        };
        let roles = answer.roles();
        assert_eq!(roles[&Tid(2221)], (Role::Vcpu, "QMP: CPU 0".to_owned()));
        assert_eq!(roles[&Tid(2223)], (Role::Vcpu, "QMP: CPU 1".to_owned()));
        assert_eq!(roles[&Tid(2217)], (Role::Io, "QMP: I/O thread 'iothread0'".to_owned()));
    }

    #[test]
    fn one_thread_may_run_every_cpu() {
        let answer =
            cpus(&json!([{"thread-id": 9, "cpu-index": 0}, {"thread-id": 9, "cpu-index": 1}]));
        let answer = Answer { cpus: answer.unwrap(), iothreads: Vec::new(), listener: None };
        assert_eq!(answer.roles()[&Tid(9)].1, "QMP: CPU 0, 1");
    }

    #[test]
    fn other_forms_are_refused() {
        for value in [
            json!(null),
            json!({}),
            json!([1]),
            json!([{"cpu-index": 0}]),
            json!([{"thread-id": 0, "cpu-index": 0}]),
            json!([{"thread-id": -1, "cpu-index": 0}]),
            json!([{"thread-id": 5_000_000_000u64, "cpu-index": 0}]),
        ] {
            assert_eq!(cpus(&value), None, "{value}");
        }
        assert_eq!(cpus(&json!([])), Some(Vec::new()));
    }
}
