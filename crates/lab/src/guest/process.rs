// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding and ending the processes of guests, hung ones and half-dead ones included.
//!
//! A user-mode-linux guest is several processes: the main one, which traces one process per guest
//! process, and helpers. Three marks find them, because none finds all:
//!
//! * the working directory, which every one of them inherits: below the lab's own;
//! * the word `umid=ek-lab-...` or `guest=ek-lab-...` in the command line, which traced processes lack
//!   (they unmap the memory it is in);
//! * the identity of the main process, with whatever descends from it.
//!
//! The order of ending matters. A traced process whose tracer dies goes on running the guest's
//! code *on the host*, where its system calls are real. So tracers are stopped first, then the
//! traced are killed, then the tracers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use evenkeel_kernel::Pid;
use evenkeel_kernel::Signal;
use evenkeel_kernel::process::{self, ProcessId, ThreadStat};

use super::Boot;

/// What the mark of every guest begins with.
pub(crate) const MARK_PREFIX: &str = "ek-lab-";

/// How often everything is looked for again. One round ends all there is; a second one finds
/// what was born meanwhile; more are needed only if something outside starts guests.
const ROUNDS_MAX: u32 = 10;
/// How long a killed process may take to end: it has to give back its memory, 256 MiB in about
/// 0.1 s here; on a host that swaps it takes seconds.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// By what the processes of a guest, or of all guests, are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Programs that boot guests work in it or below.
    directory: PathBuf,
    /// They have this in their command line, or something that begins with it.
    word: String,
    /// Identities on record.
    recorded: Vec<ProcessId>,
    /// They are in one of these network namespaces.
    netns: Vec<PathBuf>,
}

impl Marks {
    /// Of one guest.
    pub(crate) fn of_guest(boot: &Boot, helpers: &[ProcessId]) -> Marks {
        Marks {
            directory: boot.directory(),
            word: boot.mark.clone(),
            recorded: helpers.to_vec(),
            netns: Vec::new(),
        }
    }

    /// Of everything that any lab on this host started.
    pub(crate) fn of_lab(
        directory: PathBuf,
        recorded: Vec<ProcessId>,
        netns: Vec<PathBuf>,
    ) -> Marks {
        Marks { directory, word: MARK_PREFIX.to_owned(), recorded, netns }
    }

    /// The processes that bear a mark, and those that descend from them; never this process.
    pub(crate) fn find(&self) -> Vec<ProcessId> {
        let namespaces: BTreeSet<(u64, u64)> =
            self.netns.iter().filter_map(|path| process::namespace_of(path)).collect();
        let all: Vec<ThreadStat> = process::all_processes()
            .unwrap_or_default()
            .into_iter()
            .filter_map(|pid| process::stat(pid.leader()).ok())
            .filter(|stat| !stat.kernel_thread && stat.pid != Pid(std::process::id()))
            .collect();
        let mut found: BTreeSet<Pid> = all
            .iter()
            .map(|stat| stat.pid)
            .filter(|pid| self.is_marked(*pid, &namespaces))
            .collect();
        found.extend(self.recorded.iter().filter(|id| process::is_alive(id)).map(|id| id.pid));
        // Children of children: each round finds one more generation.
        loop {
            let is_child = |stat: &&ThreadStat| found.contains(&stat.ppid);
            let children: Vec<Pid> = all.iter().filter(is_child).map(|stat| stat.pid).collect();
            let before = found.len();
            found.extend(children);
            if found.len() == before {
                break;
            }
        }
        let identify = |stat: &ThreadStat| {
            found
                .contains(&stat.pid)
                .then_some(ProcessId { pid: stat.pid, start_ticks: stat.start_ticks })
        };
        all.iter().filter_map(identify).filter(process::is_alive).collect()
    }

    fn is_marked(&self, pid: Pid, namespaces: &BTreeSet<(u64, u64)>) -> bool {
        // The program's file stays known when its command line does not. Somebody's shell may
        // work there, too; it is left alone.
        let works_there = || {
            process::exe(pid).is_ok_and(|exe| exe.is_some_and(|exe| boots_guests(&exe)))
                && process::working_directory(pid)
                    .is_ok_and(|directory| directory.starts_with(&self.directory))
        };
        let is_named = || process::cmdline(pid).is_ok_and(|words| has_mark(&words, &self.word));
        let is_inside = || {
            !namespaces.is_empty()
                && process::netns(pid).is_ok_and(|namespace| namespaces.contains(&namespace))
        };
        works_there() || is_named() || is_inside()
    }
}

/// Whether a command line is that of a guest marked `word...`: only the programs that boot guests
/// count, so that somebody's `grep umid=ek-` lives on.
fn has_mark(words: &[String], word: &str) -> bool {
    if !words.first().is_some_and(|program| boots_guests(Path::new(program))) {
        return false;
    }
    words.iter().any(|argument| {
        ["umid=", "guest="]
            .iter()
            .filter_map(|key| argument.strip_prefix(key))
            .any(|mark| mark.starts_with(word))
    })
}

/// Whether a program is one of those that the lab starts for a guest.
fn boots_guests(program: &Path) -> bool {
    let Some(name) = program.file_name().and_then(|name| name.to_str()) else { return false };
    name == "linux.uml" || name.starts_with("qemu-system-") || name == "virtiofsd"
}

/// Ends everything that `find` finds, whatever it does, and waits for it. Returns what is left
/// after [`ROUNDS_MAX`] rounds: processes in uninterruptible sleep, as a rule none.
pub(crate) fn end_all(find: &dyn Fn() -> Vec<ProcessId>) -> Vec<ProcessId> {
    for _ in 0..ROUNDS_MAX {
        let found = find();
        if found.is_empty() {
            return found;
        }
        let (traced, others): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|id| process::tracer(id.pid.leader()).is_ok_and(|tracer| tracer.is_some()));
        // Whoever has gone by now is no failure; whoever stays is found again.
        others.iter().for_each(|id| drop(process::kill(id, Signal::STOP)));
        traced.iter().for_each(|id| drop(process::kill(id, Signal::KILL)));
        wait_all(&traced);
        // Traced processes that the first look missed must not outlive their tracer either.
        let missed = find().into_iter().filter(|id| !others.contains(id)).collect::<Vec<_>>();
        missed.iter().for_each(|id| drop(process::kill(id, Signal::KILL)));
        wait_all(&missed);
        others.iter().for_each(|id| drop(process::kill(id, Signal::KILL)));
        wait_all(&others);
    }
    find()
}

fn wait_all(ids: &[ProcessId]) {
    let deadline = Instant::now() + END_TIMEOUT;
    for id in ids {
        while process::is_alive(id) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_that_boot_guests_bear_marks() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(has_mark(&words("linux.uml mem=64M umid=ek-a-12 con=null"), "ek-"));
        assert!(has_mark(&words("/usr/bin/linux.uml umid=ek-a-12"), "ek-a-12"));
        assert!(has_mark(&words("qemu-system-x86_64 -name guest=ek-a-12"), "ek-a-12"));
        assert!(!has_mark(&words("linux.uml umid=other"), "ek-"));
        assert!(!has_mark(&words("grep umid=ek-a-12"), "ek-"));
        assert!(!has_mark(&[], "ek-"));
    }

    #[test]
    fn a_stopped_process_with_children_is_ended() {
        use std::process::Command;
        let mut child = Command::new("sh").args(["-c", "sleep 60 & sleep 60"]).spawn().unwrap();
        let id = process::identity(Pid(child.id())).unwrap();
        let marks = Marks {
            directory: "/nowhere".into(),
            word: "ek-t-none".to_owned(),
            recorded: vec![id],
            netns: Vec::new(),
        };
        // The shell, and its two children once it has started them.
        while marks.find().len() < 3 {
            std::thread::sleep(Duration::from_millis(5));
        }
        process::kill(&id, Signal::STOP).unwrap();
        assert!(end_all(&|| marks.find()).is_empty());
        child.wait().unwrap();
        assert!(marks.find().is_empty());
    }
}
