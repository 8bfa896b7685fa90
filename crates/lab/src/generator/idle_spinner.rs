// SPDX-License-Identifier: MIT OR Apache-2.0
//! One SCHED_IDLE thread per core that is always busy: it takes what nobody wants, and its own CPU
//! time is the time in which the core was idle.
//!
//! Without it a core halts whenever a VM's budget is spent. How long a halted virtual CPU takes to
//! wake, and how fast its sibling hyperthread runs meanwhile, depends on the load, and the load is
//! what experiments vary. With it both cores are always busy, and idleness is known to the
//! nanosecond instead of to the tick.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use evenkeel_kernel::sched::Policy;
use evenkeel_model::{CpuIndex, Span};

use super::placement::Placed;
use super::{GeneratorError, Placement};
use crate::clock::own_cpu_time;

const NAME: &str = "ek-idle-spinner";

/// Additions between two readings of the clock: some 50 us of work on a core of today, so that a
/// reading is at most that old, and the clock's system call below one per cent of the work.
const ADDITIONS: u32 = 100_000;

#[derive(Debug)]
struct Spinner {
    cpu: CpuIndex,
    idle_ns: Arc<AtomicU64>,
    thread: Option<Placed<()>>,
}

/// The spinners of some cores. They end when this is dropped.
#[derive(Debug)]
pub struct IdleSpinners {
    spinners: Vec<Spinner>,
    stop: Arc<AtomicBool>,
}

impl IdleSpinners {
    /// Starts one on each of `cpus`.
    pub fn start(cpus: impl IntoIterator<Item = CpuIndex>) -> Result<IdleSpinners, GeneratorError> {
        let mut all = IdleSpinners { spinners: Vec::new(), stop: Arc::default() };
        for cpu in cpus {
            let idle_ns = Arc::new(AtomicU64::new(0));
            let (count, stop) = (Arc::clone(&idle_ns), Arc::clone(&all.stop));
            let thread = Placement { cpu, policy: Policy::Idle }.spawn(NAME, move || {
                while !stop.load(Ordering::Relaxed) {
                    spin();
                    count.store(own_cpu_time().as_ns(), Ordering::Relaxed);
                }
            })?;
            all.spinners.push(Spinner { cpu, idle_ns, thread: Some(thread) });
        }
        Ok(all)
    }

    /// How long `cpu` has had nothing to do since the start; zero for one without a spinner.
    pub fn idle_time(&self, cpu: CpuIndex) -> Span {
        let found = self.spinners.iter().find(|spinner| spinner.cpu == cpu);
        found.map_or(Span::ZERO, |s| Span::from_ns(s.idle_ns.load(Ordering::Relaxed)))
    }
}

impl Drop for IdleSpinners {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for spinner in &mut self.spinners {
            // A spinner has nothing to say; were its core never idle again, it would still get the
            // little that the fair class gives SCHED_IDLE.
            let _ = spinner.thread.take().map(Placed::join);
        }
    }
}

/// Plain work without pause instructions: those would hand the core's resources to its sibling.
fn spin() {
    let mut sum = 0u32;
    for i in 0..ADDITIONS {
        sum = black_box(sum.wrapping_add(i));
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_kernel::sched::{affinity, current_tid};

    use super::*;
    use crate::clock::{Moment, sleep_until};

    #[test]
    fn idle_time_passes_at_most_as_fast_as_time() {
        let cpu = affinity(current_tid()).unwrap().iter().last().unwrap();
        let spinners = IdleSpinners::start([cpu]).unwrap();
        sleep_until(Moment::now() + Span::from_ms(20));
        let (begin, before) = (Moment::now(), spinners.idle_time(cpu));
        sleep_until(begin + Span::from_ms(100));
        let idle = spinners.idle_time(cpu).saturating_sub(before);
        let passed = Moment::now().since(begin);
        // A reading may be a few tenths of a millisecond old; how idle the core is, the test
        // cannot know.
        assert!(idle <= passed + Span::from_ms(1), "{idle} in {passed}");
        assert_eq!(spinners.idle_time(CpuIndex(8000)), Span::ZERO);
        drop(spinners);
    }
}
