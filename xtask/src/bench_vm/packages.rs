// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian packages, downloaded and unpacked below `target/vm-bench`, never installed.
//!
//! apt is run with lists, caches and sources of its own, so that the machine's package state is
//! neither read nor changed; only its transport settings (a proxy, credentials) are the machine's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::bench_vm::sources::{self, SourceEntry};

/// One suite, with an apt of its own.
#[derive(Debug)]
pub struct Suite {
    name: String,
    directory: PathBuf,
}

impl Suite {
    /// Fetches the package lists of `suite` into `cache`/apt.
    pub fn fetch(cache: &Path, suite: &str) -> anyhow::Result<Suite> {
        let entry = machine_entry(suite)?;
        let this = Suite { name: suite.to_owned(), directory: cache.join("apt").join(suite) };
        for part in ["sources", "lists/partial", "cache/archives/partial"] {
            make_directory(&this.directory.join(part))?;
        }
        let path = this.directory.join("sources").join(entry.file_name);
        fs::write(&path, entry.text).with_context(|| format!("writing {}", path.display()))?;
        output(this.apt("apt-get").args(["-qq", "update"]))?;
        Ok(this)
    }

    /// The suite's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A field of the newest version of `package`.
    pub fn field(&self, package: &str, field: &str) -> anyhow::Result<String> {
        let mut command = self.apt("apt-cache");
        command.args(["show", "--no-all-versions", package]);
        let shown = output(&mut command)?;
        let value = shown.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
        value
            .map(str::to_owned)
            .with_context(|| format!("package '{package}' of {} has no {field}", self.name))
    }

    /// The names that `package` depends on, versions and alternatives left out.
    pub fn dependencies(&self, package: &str) -> anyhow::Result<Vec<String>> {
        Ok(dependency_names(&self.field(package, "Depends")?))
    }

    /// Downloads `packages` and unpacks them into `root`.
    pub fn unpack(&self, packages: &[String], root: &Path) -> anyhow::Result<()> {
        let archives = self.directory.join("archives");
        // Archives of an earlier version would be unpacked too.
        let _ = fs::remove_dir_all(&archives);
        make_directory(&archives)?;
        make_directory(root)?;
        let mut command = self.apt("apt-get");
        output(command.args(["-qq", "download"]).args(packages).current_dir(&archives))?;
        for archive in fs::read_dir(&archives).context("reading the downloaded archives")? {
            let archive = archive.context("reading the downloaded archives")?.path();
            output(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(root))?;
        }
        let _ = fs::remove_dir_all(&archives);
        Ok(())
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut set = |key: &str, value: &str| {
            command.arg("-o").arg(format!("{key}={value}"));
        };
        let at = |part: &str| self.directory.join(part).display().to_string();
        set("Dir::Etc::sourcelist", "/dev/null");
        set("Dir::Etc::sourceparts", &at("sources"));
        set("Dir::Etc::preferences", "/dev/null");
        set("Dir::Etc::preferencesparts", "/dev/null");
        set("Dir::State", &at(""));
        set("Dir::State::lists", &at("lists"));
        set("Dir::State::status", "/dev/null");
        set("Dir::Cache", &at("cache"));
        // apt's own user may not enter a checkout in somebody's home.
        set("APT::Sandbox::User", "root");
        set("Acquire::Languages", "none");
        command
    }
}

/// The name of the machine's own release; empty where there is none.
pub fn codename() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    value.map(|value| value.trim_matches('"').to_owned()).unwrap_or_default()
}

/// The machine's own entry, pointed at `suite`.
fn machine_entry(suite: &str) -> anyhow::Result<SourceEntry> {
    let codename = codename();
    let mut files = Vec::new();
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(directory) = fs::read_dir("/etc/apt/sources.list.d") {
        let mut parts: Vec<PathBuf> = directory.flatten().map(|entry| entry.path()).collect();
        parts.sort();
        paths.extend(parts);
    }
    for path in paths {
        let known = path.extension().is_some_and(|ending| ending == "list" || ending == "sources");
        if let (true, Ok(text)) = (known, fs::read_to_string(&path)) {
            files.push((path.display().to_string(), text));
        }
    }
    sources::entry_for(&files, &codename, suite).with_context(|| {
        format!("no package source for Debian '{codename}' with component main below /etc/apt")
    })
}

/// `a (= 1), b | c, d` is a, b, d: the first alternative is what Debian would install.
fn dependency_names(depends: &str) -> Vec<String> {
    let name = |clause: &str| clause.split_whitespace().next().map(str::to_owned);
    depends.split(',').filter_map(name).collect()
}

fn make_directory(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("creating {}", path.display()))
}

/// What a command prints; an error with what it complained about if it fails.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let line = format!("{} {}", command.get_program().to_string_lossy(), words.join(" "));
    let output = command.output().with_context(|| format!("running {line}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{line}: {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::dependency_names;

    #[test]
    fn names_of_dependencies() {
        assert_eq!(
            dependency_names("dracut | linux-initramfs-tool, linux-base-7 (= 7.2-1), kmod"),
            ["dracut", "linux-base-7", "kmod"]
        );
    }
}
