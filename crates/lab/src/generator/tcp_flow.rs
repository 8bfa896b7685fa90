// SPDX-License-Identifier: MIT OR Apache-2.0
//! One continuous TCP flow, and what its receiver has got of it.
//!
//! Measured at the sender: acknowledged bytes are bytes that have reached the receiver's TCP, and
//! reading them costs the receiver nothing. The connection outlives every window, so no window
//! begins with a slow start; a paused flow only stops writing.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_kernel::tcp_info::tcp_info;
use evenkeel_model::Span;
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_congestion};

use super::placement::Placed;
use super::switch::Switch;
use super::{GeneratorError, Placement};
use crate::clock::Moment;

const NAME: &str = "ek-tcp-flow";

/// Bytes of one write: long enough that system calls cost nothing beside the copy.
const WRITE_BYTES: usize = 128 << 10;

/// Send buffer asked for (the kernel doubles it for its own bookkeeping). It must hold more than
/// the receiver's window, 0.5 MB at most, or the sender's core would set the pace; and little more,
/// because a paused flow goes on until it has drained: 1 MiB is 0.1 s at 80 Mb/s.
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// Congestion control of the flow. A host's default may be BBR, which paces by the rate it last saw:
/// against a receiver that is throttled for most of every period it probes, overshoots and backs
/// off, and throughput at equal supply varies by a factor of two (measured: 1500 to 2800 Mb/s; with
/// CUBIC the deviation of windows of 0.2 s is 4.5 %).
const CONGESTION_CONTROL: &str = "cubic";

/// How long one write may block before the thread looks at its switch again.
const WRITE_TIMEOUT: Duration = Duration::from_millis(50);

/// How long a connection may take: a guest with a small budget answers a SYN within its period,
/// a lost SYN is sent again after 1 and 3 seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// What the receiver had got at one moment, since the flow began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowCounters {
    /// When.
    pub at: Moment,
    /// Bytes acknowledged.
    pub bytes_acked: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// Times the retransmission timer fired, where the kernel counts them.
    pub timeouts: Option<u64>,
    /// Time in which the receiver's window held the sender back.
    pub receiver_limited: Span,
}

/// A flow. It ends when this is dropped.
#[derive(Debug)]
pub struct TcpFlow {
    peer: SocketAddrV4,
    stream: Arc<TcpStream>,
    /// What was acknowledged before the flow began: the SYN counts as one.
    acked_before: u64,
    switch: Arc<Switch>,
    thread: Option<Placed<std::io::Result<()>>>,
}

/// Connects to a sink; to be called inside the network namespace of the client, where the
/// connection then stays.
pub fn connect(peer: SocketAddrV4) -> Result<TcpStream, GeneratorError> {
    let failed = |action| move |source| GeneratorError::Connection { action, peer, source };
    let stream =
        TcpStream::connect_timeout(&peer.into(), CONNECT_TIMEOUT).map_err(failed("connect to"))?;
    set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES)
        .map_err(|errno| failed("set the send buffer towards")(errno.into()))?;
    set_tcp_congestion(&stream, CONGESTION_CONTROL)
        .map_err(|errno| failed("use CUBIC towards")(errno.into()))?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT)).map_err(failed("set a timeout towards"))?;
    Ok(stream)
}

impl TcpFlow {
    /// A paused flow over `stream`, written by a thread of `placement`.
    pub fn start(
        stream: TcpStream,
        peer: SocketAddrV4,
        placement: Placement,
    ) -> Result<TcpFlow, GeneratorError> {
        let acked_before = tcp_info(&stream)?.bytes_acked;
        let stream = Arc::new(stream);
        let switch = Arc::new(Switch::paused());
        let thread = {
            let (stream, switch) = (Arc::clone(&stream), Arc::clone(&switch));
            placement.spawn(NAME, move || write_until_stopped(&stream, &switch))?
        };
        Ok(TcpFlow { peer, stream, acked_before, switch, thread: Some(thread) })
    }

    /// Sends from now on.
    pub fn resume(&self) {
        self.switch.resume();
    }

    /// Writes no more; what is in the send buffer still goes out.
    pub fn pause(&self) {
        self.switch.pause();
    }

    /// What the receiver has got so far; an error once the flow has ended by itself.
    pub fn counters(&self) -> Result<FlowCounters, GeneratorError> {
        if self.thread.as_ref().is_none_or(Placed::is_finished) {
            return Err(GeneratorError::FlowEnded(self.peer));
        }
        let info = tcp_info(&*self.stream)?;
        Ok(FlowCounters {
            at: Moment::now(),
            bytes_acked: info.bytes_acked.saturating_sub(self.acked_before),
            retransmits: info.retransmitted_segments,
            timeouts: info.timeouts.map(u64::from),
            receiver_limited: info.receiver_limited,
        })
    }
}

impl Drop for TcpFlow {
    fn drop(&mut self) {
        self.switch.stop();
        // The writer returns within WRITE_TIMEOUT; how it ended no longer matters.
        let _ = self.thread.take().map(Placed::join);
    }
}

/// Ends with an error where the connection does.
fn write_until_stopped(stream: &TcpStream, switch: &Switch) -> std::io::Result<()> {
    let zeros = vec![0u8; WRITE_BYTES];
    while switch.wait() {
        let mut writer: &TcpStream = stream;
        match writer.write(&zeros) {
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};

    use evenkeel_kernel::sched::{Policy, affinity, current_tid};

    use super::*;
    use crate::clock::sleep_until;

    fn here() -> Placement {
        let cpu = affinity(current_tid()).unwrap().iter().last().unwrap();
        Placement { cpu, policy: Policy::Other { nice: 0 } }
    }

    fn local_sink() -> (TcpListener, SocketAddrV4) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
        (listener, address)
    }

    fn wait(ms: u64) {
        sleep_until(Moment::now() + Span::from_ms(ms));
    }

    #[test]
    fn a_paused_flow_keeps_its_connection_and_its_count() {
        let (listener, address) = local_sink();
        let sink = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = vec![0; 1 << 16];
            let mut total = 0u64;
            while let Ok(n) = stream.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                total += n as u64;
            }
            total
        });
        let flow = TcpFlow::start(connect(address).unwrap(), address, here()).unwrap();
        wait(50);
        assert_eq!(flow.counters().unwrap().bytes_acked, 0, "begins paused");
        flow.resume();
        wait(100);
        flow.pause();
        wait(200);
        let first = flow.counters().unwrap();
        assert!(first.bytes_acked > 1 << 20, "{first:?}");
        wait(100);
        assert_eq!(flow.counters().unwrap().bytes_acked, first.bytes_acked, "drained and quiet");
        flow.resume();
        // On a busy host the sink gets its turn late.
        let more = (0..100).any(|_| {
            wait(50);
            flow.counters().unwrap().bytes_acked > first.bytes_acked
        });
        assert!(more, "{first:?}");
        drop(flow);
        assert!(sink.join().unwrap() > first.bytes_acked);
    }

    #[test]
    fn a_peer_that_goes_away_is_reported() {
        let (listener, address) = local_sink();
        let flow = TcpFlow::start(connect(address).unwrap(), address, here()).unwrap();
        drop(listener.accept().unwrap());
        flow.resume();
        wait(200);
        assert!(matches!(flow.counters(), Err(GeneratorError::FlowEnded(a)) if a == address));
    }

    #[test]
    fn nobody_listening_is_named() {
        let (listener, address) = local_sink();
        drop(listener);
        let error = connect(address).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to {address}"));
    }
}
