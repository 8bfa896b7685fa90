// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which CPUs a thread may run on.

use evenkeel_model::{CpuIndex, CpuSet};
use rustix::io::Errno;

use super::SchedError;
use super::syscall::{MASK_LONGS, Mask, get_mask, set_mask};
use crate::pid::Tid;

/// The CPUs that `tid` may run on.
pub fn affinity(tid: Tid) -> Result<CpuSet, SchedError> {
    let mask = get_mask(tid).map_err(|errno| match errno {
        Errno::SRCH => SchedError::Gone(tid),
        errno => SchedError::ReadAffinity { tid, source: errno.into() },
    })?;
    Ok(decode(&mask))
}

/// Lets `tid` run on `cpus` only; those outside its cpuset are silently left out by the kernel, and
/// threads it creates from now on inherit the rest.
pub fn set_affinity(tid: Tid, cpus: &CpuSet) -> Result<(), SchedError> {
    let refused = |errno| SchedError::affinity_refused(tid, cpus, errno);
    let mask = encode(cpus).ok_or_else(|| refused(Errno::INVAL))?;
    set_mask(tid, &mask).map_err(refused)
}

/// `None` for a CPU number beyond the mask, which no host has.
fn encode(cpus: &CpuSet) -> Option<Mask> {
    let mut mask: Mask = [0; MASK_LONGS];
    for CpuIndex(cpu) in cpus.iter() {
        let long = mask.get_mut(usize::try_from(cpu / 64).ok()?)?;
        *long |= 1 << (cpu % 64);
    }
    Some(mask)
}

fn decode(mask: &Mask) -> CpuSet {
    (0u32..)
        .zip(mask)
        .flat_map(|(index, long)| {
            (0..64).filter(move |bit| long & (1 << bit) != 0).map(move |bit| index * 64 + bit)
        })
        .map(CpuIndex)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn masks_hold_every_cpu(cpus in proptest::collection::btree_set(0u32..8192, 0..40)) {
            let cpus: CpuSet = cpus.into_iter().map(CpuIndex).collect();
            prop_assert_eq!(decode(&encode(&cpus).unwrap()), cpus);
        }
    }

    #[test]
    fn a_thread_can_be_pinned_and_is_refused_no_cpu_at_all() {
        std::thread::spawn(|| {
            let tid = crate::sched::current_tid();
            let cpu = affinity(tid).unwrap().iter().next().unwrap();
            set_affinity(tid, &CpuSet::single(cpu)).unwrap();
            assert_eq!(affinity(tid).unwrap(), CpuSet::single(cpu));
            let error = set_affinity(tid, &CpuSet::empty()).unwrap_err();
            assert!(error.to_string().contains("none of them is online"), "{error}");
        })
        .join()
        .unwrap();
        assert!(affinity(Tid(u32::MAX)).unwrap_err().is_gone());
        assert!(set_affinity(Tid(u32::MAX), &CpuSet::single(CpuIndex(0))).unwrap_err().is_gone());
    }
}
