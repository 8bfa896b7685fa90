// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connecting to a Unix socket with a time limit, and asking who listens. The standard library
//! waits for ever where a listener's queue is full, and does not tell the peer.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_model::Span;
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect as connect_to, socket_with,
};

use crate::pid::Pid;

/// How often a full queue is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// A connection could not be had.
#[derive(Debug, thiserror::Error)]
pub enum UnixSocketError {
    /// There is no such socket.
    #[error("there is no socket {0}")]
    NoSuchSocket(PathBuf),
    /// The socket file is there, and nobody listens: its process has ended.
    #[error("nobody listens on the socket {0}")]
    NobodyListens(PathBuf),
    /// Its queue of connections stayed full.
    #[error("the listener of the socket {path} accepts nobody; waited {waited}")]
    QueueFull {
        /// Which socket.
        path: PathBuf,
        /// How long we waited.
        waited: Span,
    },
    /// Any other refusal.
    #[error("cannot connect to the socket {path}")]
    Connect {
        /// Which socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Connects to the socket `path`, waiting at most `timeout` for a place in its queue.
pub fn connect(path: &Path, timeout: Span) -> Result<UnixStream, UnixSocketError> {
    let failed = |errno: Errno| match errno {
        Errno::NOENT => UnixSocketError::NoSuchSocket(path.into()),
        Errno::CONNREFUSED => UnixSocketError::NobodyListens(path.into()),
        Errno::AGAIN => UnixSocketError::QueueFull { path: path.into(), waited: timeout },
        errno => UnixSocketError::Connect { path: path.into(), source: errno.into() },
    };
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
    let deadline = Instant::now() + timeout.as_duration();
    loop {
        match connect_to(&fd, &address) {
            Ok(()) => break,
            Err(Errno::AGAIN) if Instant::now() < deadline => sleep(PAUSE),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
    let stream = UnixStream::from(fd);
    stream
        .set_nonblocking(false)
        .map_err(|source| UnixSocketError::Connect { path: path.into(), source })?;
    Ok(stream)
}

/// The process that called `listen` on the other end, which need not be the one that answers
/// (libvirt opens QEMU's sockets); `None` where it is outside this PID namespace.
pub fn peer(stream: &UnixStream) -> Option<Pid> {
    let pid = socket_peercred(stream).ok()?.pid.as_raw_nonzero().get();
    u32::try_from(pid).ok().map(Pid)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_listener_is_reached_and_known() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut stream = connect(&path, Span::from_s(1)).unwrap();
        assert_eq!(peer(&stream), Some(Pid(std::process::id())));
        let (mut other, _) = listener.accept().unwrap();
        other.write_all(b"x").unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }

    #[test]
    fn absence_refusal_and_a_full_queue_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let error = connect(&path, Span::ZERO).unwrap_err();
        assert!(matches!(error, UnixSocketError::NoSuchSocket(_)), "{error}");
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let mut waiting = Vec::new();
        let error = loop {
            match connect(&path, Span::from_ms(50)) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
            assert!(waiting.len() < 1000, "a queue of length 0 never fills");
        };
        assert!(matches!(error, UnixSocketError::QueueFull { .. }), "{error}");
        drop(listener);
        let error = connect(&path, Span::ZERO).unwrap_err();
        assert!(matches!(error, UnixSocketError::NobodyListens(_)), "{error}");
    }
}
