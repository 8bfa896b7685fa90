// SPDX-License-Identifier: MIT OR Apache-2.0
//! The only unsafe code of this crate: bytes of the kernel as the structs of the shared header, and
//! the run of a program that was found under bpffs.
#![allow(
    unsafe_code,
    reason = "the BPF loader: layouts shared with the kernel, and one call of libbpf"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::intf;

/// A struct of the shared header.
///
/// # Safety
/// The type is `repr(C)`, consists of integers and arrays of such, and has no padding: every pattern
/// of bytes is a value of it, and every byte of a value is initialised.
pub(super) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ident),*) => {$(
        // SAFETY: generated from the shared header, whose fields are integers, arrays of them and
        // such structs, laid out without implicit padding (`layouts_have_no_padding` below).
        unsafe impl Plain for intf::$name {}
    )*};
}

plain!(
    EkSettings, EkCapsule, EkServer, EkCpu, EkPlace, EkChange, EkClaim, EkSwitches, EkControl,
    EkRecord
);

/// A value with all bytes zero.
pub(super) fn zeroed<T: Plain>() -> T {
    // SAFETY: `Plain`: zeros are a value.
    unsafe { std::mem::zeroed() }
}

/// The bytes of a value.
pub(super) fn bytes<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `Plain`: no padding, so that all size_of::<T>() bytes are initialised; the slice
    // borrows the value.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }
}

/// The value in `bytes`; `None` where they are too few.
pub(super) fn value<T: Plain>(bytes: &[u8]) -> Option<T> {
    if bytes.len() < size_of::<T>() {
        return None;
    }
    // SAFETY: there are enough bytes, any pattern is a value (`Plain`), and the read is unaligned.
    Some(unsafe { std::ptr::read_unaligned(bytes.as_ptr().cast::<T>()) })
}

/// Runs a `syscall` program on `argument`, which it may change.
pub(super) fn run<T: Plain>(program: BorrowedFd<'_>, argument: &mut T) -> io::Result<()> {
    let mut options = libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
        ctx_in: std::ptr::from_mut(argument).cast(),
        ctx_size_in: u32::try_from(size_of::<T>()).map_err(io::Error::other)?,
        ..Default::default()
    };
    // SAFETY: the descriptor is open for as long as it is borrowed; the context is
    // size_of::<T>() bytes that we borrow exclusively; the kernel copies it in and, for a program of this
    // kind, back; any bytes are a value of T (`Plain`).
    let result =
        unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &raw mut options) };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(()) }
}
