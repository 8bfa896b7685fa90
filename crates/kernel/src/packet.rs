// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sending raw frames as fast as a core can: an AF_PACKET socket, `sendmmsg`, no queueing
//! discipline. What a packet flood is made of.

#![allow(unsafe_code, reason = "rustix has neither sockaddr_ll nor PACKET_QDISC_BYPASS")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use rustix::net::SendFlags;
use rustix::net::sockopt::set_socket_send_buffer_size;

use crate::netdev::{self, NetdevError};

/// Most frames of one [`PacketSender::send_batch`]: beyond 64 the cost of the system call is below
/// one per cent of that of the frames.
pub const BATCH_MAX: usize = 64;

/// Send buffer asked for; the kernel grants at most `net.core.wmem_max` and doubles that. A frame
/// that waits in a device's ring is charged to its sender, a small one with 768 bytes, so that a
/// full ring of 256 is 192 KiB: next to the default of 208 KiB, and a flood would then stop at its
/// own buffer instead of at the device.
const SEND_BUFFER_BYTES: usize = 8 << 20;

/// The kernel refuses frames shorter than their Ethernet header.
const FRAME_BYTES_MIN: usize = 14;
/// Largest Ethernet frame without a checksum: a jumbo frame of 9000 bytes and its header. Beyond
/// that the device's MTU refuses.
const FRAME_BYTES_MAX: usize = 9018;

/// MSG_DONTWAIT: a flood never waits for room; what there is none for is lost.
const DO_NOT_WAIT: libc::c_int = libc::MSG_DONTWAIT;

/// A packet socket could not be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// The device is not there.
    #[error(transparent)]
    Netdev(#[from] NetdevError),
    /// The socket could not be set up.
    #[error("cannot {action} a packet socket on network device '{netdev}'")]
    Socket {
        /// Which device.
        netdev: String,
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The frame cannot be an Ethernet frame.
    #[error("a frame of {0} bytes is none: {FRAME_BYTES_MIN} to {FRAME_BYTES_MAX} bytes")]
    FrameSize(usize),
}

impl PacketError {
    /// Whether the device does not exist (any more).
    pub fn is_gone(&self) -> bool {
        match self {
            PacketError::Netdev(error) => error.is_gone(),
            // ENXIO: the socket outlived its device.
            PacketError::Socket { source, .. } => {
                matches!(source.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
            }
            PacketError::FrameSize(_) => false,
        }
    }

    /// The kernel's error number, if it was the kernel that refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            PacketError::Netdev(error) => error.raw_os_error(),
            PacketError::Socket { source, .. } => source.raw_os_error(),
            PacketError::FrameSize(_) => None,
        }
    }
}

/// A socket that sends frames out of one device of the network namespace it was opened in.
#[derive(Debug)]
pub struct PacketSender {
    fd: OwnedFd,
    netdev: String,
}

impl PacketSender {
    /// Opens a sender on device `name` of the calling thread's network namespace. With
    /// `bypass_qdisc` frames go to the driver at once, and are dropped where it has no room.
    ///
    /// It receives nothing: its protocol is zero.
    pub fn open(name: &str, bypass_qdisc: bool) -> Result<PacketSender, PacketError> {
        let netdev = netdev::lookup(name)?;
        let failed = |action| {
            let netdev = name.to_owned();
            move || PacketError::Socket { netdev, action, source: io::Error::last_os_error() }
        };
        // SAFETY: no pointers are passed; the result is checked below.
        let raw = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if raw < 0 {
            return Err(failed("open")());
        }
        // SAFETY: `raw` is a descriptor that the kernel has just given us and nobody else has.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        let address = link_address(netdev.ifindex);
        // SAFETY: `address` is a live sockaddr_ll of the length passed; the kernel only reads it.
        let bound =
            unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length_of(&address)) };
        if bound < 0 {
            return Err(failed("bind")());
        }
        set_socket_send_buffer_size(&fd, SEND_BUFFER_BYTES).map_err(|errno| {
            let netdev = name.to_owned();
            PacketError::Socket { netdev, action: "set the send buffer of", source: errno.into() }
        })?;
        if bypass_qdisc {
            let on: libc::c_int = 1;
            // SAFETY: `on` is a live int of the length passed; the kernel only reads it.
            let set = unsafe {
                libc::setsockopt(
                    fd.as_raw_fd(),
                    libc::SOL_PACKET,
                    libc::PACKET_QDISC_BYPASS,
                    (&raw const on).cast(),
                    length_of(&on),
                )
            };
            if set < 0 {
                return Err(failed("bypass the queueing discipline of")());
            }
        }
        Ok(PacketSender { fd, netdev: name.to_owned() })
    }

    /// Sends `frame` (from the Ethernet header on) `count` times, at most [`BATCH_MAX`], and says
    /// how many went out. Fewer than asked, or none, means that the device had no room: a flood
    /// goes on, a careful sender waits.
    pub fn send_batch(&self, frame: &[u8], count: usize) -> Result<usize, PacketError> {
        if !(FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&frame.len()) {
            return Err(PacketError::FrameSize(frame.len()));
        }
        if count == 1 {
            return self.send_one(frame);
        }
        let count = count.min(BATCH_MAX);
        let mut vector =
            libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
        let message = libc::mmsghdr {
            msg_hdr: libc::msghdr {
                msg_name: ptr::null_mut(),
                msg_namelen: 0,
                msg_iov: &raw mut vector,
                msg_iovlen: 1,
                msg_control: ptr::null_mut(),
                msg_controllen: 0,
                msg_flags: 0,
            },
            msg_len: 0,
        };
        let mut messages = [message; BATCH_MAX];
        let length = u32::try_from(count).unwrap_or(0);
        // SAFETY: `messages` has BATCH_MAX >= `length` live entries that the kernel may write
        // lengths into. All point to `vector`, which is live and points to `frame`, live for the
        // call; for sending the kernel only reads both, so the cast from const is never used to
        // write. No names, no control data.
        let sent = unsafe {
            libc::sendmmsg(self.fd.as_raw_fd(), messages.as_mut_ptr(), length, DO_NOT_WAIT)
        };
        match usize::try_from(sent) {
            Ok(sent) => Ok(sent),
            Err(_) => self.none_sent(io::Error::last_os_error()),
        }
    }

    /// The same for one frame, in a system call that costs a third less.
    fn send_one(&self, frame: &[u8]) -> Result<usize, PacketError> {
        match rustix::net::send(&self.fd, frame, SendFlags::DONTWAIT) {
            Ok(_) => Ok(1),
            Err(errno) => self.none_sent(errno.into()),
        }
    }

    /// ENOBUFS: the driver had no room. EAGAIN: the socket's send buffer is full. EINTR: a signal.
    fn none_sent(&self, source: io::Error) -> Result<usize, PacketError> {
        match source.raw_os_error() {
            Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR) => Ok(0),
            _ => {
                let netdev = self.netdev.clone();
                Err(PacketError::Socket { netdev, action: "send through", source })
            }
        }
    }
}

fn link_address(ifindex: u32) -> libc::sockaddr_ll {
    libc::sockaddr_ll {
        // Both constants are below 2^16 and the kernel's device numbers below 2^31.
        sll_family: u16::try_from(libc::AF_PACKET).unwrap_or_default(),
        sll_protocol: 0,
        sll_ifindex: i32::try_from(ifindex).unwrap_or_default(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    }
}

fn length_of<T>(value: &T) -> libc::socklen_t {
    // Sizes of socket structures are tens of bytes.
    libc::socklen_t::try_from(size_of_val(value)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_named() {
        let error = PacketSender::open("ek-nothing", true).unwrap_err();
        assert_eq!(error.to_string(), "there is no network device 'ek-nothing' (any more)");
    }

    #[test]
    fn the_address_is_that_of_the_device() {
        let address = link_address(7);
        assert_eq!(i32::from(address.sll_family), libc::AF_PACKET);
        assert_eq!(address.sll_ifindex, 7);
        assert_eq!(length_of(&address), 20);
    }
}
