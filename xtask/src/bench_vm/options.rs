// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words after `cargo xtask bench-vm`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use evenkeel_bench::experiment::{COUNTED, UNCOUNTED};

use crate::bench_vm::machine::{Accelerator, Shape};
use crate::bench_vm::qemu::Qemu;

/// The smallest machine on which placement and migration mean something.
const CPUS: u32 = 2;
/// The host's root is shared, not copied: memory is for page cache and the guests inside.
const MEMORY_MIB: u32 = 2048;

/// Microseconds; the figures are of some tens of them.
const STEP_US: u32 = 20;

/// What `make test` can wait for: each takes half a minute.
const SHORT: [&str; 4] = ["saturated", "tasksets", "outside", "soak"];

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A command to run inside, instead of the measurements.
    pub run: Option<String>,
    /// Instruction-counted time.
    pub deterministic: bool,
    /// How far apart CPUs of counted time may get.
    pub step_us: u32,
    /// One object instead of a table.
    pub json: bool,
    /// The measurements that take minutes are left out.
    pub short: bool,
    /// Privileged tests, instead of the measurements.
    pub tests: bool,
    /// Where no machine can be had: says so loudly and succeeds, for `make test`.
    pub or_skip: bool,
    /// The backend that is measured, as `evenkeel --enforcer` has it.
    pub enforcer: String,
    /// Names of measurements, all if empty.
    pub only: Vec<String>,
    /// Forces an accelerator.
    pub accelerator: Option<Accelerator>,
    /// Fetches the kernel anew.
    pub update: bool,
    /// When to give up, if not after the usual time.
    pub time_limit: Option<Duration>,
    /// CPUs of the machine.
    pub cpus: u32,
    /// Memory of the machine in MiB.
    pub memory_mib: u32,
}

impl Options {
    /// Reads the words.
    pub fn parse(words: &[&str]) -> anyhow::Result<Options> {
        let mut options = Options {
            run: None,
            deterministic: false,
            step_us: STEP_US,
            json: false,
            short: false,
            tests: false,
            or_skip: false,
            enforcer: "scx".to_owned(),
            only: Vec::new(),
            accelerator: None,
            update: false,
            time_limit: None,
            cpus: CPUS,
            memory_mib: MEMORY_MIB,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match *word {
                "--run" => options.run = Some((*value()?).to_owned()),
                "--deterministic" => options.deterministic = true,
                "--step" => options.step_us = number(word, value()?)?,
                "--json" => options.json = true,
                "--short" => options.short = true,
                "--tests" => options.tests = true,
                "--or-skip" => options.or_skip = true,
                "--enforcer" => options.enforcer = enforcer(value()?)?,
                "--only" => options.only.extend(value()?.split(',').map(str::to_owned)),
                "--update" => options.update = true,
                "--accel" => options.accelerator = Some(accelerator(value()?)?),
                "--time-limit" => {
                    options.time_limit = Some(Duration::from_secs(number(word, value()?)?));
                }
                "--cpus" => options.cpus = number(word, value()?)?,
                "--memory" => options.memory_mib = number(word, value()?)?,
                _ => bail!("unknown word '{word}'"),
            }
        }
        Ok(options)
    }

    /// Those of `known` that were asked for: all of them, unless `--only` names others.
    pub fn selected(&self, known: &[&str]) -> anyhow::Result<Vec<String>> {
        let exists = |name: &str| COUNTED.contains(&name) || UNCOUNTED.contains(&name);
        if let Some(name) = self.only.iter().find(|name| !exists(name)) {
            let all = [&COUNTED[..], &UNCOUNTED[..]].concat().join(", ");
            bail!("no measurement is called '{name}'; there are {all}");
        }
        let default = |name: &str| !self.short || SHORT.contains(&name);
        let wanted = |name: &&&str| match self.only.as_slice() {
            [] => default(name),
            only => only.iter().any(|other| other == **name),
        };
        Ok(known.iter().filter(wanted).map(|name| (*name).to_owned()).collect())
    }

    /// The machine asked for.
    pub fn shape(&self, qemu: Qemu, accelerator: Accelerator) -> Shape {
        Shape { qemu, accelerator, cpus: self.cpus, memory_mib: self.memory_mib }
    }
}

fn accelerator(word: &str) -> anyhow::Result<Accelerator> {
    match word {
        "kvm" => Ok(Accelerator::Kvm),
        "tcg" => Ok(Accelerator::Tcg),
        _ => bail!("--accel is 'kvm' or 'tcg', not '{word}'"),
    }
}

fn enforcer(word: &str) -> anyhow::Result<String> {
    match word {
        "scx" | "quota" => Ok(word.to_owned()),
        _ => bail!("--enforcer is 'scx' or 'quota', not '{word}'"),
    }
}

fn number<T: std::str::FromStr>(word: &str, value: &str) -> anyhow::Result<T> {
    value.parse().ok().with_context(|| format!("{word} needs a number, not '{value}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood() {
        let options =
            Options::parse(&["--deterministic", "--run", "ls -l", "--time-limit", "9"]).unwrap();
        assert!(options.deterministic);
        assert_eq!(options.run.as_deref(), Some("ls -l"));
        assert_eq!(options.time_limit, Some(Duration::from_secs(9)));
        assert_eq!(
            Options::parse(&["--only", "a,b", "--only", "c"]).unwrap().only,
            ["a", "b", "c"]
        );
    }

    #[test]
    fn measurements_are_chosen_by_name() {
        let all = Options::parse(&[]).unwrap();
        assert_eq!(all.selected(&COUNTED).unwrap(), COUNTED);
        let short = Options::parse(&["--short"]).unwrap();
        assert_eq!(short.selected(&COUNTED).unwrap(), SHORT);
        assert!(short.selected(&UNCOUNTED).unwrap().is_empty());
        let one = Options::parse(&["--only", "guest", "--short"]).unwrap();
        assert!(one.selected(&COUNTED).unwrap().is_empty());
        assert_eq!(one.selected(&UNCOUNTED).unwrap(), ["guest"]);
        assert!(Options::parse(&["--only", "x"]).unwrap().selected(&COUNTED).is_err());
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (words, complaint) in [
            (vec!["--fast"], "unknown word '--fast'"),
            (vec!["--run"], "--run needs a value"),
            (vec!["--accel", "xen"], "--accel is 'kvm' or 'tcg', not 'xen'"),
            (vec!["--cpus", "two"], "--cpus needs a number, not 'two'"),
        ] {
            assert_eq!(Options::parse(&words).unwrap_err().to_string(), complaint);
        }
    }
}
