// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree names no place where only its authors have been: no absolute path of a checkout or a
//! home directory, no registry but the public ones.
//!
//! A file that works only where it was written is broken everywhere else, and a lock file that
//! names a private mirror cannot be built from.

use std::path::Path;

use crate::tree::{SourceFile, Tree};
use crate::violation::Violation;

const RULE: &str = "places";

/// Directories that every Linux host has; a checkout directly below them says nothing private by
/// its parent's name.
const ORDINARY_PARENTS: [&str; 9] =
    ["/", "/root", "/home", "/tmp", "/usr", "/opt", "/srv", "/var", "/var/tmp"];

/// Where packages may come from, by tool.
const REGISTRIES: [&str; 3] = [
    "https://github.com/rust-lang/crates.io-index",
    "https://registry.npmjs.org/",
    "https://pypi.org/",
];

/// Files that say where packages come from.
const PACKAGE_FILES: [&str; 8] = [
    "Cargo.lock",
    "Cargo.toml",
    ".cargo/config.toml",
    ".npmrc",
    "package-lock.json",
    "pip.conf",
    "deny.toml",
    "requirements.txt",
];

/// Paths of the workspace at `root` and of home directories, and foreign registries.
pub fn check(tree: &Tree, root: &Path) -> Vec<Violation> {
    let private = private_places(root);
    let mut found = Vec::new();
    for file in &tree.files {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(place) = private.iter().find(|place| names_place(line, place)) {
                let what = format!("'{place}' exists on one machine only");
                found.push(Violation::at(RULE, &file.path, number + 1, what));
            }
            if let Some(place) = home_directory(line) {
                let what = format!("'{place}' is somebody's home directory");
                found.push(Violation::at(RULE, &file.path, number + 1, what));
            }
            if names_packages(file) {
                found.extend(foreign_registry(file, number + 1, line));
            }
        }
    }
    found
}

/// The workspace's own path, and its parent's where that is not an ordinary directory.
fn private_places(root: &Path) -> Vec<String> {
    let mut places = vec![root.display().to_string()];
    let parent = root.parent().map(|parent| parent.display().to_string());
    let in_home = |parent: &str| Path::new(parent).parent() == Some(Path::new("/home"));
    places.extend(parent.filter(|p| !ORDINARY_PARENTS.contains(&p.as_str()) && !in_home(p)));
    places
}

/// Whether `line` names `place` or something inside it, not merely a longer name.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + place.len()..].chars().next();
        let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        !before.is_some_and(in_name) && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// A home directory of a named user, such as the one in this rule's tests.
fn home_directory(line: &str) -> Option<&str> {
    ["/home/", "/Users/"].into_iter().find_map(|parent| {
        let at = line.find(parent)?;
        let user = &line[at + parent.len()..];
        let length = user.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()))?;
        let starts = at == 0 || !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.');
        let ends = user[length..].starts_with('/');
        (starts && length > 0 && ends).then(|| &line[at..at + parent.len() + length])
    })
}

fn names_packages(file: &SourceFile) -> bool {
    PACKAGE_FILES.iter().any(|name| {
        file.path == *name || file.path.strip_suffix(name).is_some_and(|rest| rest.ends_with('/'))
    })
}

/// A source of packages that is not one of the public registries.
fn foreign_registry(file: &SourceFile, number: usize, line: &str) -> Option<Violation> {
    let trimmed = line.trim();
    let is_table = ["[source.", "[registries", "[registry]"].iter().any(|t| trimmed.starts_with(t));
    let url = trimmed.find("://").filter(|_| {
        ["source", "registry", "resolved", "index", "replace-with", "allow-registry"]
            .iter()
            .any(|key| trimmed.trim_start_matches(['"', '-']).starts_with(key))
    });
    let foreign = url.is_some() && !REGISTRIES.iter().any(|known| trimmed.contains(known));
    (is_table || foreign).then(|| {
        let what = "packages come from the public registries only";
        Violation::at(RULE, &file.path, number, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str, root: &str) -> Vec<usize> {
        let tree = Tree::of(&[(path, text)]);
        check(&tree, Path::new(root)).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn the_workspace_and_its_unusual_parent_are_found() {
        let text = "ok /elsewhere\n/place/ek/src\nsee /place/other\n/placebo is fine\n";
        assert_eq!(lines("a.md", text, "/place/ek"), [2, 3]);
        assert_eq!(lines("a.md", "mount /usr /usr/lib\n", "/usr/ek"), Vec::<usize>::new());
        assert_eq!(lines("a.md", "in /usr/ek/x\n", "/usr/ek"), [1]);
    }

    #[test]
    fn home_directories_are_found() {
        let user = ["/home", "/somebody/", "x"].concat();
        assert_eq!(lines("a.rs", &format!("let p = \"{user}\";\n"), "/place/ek"), [1]);
        assert_eq!(
            lines("a.rs", "mount tmpfs /home or /home/\n", "/place/ek"),
            Vec::<usize>::new()
        );
    }

    #[test]
    fn foreign_registries_are_found() {
        let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                    source = \"registry+https://mirror.example/index\"\n";
        assert_eq!(lines("Cargo.lock", lock, "/place/ek"), [2]);
        let npm = "\"resolved\": \"https://npm.example/a.tgz\",\n";
        assert_eq!(lines("web/package-lock.json", npm, "/place/ek"), [1]);
        assert_eq!(lines(".cargo/config.toml", "[source.crates-io]\n", "/place/ek"), [1]);
        assert_eq!(lines("deny.toml", "[sources]\n", "/place/ek"), Vec::<usize>::new());
        let page = "resolved by https://example.org\n";
        assert_eq!(lines("README.md", page, "/place/ek"), Vec::<usize>::new());
    }
}
