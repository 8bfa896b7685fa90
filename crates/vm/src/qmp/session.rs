// SPDX-License-Identifier: MIT OR Apache-2.0
//! One conversation with a monitor, limited in time and size.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use evenkeel_kernel::{Pid, unix_socket};
use evenkeel_model::Span;
use serde_json::{Value, json};

use super::QmpError;

/// Longest line. A thousand CPUs make an answer of 0.2 MB.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Most lines before an answer. A busy VM has some tens of events a second.
const LINES_MAX: usize = 1_000;
/// How much of a strange line an error shows.
const SHOWN_CHARS_MAX: usize = 80;

pub(super) struct Session {
    stream: UnixStream,
    path: PathBuf,
    deadline: Instant,
    timeout: Span,
    /// What was read and not yet consumed.
    pending: Vec<u8>,
}

impl Session {
    /// Connects, takes the greeting and leaves negotiation mode.
    pub(super) fn open(path: &Path, timeout: Span) -> Result<Session, QmpError> {
        let deadline = Instant::now() + timeout.as_duration();
        let stream = unix_socket::connect(path, timeout)?;
        let mut session =
            Session { stream, path: path.to_owned(), deadline, timeout, pending: Vec::new() };
        let greeting = session.message("the connection")?;
        if greeting.get("QMP").is_none() {
            return Err(session.nonsense(&greeting.to_string()));
        }
        session.run("qmp_capabilities")?;
        Ok(session)
    }

    /// Who called `listen` on the socket.
    pub(super) fn listener(&self) -> Option<Pid> {
        unix_socket::peer(&self.stream)
    }

    /// Runs `command` and returns what it returns.
    pub(super) fn run(&mut self, command: &str) -> Result<Value, QmpError> {
        let request = json!({ "execute": command, "id": command }).to_string() + "\n";
        self.send(command, request.as_bytes())?;
        for _ in 0..LINES_MAX {
            let mut message = self.message(command)?;
            // Events have no id, and nobody else's answers come through this connection.
            if message.get("id").and_then(Value::as_str) != Some(command) {
                continue;
            }
            if let Some(value) = message.get_mut("return") {
                return Ok(value.take());
            }
            let description = message.pointer("/error/desc").and_then(Value::as_str);
            return Err(QmpError::Refused {
                path: self.path.clone(),
                command: command.to_owned(),
                description: shortened(description.unwrap_or("without a reason")),
            });
        }
        Err(self.nonsense(&format!("{LINES_MAX} lines and no answer to {command}")))
    }

    fn send(&mut self, what: &str, bytes: &[u8]) -> Result<(), QmpError> {
        let left = self.time_left(what)?;
        self.stream
            .set_write_timeout(Some(left))
            .and_then(|()| self.stream.write_all(bytes))
            .map_err(|error| self.failed(what, error))
    }

    /// The next JSON object.
    fn message(&mut self, what: &str) -> Result<Value, QmpError> {
        let line = self.line(what)?;
        let text = String::from_utf8_lossy(&line);
        match serde_json::from_str::<Value>(&text) {
            Ok(value) if value.is_object() => Ok(value),
            _ => Err(self.nonsense(&text)),
        }
    }

    fn line(&mut self, what: &str) -> Result<Vec<u8>, QmpError> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.pending[searched..].iter().position(|b| *b == b'\n') {
                let rest = self.pending.split_off(searched + end + 1);
                return Ok(std::mem::replace(&mut self.pending, rest));
            }
            searched = self.pending.len();
            if searched > LINE_BYTES_MAX {
                return Err(self.nonsense(&String::from_utf8_lossy(&self.pending)));
            }
            let left = self.time_left(what)?;
            let mut chunk = [0; 4096];
            let read = self
                .stream
                .set_read_timeout(Some(left))
                .and_then(|()| self.stream.read(&mut chunk))
                .or_else(|error| match error.kind() {
                    io::ErrorKind::Interrupted => Ok(usize::MAX),
                    _ => Err(error),
                });
            match read.map_err(|error| self.failed(what, error))? {
                0 => return Err(self.closed(what)),
                usize::MAX => {}
                read => self.pending.extend(&chunk[..read]),
            }
        }
    }

    fn time_left(&self, what: &str) -> Result<Duration, QmpError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.silent(what)) } else { Ok(left) }
    }

    fn failed(&self, what: &str, source: io::Error) -> QmpError {
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.silent(what),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => self.closed(what),
            _ => QmpError::Talk { path: self.path.clone(), source },
        }
    }

    fn silent(&self, what: &str) -> QmpError {
        QmpError::Silent { path: self.path.clone(), what: what.to_owned(), waited: self.timeout }
    }

    fn closed(&self, what: &str) -> QmpError {
        QmpError::Closed { path: self.path.clone(), what: what.to_owned() }
    }

    fn nonsense(&self, got: &str) -> QmpError {
        QmpError::Nonsense { path: self.path.clone(), got: shortened(got) }
    }
}

/// A strange text as an error shows it: short, and without control characters.
fn shortened(text: &str) -> String {
    let printable = text.trim().chars().map(|c| if c.is_control() { '?' } else { c });
    printable.take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    const GREETING: &[u8] = b"{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n";
    const READY: &[u8] = b"{\"return\": {}, \"id\": \"qmp_capabilities\"}\r\n";

    /// A monitor that says `chunks`, each after it has heard a line (the first at once), and then
    /// closes the connection, or keeps it for as long as the client does.
    fn monitor(chunks: Vec<Vec<u8>>, close: bool) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("qmp.sock");
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = [0; 4096];
            for (index, chunk) in chunks.iter().enumerate() {
                if index > 0 && stream.read(&mut heard).unwrap_or(0) == 0 {
                    return;
                }
                // The client may have given up: that is what most tests want.
                let _ = stream.write_all(chunk);
            }
            while !close && stream.read(&mut heard).unwrap_or(0) > 0 {}
        });
        (directory, path)
    }

    fn open(chunks: &[&[u8]], close: bool) -> Result<Session, QmpError> {
        let (_directory, path) = monitor(chunks.iter().map(|c| c.to_vec()).collect(), close);
        Session::open(&path, Span::from_ms(400))
    }

    #[test]
    fn answers_are_found_among_events_and_pieces() {
        let event = b"{\"event\": \"RESUME\", \"data\": {}}\r\n";
        let answer = b"{\"return\": [1], \"id\": \"query-x\"}\r\n";
        let chunks: [&[u8]; 3] =
            [GREETING, &[event, READY].concat(), &[event, &answer[..]].concat()];
        let (_directory, path) = monitor(chunks.iter().map(|c| c.to_vec()).collect(), false);
        let mut session = Session::open(&path, Span::from_s(5)).unwrap();
        assert_eq!(session.run("query-x").unwrap(), json!([1]));
        assert_eq!(session.listener(), Some(Pid(std::process::id())));
    }

    #[test]
    fn a_refused_command_says_why() {
        let refusal = b"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\\nsuch\"}, \
            \"id\": \"query-x\"}\r\n";
        let (_directory, path) =
            monitor([GREETING, READY, refusal].map(<[u8]>::to_vec).into(), false);
        let error = Session::open(&path, Span::from_s(5)).unwrap().run("query-x").unwrap_err();
        assert!(error.to_string().ends_with("refuses query-x: no?such"), "{error}");
    }

    #[test]
    fn silence_ends_in_time() {
        for chunks in [&[][..], &[GREETING][..], &[&GREETING[..10]][..]] {
            let start = Instant::now();
            let error = open(chunks, false).err().unwrap();
            assert!(matches!(error, QmpError::Silent { .. }), "{error}");
            // The limit is 0.4 s; the rest is for a busy machine.
            assert!(start.elapsed() < Duration::from_secs(10));
        }
    }

    #[test]
    fn a_closed_connection_is_named() {
        for chunks in [&[][..], &[GREETING][..], &[&GREETING[..10]][..]] {
            let error = open(chunks, true).err().unwrap();
            assert!(matches!(error, QmpError::Closed { .. }), "{error}");
        }
    }

    #[test]
    fn another_protocol_is_recognised_as_one() {
        for (text, shown) in [
            (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "SSH-2.0"),
            (b"[1, 2]\n", "[1, 2]"),
            (b"{\"hello\": 1}\n", "hello"),
            (b"\xff\x00\n", "?"),
        ] {
            let error = open(&[text], false).err().unwrap();
            assert!(matches!(error, QmpError::Nonsense { .. }), "{error}");
            assert!(error.to_string().contains(shown), "{error}");
        }
    }

    #[test]
    fn a_line_or_a_stream_without_end_is_cut() {
        let (_directory, path) = monitor(vec![vec![b'x'; LINE_BYTES_MAX + 10_000]], false);
        let error = Session::open(&path, Span::from_s(20)).err().unwrap();
        assert!(matches!(error, QmpError::Nonsense { .. }), "{error}");
        assert!(error.to_string().len() < 250);
        let events = b"{\"event\": \"X\"}\n".repeat(LINES_MAX + 1);
        let (_directory, path) = monitor(vec![GREETING.to_vec(), events], false);
        let error = Session::open(&path, Span::from_s(20)).err().unwrap();
        assert!(error.to_string().contains("1000 lines and no answer"), "{error}");
    }

    #[test]
    fn nobody_there_is_said_at_once() {
        let error =
            Session::open(Path::new("/nonexistent/ek.sock"), Span::from_s(5)).err().unwrap();
        assert_eq!(error.to_string(), "there is no socket /nonexistent/ek.sock");
    }
}
