// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiles the scheduler in `src/bpf/` with clang, and turns the header that it shares with us into
//! Rust, so that there is one definition of every constant and layout.
//!
//! Clang is looked for under `BPF_CLANG`, then by the versions that are known to work, newest
//! first. Where there is none the build says what to install.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The oldest clang whose BPF backend compiles what we use (`-mcpu=v3`, `preserve_access_index`
/// pushed over records, 64-bit atomics).
const CLANG_MIN: u32 = 16;
/// Names to try, in order: what CI of the sched_ext schedulers uses first.
const CLANGS: [&str; 7] =
    ["clang-19", "clang-20", "clang-21", "clang-18", "clang-17", "clang-16", "clang"];

fn main() {
    let source = PathBuf::from("src/bpf");
    println!("cargo::rerun-if-env-changed=BPF_CLANG");
    println!("cargo::rerun-if-changed=src/bpf");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    compile(&clang(), &source.join("evenkeel.bpf.c"), &out.join("evenkeel.bpf.o"));
    let header = source.join("evenkeel.h");
    let text = fs::read_to_string(&header)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", header.display()));
    let rust = translate(&text);
    fs::write(out.join("intf.rs"), rust).expect("OUT_DIR can be written");
}

/// A clang that is new enough.
fn clang() -> String {
    if let Some(chosen) = env::var("BPF_CLANG").ok().filter(|name| !name.is_empty()) {
        return chosen;
    }
    CLANGS
        .iter()
        .find(|name| version(name).is_some_and(|version| version >= CLANG_MIN))
        .map(|name| (*name).to_owned())
        .unwrap_or_else(|| {
            panic!(
                "the scheduler in crates/sched/src/bpf is compiled by clang {CLANG_MIN} or newer, \
                 and none of {} is on this machine: install it (Debian: `apt-get install clang-19`, \
                 or run `scripts/setup.sh test`), or name one in BPF_CLANG",
                CLANGS.join(", ")
            )
        })
}

/// The major version of a clang, if it is one and can be run.
fn version(name: &str) -> Option<u32> {
    let output = Command::new(name).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let after = text.split("clang version ").nth(1)?;
    after.split('.').next()?.trim().parse().ok()
}

fn compile(clang: &str, source: &Path, object: &Path) {
    let status = Command::new(clang)
        .args(["-g", "-O2", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror"])
        .args(["-Wno-unused-function", "-c"])
        .arg(source)
        .arg("-o")
        .arg(object)
        .status()
        .unwrap_or_else(|error| panic!("cannot run {clang}: {error}"));
    assert!(status.success(), "{clang} cannot compile {}", source.display());
}

/// The header in Rust: constants as `u32`, structs as `#[repr(C)]` with the comment before them.
fn translate(header: &str) -> String {
    let mut rust = String::new();
    let mut comment = String::new();
    let mut inside = false;
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.starts_with("/*") {
            comment = block_comment(line, &mut lines);
        } else if let Some(name) = line.strip_prefix("struct ").and_then(|l| l.strip_suffix(" {")) {
            let _ = writeln!(rust, "/// {}", words(&comment, name));
            let _ = writeln!(rust, "#[repr(C)]\n#[derive(Clone, Copy, Debug)]");
            let _ = writeln!(rust, "#[allow(missing_docs, reason = \"described in evenkeel.h\")]");
            let _ = writeln!(rust, "pub struct {} {{", camel(name));
            inside = true;
        } else if line == "};" {
            let _ = writeln!(rust, "}}");
            (inside, comment) = (false, String::new());
        } else if inside && !line.is_empty() {
            let _ = writeln!(rust, "    pub {},", field(line));
        } else if let Some((name, value)) = constant(line) {
            let _ = writeln!(rust, "/// {}", words(&comment, name));
            let _ = writeln!(rust, "pub const {name}: u32 = {value};");
        }
    }
    rust
}

/// The text of a comment that begins with `first`.
fn block_comment<'a>(first: &str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut text = first.trim_start_matches("/*").to_owned();
    while !text.contains("*/") {
        let Some(next) = lines.next() else { break };
        text.push(' ');
        text.push_str(next.trim().trim_start_matches('*'));
    }
    text.split("*/").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn words(comment: &str, name: &str) -> String {
    if comment.is_empty() { format!("`{name}`.") } else { comment.to_owned() }
}

/// `#define EK_NAME 12`.
fn constant(line: &str) -> Option<(&str, u32)> {
    let mut parts = line.strip_prefix("#define ")?.split_whitespace();
    Some((parts.next()?, parts.next()?.parse().ok()?))
}

/// `u64 cpus[4];` as `cpus: [u64; 4]`.
fn field(line: &str) -> String {
    let line = line.trim_end_matches(';');
    let (kind, name) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a field: {line}"));
    let kind = match kind {
        "u64" | "u32" | "u16" | "u8" => kind.to_owned(),
        "s64" => "i64".to_owned(),
        "s32" => "i32".to_owned(),
        "char" => "u8".to_owned(),
        "ek_lock" => "u32".to_owned(),
        other => camel(other.strip_prefix("struct ").unwrap_or(other)),
    };
    match name.split_once('[') {
        Some((name, len)) => format!("{name}: [{kind}; {}]", len.trim_end_matches(']')),
        None => format!("{name}: {kind}"),
    }
}

/// `ek_cpu` as `EkCpu`.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or(String::new(), |first| {
                first.to_uppercase().collect::<String>() + letters.as_str()
            })
        })
        .collect()
}
