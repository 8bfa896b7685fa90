// SPDX-License-Identifier: MIT OR Apache-2.0
//! One netlink socket: a request goes out, the whole answer comes back.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

use super::message::{FLAG_ACK, FLAG_DUMP, Message, messages, request};
use super::{Malformed, NetlinkError};

/// The kernel fills dump buffers of at most 32 KiB (NLMSG_GOODSIZE, af_netlink.c); twice that.
const BUFFER_BYTES: usize = 64 << 10;
/// The kernel answers before `send` returns. Whoever waits a second waits for ever.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Largest answer: a host with 16384 devices of 1 KiB each. Beyond that something is wrong.
const PAYLOADS_MAX: usize = 16_384;

/// A netlink socket in the network namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket; no protocol is number 0, rtnetlink.
    pub(crate) fn open(protocol: Option<Protocol>) -> Result<Socket, NetlinkError> {
        let fd =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
                .and_then(|fd| set_socket_timeout(&fd, Timeout::Recv, Some(TIMEOUT)).map(|()| fd))
                .map_err(|errno| NetlinkError::Socket { action: "open", source: errno.into() })?;
        Ok(Socket { fd, sequence: 0, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Asks about one object, or changes it. `what` names the request in errors.
    pub(crate) fn ask(
        &mut self,
        what: &'static str,
        kind: u16,
        payload: &[u8],
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        self.exchange(what, kind, FLAG_ACK, payload)
    }

    /// Asks about all objects.
    pub(crate) fn dump(
        &mut self,
        what: &'static str,
        kind: u16,
        payload: &[u8],
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        self.exchange(what, kind, FLAG_DUMP, payload)
    }

    fn exchange(
        &mut self,
        what: &'static str,
        kind: u16,
        flags: u16,
        payload: &[u8],
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let failed =
            |action| move |errno: Errno| NetlinkError::Socket { action, source: errno.into() };
        // Without an address a netlink socket sends to port 0, the kernel.
        send(&self.fd, &request(kind, flags, self.sequence, payload), SendFlags::empty())
            .map_err(failed("write to"))?;
        let mut payloads = Vec::new();
        while payloads.len() <= PAYLOADS_MAX {
            let (_, length) = recv(&self.fd, &mut self.buffer[..], RecvFlags::TRUNC)
                .map_err(failed("read from"))?;
            // TRUNC: the length is the datagram's own, even where the buffer is shorter.
            let bytes = self.buffer.get(..length).ok_or(NetlinkError::Malformed(what))?;
            let found = messages(bytes, self.sequence)
                .map_err(|Malformed| NetlinkError::Malformed(what))?;
            for message in found {
                match message {
                    Message::Payload(payload) => payloads.push(payload.to_vec()),
                    Message::End { errno: 0 } => return Ok(payloads),
                    Message::End { errno } => {
                        let source = std::io::Error::from_raw_os_error(errno);
                        return Err(NetlinkError::Refused { request: what, source });
                    }
                }
            }
        }
        Err(NetlinkError::Malformed(what))
    }
}
