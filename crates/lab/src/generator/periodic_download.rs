// SPDX-License-Identifier: MIT OR Apache-2.0
//! A download every period, open loop: a late answer never delays the next request.
//!
//! Releases happen at absolute times of one timer. Request k goes to a connection that is free, or
//! to a new one where all still wait. A completion time counts from the *release*, so the client's
//! own lateness is in it, and is recorded beside it. One thread, which should be urgent on a core
//! that the VMs do not have: what is measured is the server.
//!
//! ```text
//!   release k -> free connection? --yes--> waiting(k) --answer complete--> free
//!                    | no                     ^    \--error--> gone, k unanswered
//!                    +--> connecting(k) ------+
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evenkeel_model::Span;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::http::{Answer, request};
use super::{GeneratorError, Placement, Urgent};
use crate::clock::Moment;

/// Most connections at a time: a server that answers nothing for 256 periods (5 s of 20 ms) is
/// down, and further requests are counted as unanswered without being sent.
const CONNECTIONS_MAX: usize = 256;

/// Bytes of one read: what a receive window of the client holds at most.
const READ_BYTES: usize = 256 << 10;

/// How long one warm-up answer may take.
const WARM_UP_TIMEOUT: Span = Span::from_s(5);

/// What to download, how often, and how many times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadPlan {
    /// Where from.
    pub server: SocketAddrV4,
    /// The file.
    pub path: String,
    /// Time between releases.
    pub period: Span,
    /// How many releases.
    pub requests: u32,
    /// Requests one after the other before the first release, so that the series does not measure
    /// the slow start of its first connection.
    pub warm_up: u32,
    /// How long after the last release an answer is still waited for.
    pub drain: Span,
}

/// What became of the requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloads {
    /// Time from release to the last byte, in order of release; `None` where that never came.
    pub completion: Vec<Option<Span>>,
    /// How late the client woke for each release.
    pub wake_lateness: Vec<Span>,
    /// End of the series, since the first release.
    pub ended: Span,
    /// Connections used.
    pub connections: u32,
    /// Size of the file.
    pub file_bytes: u64,
}

/// Runs the series on the calling thread, which must be in the client's network namespace. Ends
/// early, with the requests so far, once `stop` is set.
pub fn run(
    plan: &DownloadPlan,
    placement: Placement,
    stop: &AtomicBool,
) -> Result<Downloads, GeneratorError> {
    let _urgent = Urgent::enter(placement)?;
    let (stream, file_bytes) = warm_up(plan)?;
    let begin = Moment::now() + plan.period;
    let timer = periodic_timer(begin, plan.period)?;
    let mut client = Client::new(plan, begin, stream);
    let end = begin + span_times(plan.period, plan.requests) + plan.drain;
    while !client.is_done() && Moment::now() < end && !stop.load(Ordering::Relaxed) {
        client.step(&timer)?;
    }
    Ok(Downloads {
        ended: Moment::now().since(begin),
        completion: client.completion,
        wake_lateness: client.wake_lateness,
        connections: client.connections_made,
        file_bytes,
    })
}

/// Both factors come from a plan: seconds in all.
fn span_times(span: Span, times: u32) -> Span {
    span.checked_mul(times.into()).unwrap_or(Span::from_s(u64::from(u32::MAX)))
}

fn timer_failed(action: &'static str) -> impl Fn(Errno) -> GeneratorError {
    move |errno| GeneratorError::Timer { action, source: errno.into() }
}

/// Expires at `begin` and every `period` after it.
fn periodic_timer(begin: Moment, period: Span) -> Result<OwnedFd, GeneratorError> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer =
        timerfd_create(TimerfdClockId::Monotonic, flags).map_err(timer_failed("create a timer"))?;
    let interval = rustix::time::Timespec {
        tv_sec: i64::try_from(period.as_ns() / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(period.as_ns() % 1_000_000_000).unwrap_or(0),
    };
    let times = Itimerspec { it_interval: interval, it_value: begin.timespec() };
    timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &times)
        .map_err(timer_failed("set the timer"))?;
    Ok(timer)
}

/// A connection that has carried some answers already, and the size of the file.
fn warm_up(plan: &DownloadPlan) -> Result<(TcpStream, u64), GeneratorError> {
    let peer = plan.server;
    let failed = |answered: u32, why: String| GeneratorError::WarmUp {
        peer,
        answered,
        asked: plan.warm_up.max(1),
        within: WARM_UP_TIMEOUT,
        why,
    };
    let io = |answered: u32| move |error: io::Error| failed(answered, error.to_string());
    let timeout = WARM_UP_TIMEOUT.as_duration();
    let mut stream = TcpStream::connect_timeout(&peer.into(), timeout).map_err(io(0))?;
    stream.set_nodelay(true).map_err(io(0))?;
    stream.set_read_timeout(Some(timeout)).map_err(io(0))?;
    let request = request(peer, &plan.path);
    let mut buffer = vec![0; READ_BYTES];
    let mut length = 0;
    // One at least: it tells the size of the file.
    for answered in 0..plan.warm_up.max(1) {
        stream.write_all(&request).map_err(io(answered))?;
        let mut answer = Answer::default();
        length = loop {
            let got = stream.read(&mut buffer).map_err(io(answered))?;
            if got == 0 {
                return Err(failed(answered, "the server closed the connection".to_owned()));
            }
            let fed = answer.feed(&buffer[..got]);
            if let Some(length) = fed.map_err(|e| failed(answered, e.to_string()))? {
                break length;
            }
        };
    }
    stream.set_read_timeout(None::<Duration>).map_err(io(plan.warm_up))?;
    stream.set_nonblocking(true).map_err(io(plan.warm_up))?;
    Ok((stream, length))
}

#[derive(Debug)]
enum State {
    Connecting { index: usize },
    Free,
    Waiting { index: usize, answer: Answer },
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    state: State,
}

/// What reading did to a connection.
enum Outcome {
    Pending,
    Complete,
    Broken,
}

struct Client<'a> {
    plan: &'a DownloadPlan,
    begin: Moment,
    request: Vec<u8>,
    buffer: Vec<u8>,
    connections: Vec<Connection>,
    connections_made: u32,
    completion: Vec<Option<Span>>,
    wake_lateness: Vec<Span>,
    open: usize,
}

impl<'a> Client<'a> {
    fn new(plan: &'a DownloadPlan, begin: Moment, warm: TcpStream) -> Client<'a> {
        Client {
            plan,
            begin,
            request: request(plan.server, &plan.path),
            buffer: vec![0; READ_BYTES],
            connections: vec![Connection { stream: warm, state: State::Free }],
            connections_made: 1,
            completion: Vec::with_capacity(plan.requests as usize),
            wake_lateness: Vec::with_capacity(plan.requests as usize),
            open: 0,
        }
    }

    /// Every request is released, and none still waits for its answer.
    fn is_done(&self) -> bool {
        self.completion.len() == self.plan.requests as usize && self.open == 0
    }

    /// Waits for the timer or a connection and does what is due.
    fn step(&mut self, timer: &OwnedFd) -> Result<(), GeneratorError> {
        let mut fds = vec![PollFd::new(timer, PollFlags::IN)];
        for connection in &self.connections {
            let events = match connection.state {
                State::Connecting { .. } => PollFlags::OUT,
                State::Free | State::Waiting { .. } => PollFlags::IN,
            };
            fds.push(PollFd::from_borrowed_fd(connection.stream.as_fd(), events));
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(timer_failed("wait for an event")(errno)),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if ready[0] {
            self.release(expirations(timer)?);
        }
        // Backwards, because a broken connection is removed by putting the last in its place; those
        // that a release has just added are beyond the list and wait for the next step.
        for index in (0..ready.len() - 1).rev() {
            if ready[index + 1] {
                self.progress(index);
            }
        }
        Ok(())
    }

    /// Releases the requests of `expirations` periods.
    fn release(&mut self, expirations: u64) {
        for _ in 0..expirations {
            let index = self.completion.len();
            if index == self.plan.requests as usize {
                return;
            }
            let lateness = Moment::now().since(self.released(index));
            self.wake_lateness.push(lateness);
            self.completion.push(None);
            self.send(index);
        }
    }

    fn released(&self, index: usize) -> Moment {
        // An index below `requests`, which is 32 bits.
        self.begin + span_times(self.plan.period, u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn send(&mut self, index: usize) {
        let free = self.connections.iter().position(|c| matches!(c.state, State::Free));
        if let Some(at) = free {
            self.ask(at, index);
        } else if self.connections.len() < CONNECTIONS_MAX
            && let Ok(stream) = connect(self.plan.server)
        {
            self.connections_made += 1;
            self.open += 1;
            self.connections.push(Connection { stream, state: State::Connecting { index } });
        }
    }

    /// Sends request `index` on connection `at`, which is free or newly connected. A request is
    /// some 60 bytes and the socket empty: a short write means a broken connection.
    fn ask(&mut self, at: usize, index: usize) {
        let connection = &mut self.connections[at];
        match connection.stream.write(&self.request) {
            Ok(written) if written == self.request.len() => {
                connection.state = State::Waiting { index, answer: Answer::default() };
                self.open += 1;
            }
            _ => drop(self.connections.swap_remove(at)),
        }
    }

    /// Connection `at` has become readable or connected.
    fn progress(&mut self, at: usize) {
        let connection = &mut self.connections[at];
        if let State::Connecting { index } = connection.state {
            self.open -= 1;
            match connection.stream.take_error() {
                Ok(None) => self.ask(at, index),
                _ => drop(self.connections.swap_remove(at)),
            }
            return;
        }
        let outcome = read(connection, &mut self.buffer);
        let index = match connection.state {
            State::Waiting { index, .. } => Some(index),
            _ => None,
        };
        match (outcome, index) {
            (Outcome::Pending, _) => {}
            (Outcome::Complete, Some(index)) => {
                let took = Moment::now().since(self.released(index));
                self.completion[index] = Some(took);
                self.connections[at].state = State::Free;
                self.open -= 1;
            }
            (Outcome::Complete | Outcome::Broken, index) => {
                self.open -= usize::from(index.is_some());
                drop(self.connections.swap_remove(at));
            }
        }
    }
}

/// Reads until the answer is complete or nothing more is there.
fn read(connection: &mut Connection, buffer: &mut [u8]) -> Outcome {
    loop {
        let got = match connection.stream.read(buffer) {
            Ok(0) => return Outcome::Broken,
            Ok(got) => got,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Outcome::Pending,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return Outcome::Broken,
        };
        // Bytes that nobody asked for, or an answer that is none, end the connection.
        let State::Waiting { answer, .. } = &mut connection.state else { return Outcome::Broken };
        match answer.feed(&buffer[..got]) {
            Ok(None) => {}
            Ok(Some(_)) => return Outcome::Complete,
            Err(_) => return Outcome::Broken,
        }
    }
}

/// How often the timer has expired since it was last asked.
fn expirations(timer: &OwnedFd) -> Result<u64, GeneratorError> {
    let mut count = [0u8; 8];
    match rustix::io::read(timer, &mut count) {
        Ok(_) => Ok(u64::from_ne_bytes(count)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(errno) => Err(timer_failed("read the timer")(errno)),
    }
}

/// Begins a connection without waiting for it.
fn connect(server: SocketAddrV4) -> Result<TcpStream, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
    match rustix::net::connect(&socket, &server) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::sync::Arc;

    use evenkeel_kernel::sched::{Policy, affinity, current_tid};

    use super::*;
    use crate::clock::sleep_until;

    /// A server of one file of `bytes`, that takes `delay(request)` before it answers.
    fn server(bytes: usize, delay: impl Fn(u32) -> Span + Send + Sync + 'static) -> SocketAddrV4 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
        let delay = Arc::new(delay);
        let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, delay, count) =
                    (stream.unwrap(), Arc::clone(&delay), Arc::clone(&count));
                std::thread::spawn(move || {
                    let mut request = [0; 200];
                    while stream.read(&mut request).is_ok_and(|n| n > 0) {
                        let number = count.fetch_add(1, Ordering::Relaxed);
                        sleep_until(Moment::now() + delay(number));
                        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
                        if stream.write_all(head.as_bytes()).is_err() {
                            return;
                        }
                        let _ = stream.write_all(&vec![7; bytes]);
                    }
                });
            }
        });
        address
    }

    fn here() -> Placement {
        let cpu = affinity(current_tid()).unwrap().iter().last().unwrap();
        Placement { cpu, policy: Policy::Other { nice: 0 } }
    }

    fn plan(server: SocketAddrV4, requests: u32) -> DownloadPlan {
        let period = Span::from_ms(20);
        let drain = Span::from_ms(500);
        DownloadPlan { server, path: "/f".into(), period, requests, warm_up: 3, drain }
    }

    #[test]
    fn every_answer_is_timed_from_its_release() {
        let server = server(300_000, |_| Span::from_ms(4));
        let done = run(&plan(server, 20), here(), &AtomicBool::new(false)).unwrap();
        assert_eq!(done.completion.len(), 20);
        assert_eq!(done.wake_lateness.len(), 20);
        assert_eq!(done.file_bytes, 300_000);
        let times: Vec<Span> = done.completion.iter().map(|c| c.unwrap()).collect();
        assert!(times.iter().all(|t| *t >= Span::from_ms(4)), "{times:?}");
        assert!(done.ended >= Span::from_ms(380));
    }

    #[test]
    fn a_late_answer_does_not_delay_the_next_request() {
        // Warm-up takes requests 0 to 2; request 5 hangs for thirty periods.
        let late = |n| if n == 5 { Span::from_ms(600) } else { Span::ZERO };
        let server = server(1000, late);
        let plan = DownloadPlan { drain: Span::from_s(2), ..plan(server, 12) };
        let done = run(&plan, here(), &AtomicBool::new(false)).unwrap();
        // On a busy host others may be late, too, but not by as much.
        assert!(done.connections >= 2, "{}", done.connections);
        let slow: Vec<usize> =
            (0..12).filter(|&k| done.completion[k].unwrap() >= Span::from_ms(600)).collect();
        assert_eq!(slow, [2], "{:?}", done.completion);
    }

    #[test]
    fn an_answer_that_never_comes_is_none_and_ends_with_the_drain() {
        let server = server(10, |n| if n == 4 { Span::from_s(60) } else { Span::ZERO });
        let done = run(&plan(server, 6), here(), &AtomicBool::new(false)).unwrap();
        let unanswered: Vec<usize> = (0..6).filter(|&k| done.completion[k].is_none()).collect();
        assert_eq!(unanswered, [1]);
        assert!(done.ended >= Span::from_ms(600), "{}", done.ended);
        assert!(done.ended < Span::from_s(5), "{}", done.ended);
    }

    #[test]
    fn a_stopped_series_keeps_what_it_has() {
        let server = server(10, |_| Span::ZERO);
        let stop = AtomicBool::new(true);
        let done = run(&plan(server, 50), here(), &stop).unwrap();
        assert!(done.completion.is_empty());
    }

    #[test]
    fn a_server_that_is_not_there_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
        drop(listener);
        let error = run(&plan(address, 1), here(), &AtomicBool::new(false)).unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
