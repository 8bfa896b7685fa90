// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the experiments let a guest do: receive TCP, serve files, compute.

use evenkeel_model::Span;

use super::files::quote;
use super::{Guest, GuestError, GuestProgram, SinkWork};

/// The port of the TCP sink in a guest; the one iperf uses.
pub const SINK_PORT: u16 = 5001;
/// The port of the web server in a guest.
pub const WEB_PORT: u16 = 80;

/// How long a service may take to start. It takes 0.1 s of CPU time; in a capsule of 4 % of a CPU
/// that is 3 s, and nine guests may start theirs at once.
const START_TIMEOUT: Span = Span::from_s(60);

/// What keeps a guest's CPU busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpinnerKind {
    /// An empty loop.
    Loop,
    /// Matrices: octave inverts them where it is installed, else stress-ng multiplies them.
    Matrix,
}

impl SpinnerKind {
    /// The job's name inside the guest.
    const fn job(self) -> &'static str {
        match self {
            SpinnerKind::Loop => "loop",
            SpinnerKind::Matrix => "matrix",
        }
    }

    /// The command. A matrix of 150 x 150 doubles has 180 kB: it fits the second-level cache and
    /// not the first, as real ones do, and an inversion takes about a millisecond.
    const fn command(self) -> &'static str {
        match self {
            SpinnerKind::Loop => "while :; do :; done",
            SpinnerKind::Matrix => {
                "if command -v octave-cli; then exec octave-cli --no-init-file --no-history \
                 --quiet --eval 'a = rand(150); while true; b = inv(a); end'; fi; \
                 cd /tmp; exec stress-ng --matrix 1 --temp-path /tmp --quiet"
            }
        }
    }
}

impl Guest {
    /// Starts `command` in the background, as a session of its own, under a name. Fails if it has
    /// ended after a tenth of a second; a guest with a small budget may need longer for that.
    pub fn start(&self, job: &str, command: &str) -> Result<(), GuestError> {
        let (job, command) = (quote(job), quote(command));
        let script = format!(
            "job_start {job} {command}; sleep 0.1; \
             job_alive {job} || {{ cat \"$EK_OUTPUT\".{job}.log; exit 1; }}"
        );
        self.run(&script, START_TIMEOUT).map(drop)
    }

    /// Ends what was started under this name and waits for it, 2 s at most, the second of them
    /// after a SIGKILL. Nothing to stop is no error.
    pub fn stop(&self, job: &str) -> Result<(), GuestError> {
        self.run(&format!("job_stop {}", quote(job)), START_TIMEOUT).map(drop)
    }

    /// Starts the TCP sink and waits until it listens on [`SINK_PORT`].
    pub fn start_sink(&self, program: &GuestProgram, work: SinkWork) -> Result<(), GuestError> {
        let port = SINK_PORT.to_string();
        self.start("sink", &format!("exec {}", program.command(&["sink", &port, work.as_str()])))?;
        self.run(&format!("port_wait {port}"), START_TIMEOUT).map(drop)
    }

    /// Starts the web server with files of random bytes, each a name and a size, and waits until it
    /// listens on [`WEB_PORT`]. Random, because a guest's memory could be merged otherwise.
    pub fn start_web(&self, files: &[(&str, u64)]) -> Result<(), GuestError> {
        for (name, bytes) in files {
            let path = quote(&format!("/srv/{name}"));
            let script = format!("head -c {bytes} /dev/urandom >{path}");
            self.run(&script, START_TIMEOUT)?;
        }
        let script = format!("nginx -c /mnt/lab/nginx.conf && port_wait {WEB_PORT}");
        self.run(&script, START_TIMEOUT).map(drop)
    }

    /// Starts the spinner, or lets it go on where [`Guest::pause_spinner`] stopped it: the first
    /// time a process is started (about 0.1 s), later a signal is sent inside the guest.
    pub fn start_spinner(&self, kind: SpinnerKind) -> Result<(), GuestError> {
        let job = kind.job();
        let signal = format!("job_signal {job} CONT 2>/dev/null");
        if self.exec(&signal, START_TIMEOUT)?.status == 0 {
            return Ok(());
        }
        self.start(job, kind.command())
    }

    /// Stops the spinner by a signal inside the guest, a few milliseconds of its CPU time, so that
    /// it can go on at once. The guest's own processes are never signalled from the host: a
    /// user-mode-linux guest does not survive that.
    pub fn pause_spinner(&self, kind: SpinnerKind) -> Result<(), GuestError> {
        let script = format!("job_signal {} STOP", kind.job());
        self.run(&script, START_TIMEOUT).map(drop)
    }

    /// Ends the spinner.
    pub fn stop_spinner(&self, kind: SpinnerKind) -> Result<(), GuestError> {
        self.stop(kind.job())
    }
}
