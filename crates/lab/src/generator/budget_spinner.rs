// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread that does nothing but look at the clock, and so sees when it did not run: the inside
//! view of a reservation, independent of the kernel's accounting.

use evenkeel_model::Span;
use serde::{Deserialize, Serialize};

use crate::clock::{Moment, own_cpu_time};
use crate::measurement::Stretch;

/// Time between two looks at the clock that means the thread was off its CPU. A look takes some
/// 50 ns; an interrupt with its softirqs takes a few microseconds and belongs to the stretch it
/// interrupts; the shortest time for which a reservation of ours is without service is 2 ms.
pub const GAP: Span = Span::from_us(50);

/// Stretches kept: 10 s of a reservation of 1 ms period that another thread halves every time are
/// 20 000. The buffer (1.6 MB) is touched before the clock starts.
pub const STRETCHES_MAX: usize = 100_000;

/// What a spinner saw of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpinRecord {
    /// How long it looked, from the begin of a stretch.
    #[serde(rename = "elapsed_ns")]
    pub elapsed: Span,
    /// CPU time it got meanwhile, by the kernel's accounting.
    #[serde(rename = "supply_ns")]
    pub supply: Span,
    /// When it ran, since the start.
    pub stretches: Vec<Stretch>,
    /// Whether there were more than [`STRETCHES_MAX`].
    pub truncated: bool,
}

/// Spins for `length`, beginning with the first stretch after a gap of at least `off` (a
/// replenishment, where `off` is the smallest time without service), so that a `length` of whole
/// periods holds whole budgets. Where no such gap comes within `patience`, it begins then.
pub fn spin(length: Span, off: Span, patience: Span) -> SpinRecord {
    let stretch = Stretch { begin_ns: Span::ZERO, length_ns: Span::ZERO };
    let mut stretches = vec![stretch; STRETCHES_MAX];
    stretches.clear();
    let begin = await_gap(off, patience);
    let supply_before = own_cpu_time();
    let mut truncated = false;
    let (mut stretch_begin, mut last) = (begin, begin);
    let mut keep = |from: Moment, to: Moment| {
        if stretches.len() < STRETCHES_MAX {
            stretches.push(Stretch { begin_ns: from.since(begin), length_ns: to.since(from) });
        } else {
            truncated = true;
        }
    };
    loop {
        let now = Moment::now();
        if now.since(last) > GAP {
            keep(stretch_begin, last);
            stretch_begin = now;
        }
        // A gap may reach beyond the end: what comes after it belongs to nobody.
        if now.since(begin) >= length {
            if now.since(last) <= GAP {
                keep(stretch_begin, now);
            }
            let supply = own_cpu_time().saturating_sub(supply_before);
            return SpinRecord { elapsed: now.since(begin), supply, stretches, truncated };
        }
        last = now;
    }
}

fn await_gap(off: Span, patience: Span) -> Moment {
    let begin = Moment::now();
    let mut last = begin;
    loop {
        let now = Moment::now();
        if now.since(last) >= off || now.since(begin) >= patience {
            return now;
        }
        last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spinner_sees_what_it_got() {
        let record = spin(Span::from_ms(50), Span::from_s(1), Span::from_ms(1));
        assert!(record.elapsed >= Span::from_ms(50), "{}", record.elapsed);
        assert!(!record.truncated);
        let seen: u64 = record.stretches.iter().map(|s| s.length_ns.as_ns()).sum();
        let seen = Span::from_ns(seen);
        assert!(seen <= record.elapsed);
        // The kernel's view and the inside view differ by interrupts and by gaps too short to see.
        let gaps = record.elapsed.saturating_sub(seen);
        let off = record.elapsed.saturating_sub(record.supply);
        assert!(gaps <= off + Span::from_ms(5) && off <= gaps + Span::from_ms(5), "{gaps} {off}");
        for pair in record.stretches.windows(2) {
            assert!(pair[0].begin_ns + pair[0].length_ns + GAP <= pair[1].begin_ns);
        }
    }
}
