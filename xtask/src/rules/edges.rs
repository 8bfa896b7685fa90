// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of our crates may depend on which, and what the pure ring may depend on at all.
//!
//! The table is the house: an edge that is not in it is a decision, made here and in
//! ARCHITECTURE.md, not a side effect of an import.

use crate::metadata::Package;
use crate::violation::Violation;

const RULE: &str = "edges";

/// Each crate of ours and those it may depend on, for code and tests alike.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("evenkeel-model", &[]),
    ("evenkeel-theory", &["evenkeel-model"]),
    ("evenkeel-policy", &["evenkeel-model", "evenkeel-theory"]),
    ("evenkeel-sim", &["evenkeel-model", "evenkeel-theory", "evenkeel-policy"]),
    ("evenkeel-lqn", &["evenkeel-model"]),
    ("evenkeel-kernel", &["evenkeel-model"]),
    ("evenkeel-vm", &["evenkeel-kernel", "evenkeel-model"]),
    ("evenkeel-sched", &["evenkeel-kernel", "evenkeel-model"]),
    ("evenkeel-netctx", &["evenkeel-kernel", "evenkeel-model", "evenkeel-sched"]),
    (
        "evenkeel-host",
        &[
            "evenkeel-model",
            "evenkeel-theory",
            "evenkeel-policy",
            "evenkeel-kernel",
            "evenkeel-sched",
            "evenkeel-netctx",
            "evenkeel-vm",
        ],
    ),
    (
        "evenkeel-lab",
        &[
            "evenkeel-model",
            "evenkeel-theory",
            "evenkeel-kernel",
            "evenkeel-vm",
            "evenkeel-host",
            "evenkeel-netctx",
            "evenkeel-sched",
        ],
    ),
    ("evenkeel-report", &["evenkeel-model", "evenkeel-lab"]),
    (
        "evenkeel",
        &[
            "evenkeel-model",
            "evenkeel-theory",
            "evenkeel-lqn",
            "evenkeel-sim",
            "evenkeel-kernel",
            "evenkeel-vm",
            "evenkeel-sched",
            "evenkeel-netctx",
            "evenkeel-host",
            "evenkeel-lab",
            "evenkeel-report",
        ],
    ),
    ("evenkeel-bench", &["evenkeel-model", "evenkeel-kernel", "evenkeel-sched", "evenkeel-host"]),
    (
        "xtask",
        &[
            "evenkeel",
            "evenkeel-bench",
            "evenkeel-lqn",
            "evenkeel-model",
            "evenkeel-policy",
            "evenkeel-sim",
            "evenkeel-theory",
        ],
    ),
];

/// The pure ring: no I/O, no clock, no threads.
pub const PURE: [&str; 5] =
    ["evenkeel-model", "evenkeel-theory", "evenkeel-policy", "evenkeel-sim", "evenkeel-lqn"];

/// What the pure ring may depend on besides itself; none of it touches the world (the XML, JSON
/// and TOML crates read and write text in memory). Tests may use more, since tests run where there
/// is one.
const PURE_EXTERNAL: [&str; 5] = ["serde", "thiserror", "quick-xml", "serde_json", "toml"];

/// Edges between our crates that the house does not have, and impure dependencies of pure crates.
pub fn check(packages: &[Package]) -> Vec<Violation> {
    packages.iter().flat_map(|package| check_package(package, packages)).collect()
}

fn check_package(package: &Package, all: &[Package]) -> Vec<Violation> {
    let path = format!("{}/Cargo.toml", package.directory);
    let violation = |what: String| Violation::at(RULE, &path, 0, what);
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
        let what = format!("crate '{}' has no line in the table of allowed edges", package.name);
        return vec![violation(what)];
    };
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        if all.iter().any(|other| other.name == name) {
            if !allowed.contains(&name) {
                found.push(violation(format!("'{}' must not depend on '{name}'", package.name)));
            }
        } else if PURE.contains(&package.name.as_str())
            && !dependency.for_tests
            && !PURE_EXTERNAL.contains(&name)
        {
            found.push(violation(format!(
                "'{}' is in the pure ring and may depend on {} only, not on '{name}'",
                package.name,
                PURE_EXTERNAL.join(", ")
            )));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependency =
            |&(name, for_tests): &(&str, bool)| Dependency { name: name.to_owned(), for_tests };
        Package {
            name: name.to_owned(),
            directory: format!("crates/{name}"),
            dependencies: dependencies.iter().map(dependency).collect(),
        }
    }

    fn complaints(packages: &[Package]) -> Vec<String> {
        check(packages).into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn an_edge_against_the_house_is_found() {
        let model = package("evenkeel-model", &[]);
        let kernel = package("evenkeel-kernel", &[("evenkeel-model", false), ("libc", false)]);
        assert_eq!(complaints(&[model.clone(), kernel.clone()]), Vec::<String>::new());
        let bad = package("evenkeel-theory", &[("evenkeel-kernel", true)]);
        assert_eq!(
            complaints(&[model, kernel, bad]),
            ["'evenkeel-theory' must not depend on 'evenkeel-kernel'"]
        );
    }

    #[test]
    fn a_pure_crate_with_io_is_found_but_its_tests_may() {
        let bad = package("evenkeel-model", &[("serde", false), ("rustix", false)]);
        assert_eq!(complaints(&[bad]).len(), 1);
        let good = package("evenkeel-model", &[("serde", false), ("tempfile", true)]);
        assert!(complaints(&[good]).is_empty());
    }

    #[test]
    fn an_unknown_crate_is_found() {
        assert_eq!(
            complaints(&[package("evenkeel-new", &[])]),
            ["crate 'evenkeel-new' has no line in the table of allowed edges"]
        );
    }
}
