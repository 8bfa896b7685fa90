// SPDX-License-Identifier: MIT OR Apache-2.0
//! A TCP sink: takes any number of streams, reads them and throws them away.
//!
//! It reads like any receiver does, copy and all. Discarding inside the kernel (`MSG_TRUNC`) would
//! be cheaper, and measured a guest that waits instead of one that works: from 70 % of a CPU on, the
//! round trip through the emulated NIC and not the guest's budget was the limit. What is counted is
//! what TCP acknowledged, at the sender.

use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

/// Streams at a time; each has a thread. The experiments use up to two.
const STREAMS_MAX: usize = 1024;
/// Most that is read in one system call: large reads cost few of them, and the buffer stays in the
/// second-level cache of any server CPU.
const CHUNK_BYTES: usize = 128 << 10;
/// The thread of a stream calls one system call in a loop.
const STACK_BYTES: usize = 64 << 10;

/// Listens on `port` and serves for ever.
pub(crate) fn serve(port: u16) -> io::Result<()> {
    serve_on(&TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?)
}

fn serve_on(listener: &TcpListener) -> io::Result<()> {
    let mut streams: Vec<thread::JoinHandle<()>> = Vec::new();
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if is_of_the_peer(&error) => continue,
            Err(error) => return Err(error),
        };
        streams.retain(|thread| !thread.is_finished());
        if streams.len() < STREAMS_MAX {
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            streams.push(thread.spawn(move || discard(&stream))?);
        }
    }
}

/// A peer that has gone before it was accepted is no failure of ours (accept(2)).
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

/// Takes everything off the stream until its peer closes it, or is gone.
fn discard(stream: &TcpStream) {
    let mut buffer = vec![0u8; CHUNK_BYTES];
    let mut stream = stream;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn streams_are_taken_to_their_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve_on(&listener));
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
