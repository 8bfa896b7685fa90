// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thousand connections that fetch a small file over and over: `wrk`, started and ended by
//! command, its report parsed.
//!
//! It runs niced on the client's core: it is load, and must not delay the client that measures.

use std::io;
use std::net::SocketAddrV4;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::GeneratorError;

const PROGRAM: &str = "wrk";

/// Longer than any series: the end is a signal, after which `wrk` still reports.
const SECONDS_MAX: &str = "3600";

/// How long an answer may take before it counts as timed out: one second beyond the longest
/// retransmission that a full queue causes (1 s, doubled once).
const TIMEOUT: &str = "4s";

/// What the load got.
#[derive(Clone, Debug, PartialEq)]
pub struct WebLoadReport {
    /// Answers per second.
    pub requests_per_second: f64,
    /// Connections that could not be made, broke or timed out.
    pub errors: u64,
}

/// A running load. Dropping it without [`WebLoad::finish`] ends it and forgets its report.
#[derive(Debug)]
pub struct WebLoad {
    child: Option<Child>,
}

impl WebLoad {
    /// Starts `connections` connections that fetch `path` from `server`. `command` starts a program
    /// inside the client's network namespace and takes the program's own words.
    pub fn start(
        mut command: Command,
        server: SocketAddrV4,
        path: &str,
        connections: u32,
    ) -> Result<WebLoad, GeneratorError> {
        command
            .args(["-t1", "-d", SECONDS_MAX, "--timeout", TIMEOUT])
            .args(["-c", &connections.to_string()])
            .arg(format!("http://{server}{path}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C at the terminal is for us; we end the load in order.
            .process_group(0);
        let child = command.spawn().map_err(failed("start"))?;
        Ok(WebLoad { child: Some(child) })
    }

    /// Ends the load and says what it got.
    pub fn finish(mut self) -> Result<WebLoadReport, GeneratorError> {
        let Some(child) = self.child.take() else { unreachable!("taken here and in drop only") };
        interrupt(&child).map_err(failed("end"))?;
        let output = child.wait_with_output().map_err(failed("wait for"))?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        parse(&text)
    }
}

impl Drop for WebLoad {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> GeneratorError {
    move |source| GeneratorError::Program { action, program: PROGRAM, source }
}

/// SIGINT, on which `wrk` stops and reports. The number cannot be a stranger's: nobody has waited
/// for our child yet. `ip netns exec` and `taskset` become the program they start, so the child is
/// `wrk` itself.
fn interrupt(child: &Child) -> io::Result<()> {
    let raw = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = raw.ok_or_else(|| io::Error::other("the kernel gave no process number"))?;
    Ok(kill_process(pid, Signal::INT)?)
}

fn parse(text: &str) -> Result<WebLoadReport, GeneratorError> {
    let expected = |expected| {
        let begin = text.len().saturating_sub(300);
        let output = text.get(begin..).unwrap_or(text).to_owned();
        GeneratorError::Output { program: PROGRAM, expected, output }
    };
    let value = |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label));
    let requests_per_second = value("Requests/sec:")
        .and_then(|v| v.trim().parse().ok())
        .ok_or_else(|| expected("Requests/sec:"))?;
    // Absent where there were none.
    let errors = value("Socket errors:").map_or(0, |counts| {
        counts.split(',').filter_map(|c| c.split_whitespace().last()?.parse::<u64>().ok()).sum()
    });
    Ok(WebLoadReport { requests_per_second, errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "Running 60m test @ http://10.99.1.11:80/s
  1 threads and 1000 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   180.44ms   92.10ms   1.99s    91.33%
    Req/Sec     4.95k   612.01     6.32k    71.00%
  51632 requests in 10.05s, 62.29MB read
  Socket errors: connect 0, read 3, write 0, timeout 87
Requests/sec:   5137.51
Transfer/sec:      6.20MB
";

    #[test]
    fn the_report_is_understood() {
        let report = WebLoadReport { requests_per_second: 5137.51, errors: 90 };
        assert_eq!(parse(REPORT).unwrap(), report);
        let quiet: String =
            REPORT.lines().filter(|l| !l.contains("errors")).map(|l| format!("{l}\n")).collect();
        assert_eq!(parse(&quiet).unwrap().errors, 0);
    }

    #[test]
    fn a_report_without_figures_is_shown() {
        let error = parse("unable to connect to 10.99.1.11:80 Connection refused\n").unwrap_err();
        assert!(error.to_string().contains("Connection refused"), "{error}");
        assert!(parse("").is_err());
    }
}
