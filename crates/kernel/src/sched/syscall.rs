// SPDX-License-Identifier: MIT OR Apache-2.0
//! The four raw system calls: policy and affinity, get and set. rustix lacks the first two, and
//! stops at 1024 CPUs in the others.

#![allow(unsafe_code, reason = "sched_setattr and its kin have no safe form in any crate we use")]

use rustix::io::Errno;

use crate::pid::Tid;

/// `struct sched_attr` in its first version (include/uapi/linux/sched/types.h), 48 bytes, known to
/// every kernel since 3.14. Later kernels accept it by its size and leave utilisation clamps alone.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RawAttr {
    pub size: u32,
    pub policy: u32,
    pub flags: u64,
    pub nice: i32,
    pub priority: u32,
    pub runtime_ns: u64,
    pub deadline_ns: u64,
    pub period_ns: u64,
}

/// SCHED_ATTR_SIZE_VER0.
pub(super) const ATTR_SIZE: u32 = 48;
const _: () = assert!(size_of::<RawAttr>() == 48);

/// Longs of a CPU mask: 8192 bits, the largest CONFIG_NR_CPUS of x86-64 (arch/x86/Kconfig), in the
/// kernel's unit, the unsigned long.
pub(super) const MASK_LONGS: usize = 8192 / 64;
const _: () = assert!(size_of::<libc::c_ulong>() == 8);

/// A CPU mask as the kernel takes it.
pub(super) type Mask = [u64; MASK_LONGS];

pub(super) fn get_attr(tid: Tid) -> Result<RawAttr, Errno> {
    let mut attr = RawAttr::default();
    // SAFETY: `attr` is a live, writable RawAttr of ATTR_SIZE bytes (asserted above), and the
    // kernel writes at most the size it is given. Every bit pattern is a valid RawAttr.
    let result = unsafe {
        libc::syscall(libc::SYS_sched_getattr, raw(tid)?, &raw mut attr, ATTR_SIZE, 0u32)
    };
    check(result).map(|_| attr)
}

pub(super) fn set_attr(tid: Tid, attr: &RawAttr) -> Result<(), Errno> {
    // On a size it dislikes the kernel writes the right one back, so it gets a copy of its own.
    let mut copy = RawAttr { size: ATTR_SIZE, ..*attr };
    // SAFETY: `copy` is a live, writable RawAttr whose `size` is its own; the kernel reads that
    // many bytes, writes at most the size field, and keeps no pointer.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, raw(tid)?, &raw mut copy, 0u32) };
    check(result).map(|_| ())
}

pub(super) fn get_mask(tid: Tid) -> Result<Mask, Errno> {
    let mut mask: Mask = [0; MASK_LONGS];
    // SAFETY: `mask` is live, writable and of the length passed; the kernel writes at most that.
    let result = unsafe {
        libc::syscall(libc::SYS_sched_getaffinity, raw(tid)?, size_of::<Mask>(), mask.as_mut_ptr())
    };
    check(result).map(|_| mask)
}

pub(super) fn set_mask(tid: Tid, mask: &Mask) -> Result<(), Errno> {
    // SAFETY: `mask` is live and of the length passed; the kernel only reads it.
    let result = unsafe {
        libc::syscall(libc::SYS_sched_setaffinity, raw(tid)?, size_of::<Mask>(), mask.as_ptr())
    };
    check(result).map(|_| ())
}

/// The number as the kernel's `pid_t`. Zero would mean the calling thread, and no thread has a
/// number beyond 2^31: neither exists.
fn raw(tid: Tid) -> Result<libc::pid_t, Errno> {
    match libc::pid_t::try_from(tid.0) {
        Ok(0) | Err(_) => Err(Errno::SRCH),
        Ok(raw) => Ok(raw),
    }
}

fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
    }
    Ok(result)
}
