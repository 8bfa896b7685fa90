// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every system call and pseudo-file that Evenkeel uses: cgroups, scheduling attributes, procfs,
//! network devices and namespaces, packet sockets, facts about the host.
//!
//! Nothing here decides anything. A function does one thing to one object and returns a typed
//! error that names the object and what the kernel means by refusing. Parsers take text or bytes,
//! so that they are tested without a kernel.
//!
//! A thread can vanish between any two lines of a program. Every error enum about a thread, a
//! process, a group, a device or a namespace has `is_gone()`, true exactly when what was named no
//! longer exists, and `raw_os_error()`, the kernel's own number.
//!
//! This is the only crate of the workspace with `unsafe` (besides the BPF loader to come): in
//! `sched/syscall.rs`, `packet.rs` and `tcp_info.rs`, nowhere else.

pub mod cgroup;
pub mod cpu;
pub mod facts;
pub mod features;
pub mod lock;
pub mod netdev;
mod netlink;
pub mod netns;
pub mod packet;
mod pid;
pub mod process;
mod pseudo_file;
pub mod rt_limits;
pub mod sched;
pub mod tcp_info;
pub mod unix_socket;

pub use netlink::NetlinkError;
pub use pid::{Pid, Tid};
pub use pseudo_file::FileError;
pub use rustix::process::Signal;
