// SPDX-License-Identifier: MIT OR Apache-2.0
//! What loads the testbed and what measures it: TCP flows, periodic downloads, packet floods, web
//! load, spinners.
//!
//! A generator does one kind of work on one thread of its own, with a stated CPU and policy, and
//! counts what it really did. It knows nothing of experiments. Generators can be paused without
//! losing their connection or thread, because experiments alternate short windows.

pub mod budget_spinner;
pub mod flood;
mod http;
pub mod idle_spinner;
pub mod periodic_download;
mod placement;
mod switch;
pub mod tcp_flow;
mod udp_frame;
pub mod web_load;

use std::io;
use std::net::SocketAddrV4;

use evenkeel_kernel::FileError;
use evenkeel_kernel::cgroup::CgroupError;
use evenkeel_kernel::packet::PacketError;
use evenkeel_kernel::sched::SchedError;
use evenkeel_kernel::tcp_info::TcpInfoError;

pub use placement::{Placement, Urgent};
pub use udp_frame::{UdpFrame, udp_frame};

/// A generator could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum GeneratorError {
    /// Its thread could not be started.
    #[error("cannot start the thread '{name}'")]
    Thread {
        /// Name of the thread.
        name: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Its thread panicked.
    #[error("the thread '{0}' panicked; that is a bug")]
    Panicked(&'static str),
    /// Its CPU or policy was refused.
    #[error("cannot place the thread '{name}'")]
    Placement {
        /// Name of the thread.
        name: &'static str,
        /// What was refused.
        source: SchedError,
    },
    /// It could not leave its cgroup for the root group, where real-time threads may run.
    #[error("cannot move the thread '{name}' to the root cgroup")]
    Group {
        /// Name of the thread.
        name: &'static str,
        /// What was refused.
        source: CgroupError,
    },
    /// Where the cgroups are could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A connection could not be made, or broke.
    #[error("cannot {action} {peer}")]
    Connection {
        /// What was tried.
        action: &'static str,
        /// With whom.
        peer: SocketAddrV4,
        /// What the kernel said.
        source: io::Error,
    },
    /// A flow has ended before it was stopped.
    #[error("the TCP flow to {0} has ended: its peer closed it or is gone")]
    FlowEnded(SocketAddrV4),
    /// TCP_INFO could not be read.
    #[error(transparent)]
    TcpInfo(#[from] TcpInfoError),
    /// The packet socket failed.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// A timer or poll failed.
    #[error("cannot {action} in the periodic download")]
    Timer {
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A program could not be started or waited for.
    #[error("cannot {action} '{program}'")]
    Program {
        /// What was tried.
        action: &'static str,
        /// Which program.
        program: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A program said something that is not understood.
    #[error("'{program}' printed no '{expected}'; it said: {output}")]
    Output {
        /// Which program.
        program: &'static str,
        /// What was looked for.
        expected: &'static str,
        /// The end of what it printed.
        output: String,
    },
    /// The answers to the warm-up requests did not come.
    #[error("{peer} answered {answered} of {asked} warm-up requests within {within}: {why}")]
    WarmUp {
        /// Which server.
        peer: SocketAddrV4,
        /// How many answers came.
        answered: u32,
        /// How many were asked for.
        asked: u32,
        /// How long was waited.
        within: evenkeel_model::Span,
        /// The last thing that went wrong, if anything did.
        why: String,
    },
}
