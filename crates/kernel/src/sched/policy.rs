// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduling policies of Linux, with their parameters.

use std::fmt;

use evenkeel_model::Span;
use serde::{Deserialize, Serialize};

/// How the kernel schedules a thread. Serialised with the policy in lower case under `policy`, so
/// that a state file reads like `chrt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "lowercase")]
pub enum Policy {
    /// SCHED_OTHER, the fair class.
    Other {
        /// -20 (most) to 19 (least).
        nice: i8,
    },
    /// SCHED_BATCH, fair without wake-up preemption.
    Batch {
        /// -20 (most) to 19 (least).
        nice: i8,
    },
    /// SCHED_IDLE, fair with the least weight.
    Idle,
    /// SCHED_FIFO.
    Fifo {
        /// 1 to 99, higher first.
        priority: u8,
    },
    /// SCHED_RR.
    #[serde(rename = "rr")]
    RoundRobin {
        /// 1 to 99, higher first.
        priority: u8,
    },
    /// SCHED_DEADLINE.
    Deadline {
        /// Budget.
        #[serde(rename = "runtime_ns")]
        runtime: Span,
        /// Relative deadline.
        #[serde(rename = "deadline_ns")]
        deadline: Span,
        /// Period.
        #[serde(rename = "period_ns")]
        period: Span,
    },
    /// SCHED_EXT, a BPF scheduler's.
    Ext {
        /// -20 (most) to 19 (least).
        nice: i8,
    },
}

impl Policy {
    /// Whether it is SCHED_FIFO or SCHED_RR: what real-time groups bound.
    pub const fn is_real_time(self) -> bool {
        matches!(self, Policy::Fifo { .. } | Policy::RoundRobin { .. })
    }

    /// SCHED_* of include/uapi/linux/sched.h.
    pub(super) const fn number(self) -> u32 {
        match self {
            Policy::Other { .. } => 0,
            Policy::Fifo { .. } => 1,
            Policy::RoundRobin { .. } => 2,
            Policy::Batch { .. } => 3,
            Policy::Idle => 5,
            Policy::Deadline { .. } => 6,
            Policy::Ext { .. } => 7,
        }
    }
}

impl fmt::Display for Policy {
    /// `other`, `other nice 5`, `fifo 7`, `deadline 6ms/20ms/20ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fair = |name: &str, nice: i8| match nice {
            0 => name.to_owned(),
            nice => format!("{name} nice {nice}"),
        };
        let text = match *self {
            Policy::Other { nice } => fair("other", nice),
            Policy::Batch { nice } => fair("batch", nice),
            Policy::Idle => "idle".to_owned(),
            Policy::Fifo { priority } => format!("fifo {priority}"),
            Policy::RoundRobin { priority } => format!("rr {priority}"),
            Policy::Deadline { runtime, deadline, period } => {
                format!("deadline {runtime}/{deadline}/{period}")
            }
            Policy::Ext { nice } => fair("ext", nice),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_json_read_like_chrt() {
        assert_eq!(Policy::Other { nice: 0 }.to_string(), "other");
        assert_eq!(Policy::Other { nice: -5 }.to_string(), "other nice -5");
        assert_eq!(Policy::Fifo { priority: 7 }.to_string(), "fifo 7");
        let ms = Span::from_ms;
        let deadline = Policy::Deadline { runtime: ms(6), deadline: ms(20), period: ms(20) };
        assert_eq!(deadline.to_string(), "deadline 6ms/20ms/20ms");
        let json = serde_json::to_string(&Policy::Fifo { priority: 7 }).unwrap();
        assert_eq!(json, r#"{"policy":"fifo","priority":7}"#);
        for policy in [deadline, Policy::Idle, Policy::Batch { nice: 3 }] {
            let json = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
        }
    }
}
