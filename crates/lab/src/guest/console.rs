// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control channel of a guest: its console, used line by line.
//!
//! ```text
//! lab  -> guest   <id> <command>           backslashes and line ends escaped for printf %b
//! guest -> lab    OUT <id> <a line of output>
//!                 DONE <id> <exit status>
//! ```
//! `init.sh` is the other end. The console is the one channel that every guest has before and
//! after its network works, and the only one that ends with the lab: a guest that reads the end of
//! its input powers itself off. Kernel messages may stand between the lines; what is neither `OUT`
//! nor `DONE` is kept for error messages.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use evenkeel_model::Span;

use super::GuestError;

/// Longest command, bytes on the wire. A terminal in raw mode buffers 4095 bytes (N_TTY_BUF_SIZE,
/// drivers/tty/n_tty.c); what is beyond is lost without a word.
const COMMAND_BYTES_MAX: usize = 3500;
/// Lines that are kept of what the guest said last.
const TAIL_LINES: usize = 12;
/// Longest line that is read: output lines are cut in the guest at a quarter of it.
const LINE_BYTES_MAX: u64 = 1 << 16;
/// Lines in flight between the reader and whoever asks. When it is full the guest's console blocks,
/// and nothing is lost.
const LINES_IN_FLIGHT: usize = 4096;

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestOutput {
    /// Its exit status.
    pub status: i32,
    /// Standard output and standard error together.
    pub output: String,
}

/// Our end of the channel.
pub struct Console {
    vm: String,
    inner: Mutex<Inner>,
}

struct Inner {
    input: Box<dyn Write + Send>,
    lines: Receiver<String>,
    id_next: u64,
    tail: VecDeque<String>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").field("vm", &self.vm).finish_non_exhaustive()
    }
}

/// One line of the guest, understood.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Out(&'a str),
    Done(i32),
    Other,
}

impl Console {
    /// A channel over the guest's console. Its output is read by a thread of its own, which ends
    /// with the guest.
    pub fn new(
        vm: &str,
        input: impl Write + Send + 'static,
        output: impl Read + Send + 'static,
    ) -> Console {
        let (sender, lines) = sync_channel(LINES_IN_FLIGHT);
        std::thread::spawn(move || read_lines(output, &sender));
        let inner = Inner { input: Box::new(input), lines, id_next: 1, tail: VecDeque::new() };
        Console { vm: vm.to_owned(), inner: Mutex::new(inner) }
    }

    /// Waits until the guest says `READY`.
    pub fn wait_ready(&self, timeout: Span) -> Result<(), GuestError> {
        let mut inner = self.lock();
        let deadline = Instant::now() + timeout.as_duration();
        let ready = format!("READY {}", self.vm);
        loop {
            let Some(line) = inner.next_line(&self.vm, deadline)? else {
                let tail = inner.tail();
                return Err(GuestError::NotReady { vm: self.vm.clone(), waited: timeout, tail });
            };
            if line.ends_with(&ready) {
                return Ok(());
            }
            inner.keep(line);
        }
    }

    /// Runs `command` (bash) in the guest and waits for it.
    pub fn exec(&self, command: &str, timeout: Span) -> Result<GuestOutput, GuestError> {
        let mut inner = self.lock();
        let id = inner.id_next;
        inner.id_next += 1;
        inner.send(&self.vm, &format!("{id} {}\n", escape(command)))?;
        let deadline = Instant::now() + timeout.as_duration();
        let mut output = String::new();
        loop {
            let Some(line) = inner.next_line(&self.vm, deadline)? else {
                let command = command.to_owned();
                return Err(GuestError::TimedOut { vm: self.vm.clone(), command, waited: timeout });
            };
            match understand(&line, id) {
                Line::Out(text) => {
                    output.push_str(text);
                    output.push('\n');
                }
                Line::Done(status) => return Ok(GuestOutput { status, output }),
                Line::Other => inner.keep(line),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A thread that panicked here left at worst an unread answer, which its number marks.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Inner {
    fn send(&mut self, vm: &str, line: &str) -> Result<(), GuestError> {
        if line.len() > COMMAND_BYTES_MAX {
            let (length, limit) = (line.len(), COMMAND_BYTES_MAX);
            return Err(GuestError::CommandTooLong { vm: vm.to_owned(), length, limit });
        }
        self.input.write_all(line.as_bytes()).and_then(|()| self.input.flush()).map_err(|source| {
            match source.kind() {
                std::io::ErrorKind::BrokenPipe => self.ended(vm),
                _ => GuestError::Console { vm: vm.to_owned(), source },
            }
        })
    }

    /// The next line; `None` at the deadline.
    fn next_line(&mut self, vm: &str, deadline: Instant) -> Result<Option<String>, GuestError> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended(vm)),
        }
    }

    /// The guest has closed its console; what it still said is taken along.
    fn ended(&mut self, vm: &str) -> GuestError {
        while let Ok(line) = self.lines.recv_timeout(Duration::ZERO) {
            self.keep(line);
        }
        GuestError::Ended { vm: vm.to_owned(), tail: self.tail() }
    }

    fn keep(&mut self, line: String) {
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    fn tail(&self) -> String {
        match self.tail.is_empty() {
            true => "nothing".to_owned(),
            false => self.tail.iter().cloned().collect::<Vec<_>>().join(" / "),
        }
    }
}

fn read_lines(output: impl Read, sender: &SyncSender<String>) {
    let mut reader = BufReader::new(output);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
        if sender.send(line).is_err() {
            return;
        }
    }
}

/// Answers to other commands (one that timed out, say) are not ours.
fn understand(line: &str, id: u64) -> Line<'_> {
    let Some((word, rest)) = line.split_once(' ') else { return Line::Other };
    let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    if number.parse() != Ok(id) {
        return Line::Other;
    }
    match word {
        "OUT" => Line::Out(rest),
        "DONE" => rest.parse().map_or(Line::Other, Line::Done),
        _ => Line::Other,
    }
}

/// One line, for `printf %b` to unfold.
fn escape(command: &str) -> String {
    command.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// The guest's end as it runs in guests, here as an ordinary process.
    fn loop_of_a_guest() -> (Child, Console) {
        let directory = std::env::temp_dir();
        let mut child = Command::new("bash")
            .args(["-c", super::super::CONTROL_LOOP])
            .env("EK_VM", "a")
            .env("EK_OUTPUT", directory.join(format!("ek-t-{}-out", std::process::id())))
            .env("EK_POWER_OFF", "exit 0")
            .process_group_zero()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let console = Console::new("a", child.stdin.take().unwrap(), child.stdout.take().unwrap());
        console.wait_ready(Span::from_s(10)).unwrap();
        (child, console)
    }

    trait ProcessGroup {
        fn process_group_zero(&mut self) -> &mut Self;
    }

    impl ProcessGroup for Command {
        fn process_group_zero(&mut self) -> &mut Command {
            std::os::unix::process::CommandExt::process_group(self, 0)
        }
    }

    #[test]
    fn commands_are_answered_with_output_and_status() {
        let (mut child, console) = loop_of_a_guest();
        let run = |command: &str| console.exec(command, Span::from_s(10)).unwrap();
        assert_eq!(run("echo hello"), GuestOutput { status: 0, output: "hello\n".to_owned() });
        assert_eq!(run("exit 3").status, 3);
        assert_eq!(run("echo one >&2; false").output, "one\n");
        let lines = run("for i in 1 2; do\n  printf '%s\\n' \"line $i\\\\\"\ndone");
        assert_eq!(lines.output, "line 1\\\nline 2\\\n");
        assert_eq!(run("true").output, "");
        assert_eq!(run("printf 'no line end'").output, "no line end\n");
        assert_eq!(run("x=1; echo \"$x\"; echo '  blanks  '").output, "1\n  blanks  \n");
        drop(console);
        child.wait().unwrap();
    }

    #[test]
    fn a_late_answer_is_not_taken_for_the_next_one() {
        let (mut child, console) = loop_of_a_guest();
        let error = console.exec("sleep 0.3; echo late", Span::from_ms(50)).unwrap_err();
        let words = "guest 'a' has not finished 'sleep 0.3; echo late' after 50ms";
        assert_eq!(error.to_string(), words);
        let answer = console.exec("echo mine", Span::from_s(10)).unwrap();
        assert_eq!(answer.output, "mine\n");
        child.kill().unwrap();
        child.wait().unwrap();
        let error = console.exec("echo x", Span::from_s(10)).unwrap_err();
        assert!(error.to_string().starts_with("guest 'a' has ended"), "{error}");
    }

    #[test]
    fn a_command_that_would_be_cut_short_is_refused() {
        let (mut child, console) = loop_of_a_guest();
        let error = console.exec(&"x".repeat(5000), Span::from_s(1)).unwrap_err();
        assert!(error.to_string().contains("its terminal takes 3500 at a time"), "{error}");
        drop(console);
        child.wait().unwrap();
    }

    #[test]
    fn lines_of_others_are_not_answers() {
        assert_eq!(understand("OUT 7 a b", 7), Line::Out("a b"));
        assert_eq!(understand("OUT 7 ", 7), Line::Out(""));
        assert_eq!(understand("DONE 7 -1", 7), Line::Done(-1));
        assert_eq!(understand("DONE 6 0", 7), Line::Other);
        assert_eq!(understand("[ 1.0] DONE 7 0", 7), Line::Other);
        assert_eq!(understand("random: crng init done", 7), Line::Other);
    }
}
