// SPDX-License-Identifier: MIT OR Apache-2.0
//! A TCP sink: takes any number of streams and throws them away, inside the kernel (`MSG_TRUNC`), or
//! reads and digests them. What is counted is what TCP acknowledged, at the sender.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use rustix::net::{RecvFlags, recv};

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkWork {
    /// Nothing, not even a copy: the guest's work is that of its network alone, which is what the
    /// experiments about packets compare. A copy of every byte to user space costs the caches that
    /// the guests share too: beside a neighbour of 60 % that copies, a VM that copies lost 6.5 %.
    Discard,
    /// Each byte goes into a 64-bit FNV-1a hash, some 2 ns of CPU time: the guest is an application
    /// that works on what it receives. With nothing to do, a guest with 60 % of a CPU or more waits
    /// for the network's round trip (a window of 300 kB every 330 us are 7.2 Gb/s) instead of for
    /// its budget.
    Digest,
}

impl SinkWork {
    /// The word for it on the command line of `lab-guest`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            SinkWork::Discard => "discard",
            SinkWork::Digest => "digest",
        }
    }

    /// The work of this word; `None` if there is none.
    pub(crate) fn of(word: &str) -> Option<SinkWork> {
        [SinkWork::Discard, SinkWork::Digest].into_iter().find(|work| work.as_str() == word)
    }
}

/// Start and prime of 64-bit FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv).
const FNV_OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Streams at a time; each has a thread. The experiments use up to two.
const STREAMS_MAX: usize = 1024;
/// Most that is read in one system call: large reads cost few of them, and the buffer stays in the
/// second-level cache of any server CPU.
const CHUNK_BYTES: usize = 128 << 10;
/// The thread of a stream calls one system call in a loop.
const STACK_BYTES: usize = 64 << 10;

/// Listens on `port` and serves for ever.
pub(crate) fn serve(port: u16, work: SinkWork) -> io::Result<()> {
    serve_on(&TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?, work)
}

fn serve_on(listener: &TcpListener, work: SinkWork) -> io::Result<()> {
    let mut streams: Vec<thread::JoinHandle<u64>> = Vec::new();
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if is_of_the_peer(&error) => continue,
            Err(error) => return Err(error),
        };
        streams.retain(|thread| !thread.is_finished());
        if streams.len() < STREAMS_MAX {
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            streams.push(thread.spawn(move || take(&stream, work))?);
        }
    }
}

/// A peer that has gone before it was accepted is no failure of ours (accept(2)).
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

/// Takes everything off the stream until its peer closes it, or is gone; the hash of what was
/// digested.
fn take(stream: &TcpStream, work: SinkWork) -> u64 {
    let mut hash = FNV_OFFSET_BASIS;
    let mut buffer = vec![0u8; CHUNK_BYTES];
    loop {
        let read = match work {
            SinkWork::Discard => discard(stream, &mut buffer),
            SinkWork::Digest => io::Read::read(&mut &*stream, &mut buffer),
        };
        match read {
            Ok(0) => return hash,
            Ok(bytes) if work == SinkWork::Digest => hash = digest(hash, &buffer[..bytes]),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return hash,
        }
    }
}

/// Takes up to a buffer's length off the stream without copying it (tcp(7), `MSG_TRUNC`).
fn discard(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let (_, taken) = recv(stream, buffer, RecvFlags::TRUNC)?;
    Ok(taken)
}

/// Continues a 64-bit FNV-1a hash. The hint keeps the work from being left out: nobody looks at
/// the hash of a stream.
fn digest(hash: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
    std::hint::black_box(bytes.iter().fold(hash, step))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_digest_is_fnv_1a_in_any_portions() {
        // The published value of 64-bit FNV-1a for "foobar".
        assert_eq!(digest(digest(FNV_OFFSET_BASIS, b"foo"), b"bar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn streams_are_taken_to_their_end() {
        for work in [SinkWork::Discard, SinkWork::Digest] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            thread::spawn(move || serve_on(&listener, work));
            takes_all(address);
        }
    }

    fn takes_all(address: std::net::SocketAddr) {
        for _ in 0..3 {
            let mut stream = TcpStream::connect(address).unwrap();
            // More than both socket buffers together: somebody must be reading.
            stream.write_all(&vec![7; 16 << 20]).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut rest = Vec::new();
            io::Read::read_to_end(&mut stream, &mut rest).unwrap();
            assert!(rest.is_empty());
        }
    }
}
