// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading and setting a thread's policy.

use evenkeel_model::Span;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::syscall::{ATTR_SIZE, RawAttr, get_attr, set_attr};
use super::{Policy, SchedError};
use crate::pid::Tid;

/// SCHED_FLAG_RESET_ON_FORK (include/uapi/linux/sched.h).
const FLAG_RESET_ON_FORK: u64 = 1;

/// A thread's policy, and whether its children start with it.
///
/// A custom slice of a fair thread (Linux 6.12, `sched_runtime` of SCHED_OTHER) is not part of it:
/// the kernel reports the default and a custom one alike. Restoring sets the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SchedAttr {
    /// How it is scheduled.
    #[serde(flatten)]
    pub policy: Policy,
    /// Whether threads it creates fall back to SCHED_OTHER.
    pub reset_on_fork: bool,
}

impl From<Policy> for SchedAttr {
    /// Children inherit the policy: what a capsule needs.
    fn from(policy: Policy) -> SchedAttr {
        SchedAttr { policy, reset_on_fork: false }
    }
}

/// The policy of `tid`.
pub fn sched_attr(tid: Tid) -> Result<SchedAttr, SchedError> {
    let raw = get_attr(tid).map_err(|errno| match errno {
        Errno::SRCH => SchedError::Gone(tid),
        errno => SchedError::Read { tid, source: errno.into() },
    })?;
    decode(&raw).ok_or(SchedError::UnknownPolicy { tid, number: raw.policy })
}

/// Gives `tid` the policy `attr`, with immediate effect.
///
/// Real-time policies need a cgroup with real-time budget where the kernel has RT groups: move the
/// thread first, then set the policy; to undo, set the policy first, then move.
pub fn set_sched_attr(tid: Tid, attr: &SchedAttr) -> Result<(), SchedError> {
    set_attr(tid, &encode(attr)).map_err(|errno| SchedError::refused(tid, attr.policy, errno))
}

fn encode(attr: &SchedAttr) -> RawAttr {
    let raw = RawAttr {
        size: ATTR_SIZE,
        policy: attr.policy.number(),
        flags: if attr.reset_on_fork { FLAG_RESET_ON_FORK } else { 0 },
        ..RawAttr::default()
    };
    match attr.policy {
        Policy::Other { nice } | Policy::Batch { nice } | Policy::Ext { nice } => {
            RawAttr { nice: nice.into(), ..raw }
        }
        Policy::Idle => raw,
        Policy::Fifo { priority } | Policy::RoundRobin { priority } => {
            RawAttr { priority: priority.into(), ..raw }
        }
        Policy::Deadline { runtime, deadline, period } => RawAttr {
            runtime_ns: runtime.as_ns(),
            deadline_ns: deadline.as_ns(),
            period_ns: period.as_ns(),
            ..raw
        },
    }
}

/// `None` for a policy number that this program does not know, or parameters no kernel returns.
fn decode(raw: &RawAttr) -> Option<SchedAttr> {
    let nice = i8::try_from(raw.nice).ok()?;
    let priority = u8::try_from(raw.priority).ok()?;
    let policy = match raw.policy {
        0 => Policy::Other { nice },
        1 => Policy::Fifo { priority },
        2 => Policy::RoundRobin { priority },
        3 => Policy::Batch { nice },
        5 => Policy::Idle,
        6 => Policy::Deadline {
            runtime: Span::from_ns(raw.runtime_ns),
            deadline: Span::from_ns(raw.deadline_ns),
            period: Span::from_ns(raw.period_ns),
        },
        7 => Policy::Ext { nice },
        _ => return None,
    };
    Some(SchedAttr { policy, reset_on_fork: raw.flags & FLAG_RESET_ON_FORK != 0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policies() -> impl Strategy<Value = Policy> {
        let span = || (1u64..1 << 62).prop_map(Span::from_ns);
        prop_oneof![
            (-20i8..20).prop_map(|nice| Policy::Other { nice }),
            (-20i8..20).prop_map(|nice| Policy::Batch { nice }),
            Just(Policy::Idle),
            (1u8..100).prop_map(|priority| Policy::Fifo { priority }),
            (1u8..100).prop_map(|priority| Policy::RoundRobin { priority }),
            (span(), span(), span()).prop_map(|(runtime, deadline, period)| Policy::Deadline {
                runtime,
                deadline,
                period
            }),
            (-20i8..20).prop_map(|nice| Policy::Ext { nice }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(policy in policies(), reset_on_fork: bool) {
            let attr = SchedAttr { policy, reset_on_fork };
            prop_assert_eq!(decode(&encode(&attr)), Some(attr));
            let json = serde_json::to_string(&attr).unwrap();
            prop_assert_eq!(serde_json::from_str::<SchedAttr>(&json).unwrap(), attr);
        }
    }

    #[test]
    fn an_unknown_policy_is_not_taken_for_another() {
        assert_eq!(decode(&RawAttr { policy: 4, ..RawAttr::default() }), None);
        assert_eq!(decode(&RawAttr { policy: 8, ..RawAttr::default() }), None);
    }

    #[test]
    fn a_thread_can_be_niced_and_its_end_is_noticed() {
        let tid = std::thread::spawn(|| {
            let tid = crate::sched::current_tid();
            let attr = SchedAttr { policy: Policy::Batch { nice: 3 }, reset_on_fork: true };
            set_sched_attr(tid, &attr).unwrap();
            assert_eq!(sched_attr(tid).unwrap(), attr);
            tid
        })
        .join()
        .unwrap();
        assert!(sched_attr(tid).unwrap_err().is_gone());
        let idle = SchedAttr::from(Policy::Idle);
        assert!(set_sched_attr(tid, &idle).unwrap_err().is_gone());
        assert!(sched_attr(Tid(0)).unwrap_err().is_gone());
        assert!(sched_attr(Tid(u32::MAX)).unwrap_err().is_gone());
    }

    #[test]
    fn a_parameter_out_of_range_is_refused_with_its_meaning() {
        let tid = crate::sched::current_tid();
        let error = set_sched_attr(tid, &Policy::Fifo { priority: 100 }.into()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("fifo 100") && text.contains(&tid.to_string()), "{text}");
        assert!(text.contains("out of range"), "{text}");
    }
}
