// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every dependency has a sentence that says why it is here, in the root's
//! `[workspace.dependencies]`, directly above it. Our own crates explain themselves. No `scx_*` crate
//! is linked, however deep (GPL-2.0-only; cargo-deny knows names, not patterns).

use crate::tree::{SourceFile, Tree};
use crate::violation::Violation;

const RULE: &str = "dependencies";

/// Dependencies without a sentence, versions that bypass the workspace's table, banned crates.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = tree.get("Cargo.toml").map_or(Vec::new(), |root| sentences(&root.text));
    let is_member = |file: &&SourceFile| {
        // A fuzz crate needs nightly Rust, so it is a workspace of its own and no member of ours.
        file.path.ends_with("/Cargo.toml") && !file.text.lines().any(|line| line == "[workspace]")
    };
    let manifests = tree.files.iter().filter(is_member);
    found.extend(manifests.flat_map(|file| bypasses(&file.path, &file.text)));
    found.extend(tree.get("Cargo.lock").map_or(Vec::new(), |lock| schedulers(&lock.text)));
    found
}

fn sentences(manifest: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut comment = String::new();
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        } else if let Some(text) = line.strip_prefix('#') {
            comment.push_str(text);
            continue;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| inside) {
            let ours = value.contains("path =");
            if !ours && !comment.trim_end().ends_with('.') {
                let what = format!("'{}' has no sentence above it that says why", name.trim());
                found.push(Violation::at(RULE, "Cargo.toml", number + 1, what));
            }
        }
        comment.clear();
    }
    found
}

/// Entries of a member's dependency tables that name a version of their own.
fn bypasses(path: &str, manifest: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut inside = false;
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.trim_end_matches(']').ends_with("dependencies");
        } else if inside && line.contains('=') && !line.starts_with('#') {
            let key = line.split('=').next().unwrap_or_default();
            if !key.contains(".workspace") && !line.contains("workspace = true") {
                let what = "versions stand in the workspace's table; write `NAME.workspace = true`";
                found.push(Violation::at(RULE, path, number + 1, what));
            }
        }
    }
    found
}

/// Crates of the scx project in the lock file.
fn schedulers(lock: &str) -> Vec<Violation> {
    let banned = |line: &str| {
        let name = line.strip_prefix("name = \"").is_some_and(|name| name.starts_with("scx_"));
        name || line == "name = \"ktstr\""
    };
    let found = lock.lines().enumerate().filter(|(_, line)| banned(line));
    let what = "no crate of the scx project is linked: they are GPL-2.0-only";
    found.map(|(number, _)| Violation::at(RULE, "Cargo.lock", number + 1, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_sentence_is_demanded_directly_above() {
        let table = "[workspace.dependencies]\n# Errors.\nthiserror = \"2\"\nserde = \"1\"\n\
                     # no full stop\nlibc = \"0\"\n# Far away.\n\nclap = \"4\"\n\
                     ours = { path = \"crates/ours\" }\n\n[profile.dev]\ndebug = 1\n";
        assert_eq!(lines("Cargo.toml", table), [4, 6, 9]);
    }

    #[test]
    fn versions_in_members_are_found() {
        let member = "[package]\nname = \"a\"\n[dependencies]\nserde.workspace = true\n\
                      libc = \"0.2\"\nclap = { workspace = true, features = [] }\n\
                      [dev-dependencies]\nproptest = { version = \"1\" }\n[lints]\nworkspace = true\n";
        assert_eq!(lines("crates/a/Cargo.toml", member), [5, 8]);
        let own = format!("{member}[workspace]\n");
        assert_eq!(lines("crates/a/fuzz/Cargo.toml", &own), Vec::<usize>::new());
    }

    #[test]
    fn crates_of_the_scx_project_are_found() {
        let lock = "[[package]]\nname = \"serde\"\n\n[[package]]\nname = \"scx_new\"\n";
        assert_eq!(lines("Cargo.lock", lock), [5]);
    }
}
