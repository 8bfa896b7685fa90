// SPDX-License-Identifier: MIT OR Apache-2.0
//! TCP_INFO: what the kernel knows about one connection, foremost how many bytes its peer has
//! acknowledged, which is goodput at the receiver without asking the receiver.

#![allow(unsafe_code, reason = "rustix has no getsockopt for TCP_INFO")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use evenkeel_model::Span;

/// A connection's counters, all since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Bytes that the peer has acknowledged.
    pub bytes_acked: u64,
    /// Segments sent again.
    pub retransmitted_segments: u64,
    /// Segments sent, acknowledged or not.
    pub unacked_segments: u32,
    /// Congestion window, segments.
    pub congestion_window_segments: u32,
    /// Smoothed round-trip time.
    pub round_trip: Span,
    /// Retransmission timeout in force.
    pub retransmission_timeout: Span,
    /// Time in which the sender was held back by the receiver's window.
    pub receiver_limited: Span,
    /// Times the retransmission timer fired; `None` before Linux 6.7, which does not count them.
    pub timeouts: Option<u16>,
}

/// A connection's counters could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TcpInfoError {
    /// The kernel refused.
    #[error("cannot read TCP_INFO of a socket")]
    Read {
        /// What the kernel said.
        source: io::Error,
    },
    /// A kernel before 4.1 does not count acknowledged bytes.
    #[error(
        "this kernel's TCP_INFO has {0} bytes and does not count acknowledged bytes; Linux 4.1 does"
    )]
    TooShort(usize),
}

/// Offsets into `struct tcp_info` (include/uapi/linux/tcp.h). It has only ever grown at its end.
mod offset {
    pub const RTO_US: usize = 8;
    pub const UNACKED: usize = 24;
    pub const RTT_US: usize = 68;
    pub const SND_CWND: usize = 80;
    pub const TOTAL_RETRANS: usize = 100;
    pub const BYTES_ACKED: usize = 120;
    pub const RWND_LIMITED_US: usize = 176;
    pub const TOTAL_RTO: usize = 240;
}

/// Bytes up to and with `tcpi_bytes_acked`, the least that is of use.
const LENGTH_MIN: usize = offset::BYTES_ACKED + 8;
/// More than `struct tcp_info` of Linux 6.18 has (248); the kernel writes what it has.
const LENGTH_MAX: usize = 512;

/// The counters of a connected TCP socket.
pub fn tcp_info(socket: impl AsFd) -> Result<TcpInfo, TcpInfoError> {
    let mut bytes = [0u8; LENGTH_MAX];
    // LENGTH_MAX is 512.
    let mut length: libc::socklen_t = 512;
    // SAFETY: `bytes` is live and writable for `length` bytes, `length` is live; the kernel writes
    // at most `length` bytes and then how many into `length`. The descriptor is borrowed for the
    // call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result < 0 {
        return Err(TcpInfoError::Read { source: io::Error::last_os_error() });
    }
    let written = usize::try_from(length).unwrap_or(LENGTH_MAX).min(LENGTH_MAX);
    parse(&bytes[..written])
}

fn parse(bytes: &[u8]) -> Result<TcpInfo, TcpInfoError> {
    if bytes.len() < LENGTH_MIN {
        return Err(TcpInfoError::TooShort(bytes.len()));
    }
    // A field beyond what the kernel wrote is one that it does not have: zero.
    let word = |at: usize| u32::from_ne_bytes(array(bytes, at).unwrap_or_default());
    let long = |at: usize| u64::from_ne_bytes(array(bytes, at).unwrap_or_default());
    Ok(TcpInfo {
        bytes_acked: long(offset::BYTES_ACKED),
        retransmitted_segments: word(offset::TOTAL_RETRANS).into(),
        unacked_segments: word(offset::UNACKED),
        congestion_window_segments: word(offset::SND_CWND),
        round_trip: Span::from_us(word(offset::RTT_US).into()),
        retransmission_timeout: Span::from_us(word(offset::RTO_US).into()),
        receiver_limited: Span::from_us(long(offset::RWND_LIMITED_US)),
        timeouts: array(bytes, offset::TOTAL_RTO).map(u16::from_ne_bytes),
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn acknowledged_bytes_of_a_real_connection_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        let before = tcp_info(&sender).unwrap();
        sender.write_all(&[7; 10_000]).unwrap();
        let mut got = [0; 10_000];
        receiver.read_exact(&mut got).unwrap();
        // Over the loopback the acknowledgement may be delayed by up to 40 ms.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(2);
        loop {
            let now = tcp_info(&sender).unwrap();
            if now.bytes_acked - before.bytes_acked == 10_000 {
                assert!(now.congestion_window_segments > 0);
                assert_eq!(now.retransmitted_segments, 0);
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{now:?}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    #[test]
    fn an_old_kernel_is_told_from_a_new_one() {
        assert!(matches!(parse(&[0; 104]), Err(TcpInfoError::TooShort(104))));
        let mut bytes = [0u8; 192];
        bytes[120] = 9;
        bytes[100] = 3;
        let info = parse(&bytes).unwrap();
        assert_eq!((info.bytes_acked, info.retransmitted_segments), (9, 3));
        assert_eq!(info.timeouts, None);
        assert_eq!(parse(&[1; 248]).unwrap().timeouts, Some(257));
    }

    #[test]
    fn a_socket_without_tcp_is_refused() {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(matches!(tcp_info(&udp), Err(TcpInfoError::Read { .. })));
    }
}
