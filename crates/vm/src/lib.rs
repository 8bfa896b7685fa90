// SPDX-License-Identifier: MIT OR Apache-2.0
//! Discovery: which process is which VM, which thread has which role.
//!
//! A [`VmRef`] is what a user types; [`resolve`] finds the [`Vm`] it means: its processes and every
//! thread that works for it, kernel threads of its name included. The VM does not cooperate and is
//! not disturbed: evidence is what procfs says, and what QEMU's own monitor says where its socket
//! is given.
//!
//! Every thread carries its evidence in words. A role is never guessed from order or numbers: what
//! nothing identifies is counted as `vmm`, and [`VmThread::recognised`] is false.
//!
//! A VM changes while it is looked at. The answer is one moment's; threads that come later are
//! found by [`refresh`].

mod classify;
mod error;
mod kernel_thread;
mod qemu;
mod qmp;
mod reference;
mod resolve;
mod table;
mod uml;
mod vm;

pub use error::VmError;
pub use qmp::QmpError;
pub use reference::{VmRef, VmRefError};
pub use resolve::{refresh, resolve, scan};
pub use vm::{Vm, VmKind, VmThread};
