// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every promise in SPECIFICATION.md names what enforces it, and that exists.
//!
//! A promise is a table row:
//!
//! ```text
//! | S1 | promise in words | figure | enforced by |
//! ```
//!
//! `enforced by` is `pending`, or a list, separated by commas, of
//! * `` `package::path::test_name` ``: a function under a `#[test]` or in a `proptest!` of that
//!   package, in the module or integration test that `path` names (any part of it may be left
//!   out);
//! * `` `bench:name` ``: the rows of `cargo xtask bench-name`;
//! * `` `lab:experiment` ``: a measurement of the lab, found by its name as a string or file name
//!   in the lab's sources;
//! * `` `vm:measurement` ``: a measurement of the bench in a virtual machine, found the same way.
//!
//! Numbers begin with one and have no gaps; a promise that goes leaves its number behind as a row
//! whose promise is `withdrawn`.

use crate::tokens::tokens;
use crate::tree::{SourceFile, Tree};
use crate::violation::Violation;

const RULE: &str = "specification";

/// Where the promises stand.
const PATH: &str = "SPECIFICATION.md";

/// Promises that nothing enforces, and numbers out of order.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let Some(file) = tree.get(PATH) else {
        return vec![Violation::at(RULE, PATH, 0, "the file with the promises is missing")];
    };
    let mut found = Vec::new();
    let mut expected = 1;
    for (number, line) in file.text.lines().enumerate() {
        let Some(cells) = promise(line) else { continue };
        let mut violation = |what: String| found.push(Violation::at(RULE, PATH, number + 1, what));
        if cells[0] != format!("S{expected}") {
            violation(format!("promise '{}' stands where S{expected} is expected", cells[0]));
        }
        expected += 1;
        if cells.len() != 4 {
            violation("a promise has four cells: number, promise, figure, enforced by".to_owned());
            continue;
        }
        let withdrawn = cells[1] == "withdrawn";
        if !withdrawn && cells[3] != "pending" {
            cells[3].split(',').filter_map(|name| enforcer(tree, name.trim())).for_each(violation);
        }
    }
    if expected == 1 {
        found.push(Violation::at(RULE, PATH, 0, "no promise was found in it"));
    }
    found
}

/// The cells of a promise's row; `None` for any other line.
fn promise(line: &str) -> Option<Vec<&str>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let digits = cells[0].strip_prefix('S')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(cells)
}

/// What is wrong with one name of an enforcer.
fn enforcer(tree: &Tree, name: &str) -> Option<String> {
    let quoted = name.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    let Some(inner) = quoted else {
        return Some(format!(
            "'{name}' is neither a quoted test, nor a lab experiment, nor pending"
        ));
    };
    if let Some(benchmark) = inner.strip_prefix("bench:") {
        let (file, directory) =
            (format!("xtask/src/bench_{benchmark}.rs"), format!("xtask/src/bench_{benchmark}/"));
        // A benchmark whose rows are a crate's own has no file here, only its verb.
        let verb = format!("\"bench-{benchmark}\"");
        let exists = tree.files.iter().any(|f| {
            f.path == file
                || f.path.starts_with(&directory)
                || (f.path == "xtask/src/main.rs" && f.text.contains(&verb))
        });
        return (!exists).then(|| format!("there is no benchmark 'bench-{benchmark}'"));
    }
    if let Some(experiment) = inner.strip_prefix("lab:") {
        let exists = tree.files.iter().any(|f| names_experiment(f, "crates/lab/src/", experiment));
        return (!exists).then(|| format!("the lab has no experiment '{experiment}'"));
    }
    if let Some(measurement) = inner.strip_prefix("vm:") {
        let place = "crates/bench/src/experiment/";
        let exists = tree.files.iter().any(|f| names_experiment(f, place, measurement));
        return (!exists)
            .then(|| format!("the virtual machine has no measurement '{measurement}'"));
    }
    let parts: Vec<&str> = inner.split("::").collect();
    let [package, path @ .., test] = parts.as_slice() else {
        return Some(format!("'{inner}' is not of the form package::path::test_name"));
    };
    let directory = directory_of(package);
    let in_package = tree.rust().filter(|file| file.path.starts_with(&directory));
    let exists = in_package.filter(|file| holds_module(file, path)).any(|f| has_test(f, test));
    (!exists).then(|| format!("there is no test '{inner}'"))
}

/// Where a package lives; the layout of the house, see ARCHITECTURE.md.
fn directory_of(package: &str) -> String {
    match package.replace('_', "-").as_str() {
        "evenkeel" => "bin/evenkeel/".to_owned(),
        "xtask" => "xtask/".to_owned(),
        name => format!("crates/{}/", name.trim_start_matches("evenkeel-")),
    }
}

/// Whether each part of a module path occurs in the file's path or as a module inside it.
fn holds_module(file: &SourceFile, path: &[&str]) -> bool {
    let stem = file.path.trim_end_matches(".rs");
    path.iter().all(|part| {
        stem.split('/').any(|piece| piece == *part)
            || tokens(&file.text).windows(2).any(|t| t[0].text == "mod" && t[1].text == *part)
    })
}

/// Whether `file` has a test function `name`: one with a `#[test]` before it and nothing but
/// attributes between.
fn has_test(file: &SourceFile, name: &str) -> bool {
    let tokens = tokens(&file.text);
    tokens.windows(2).enumerate().any(|(at, pair)| {
        let is_fn = pair[0].text == "fn" && pair[1].text == name;
        // `]` directly before `fn` closes an attribute; one of those before it must be #[test].
        is_fn && {
            let before = &tokens[..at];
            let start = before.iter().rposition(|t| matches!(t.text, ";" | "}" | "{"));
            before[start.map_or(0, |i| i + 1)..]
                .windows(4)
                .any(|t| t.iter().map(|t| t.text).eq(["#", "[", "test", "]"]))
        }
    })
}

/// Whether `file`, below `place`, is where `experiment` is.
fn names_experiment(file: &SourceFile, place: &str, experiment: &str) -> bool {
    let in_place = file.path.starts_with(place) && file.is_rust();
    let stem = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
    in_place
        && (stem.rsplit('/').next() == Some(experiment)
            || file.text.contains(&format!("\"{experiment}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "fn helper() {}\nmod tests {\n    #[test]\n    #[should_panic]\n    \
                         fn it_holds() {}\n}\n";

    fn complaints(rows: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (
                PATH,
                &format!(
                    "# Promises\n| # | promise | figure | enforced by |\n|---|---|---|---|\n{rows}"
                ),
            ),
            ("crates/theory/src/response.rs", TESTS),
            ("xtask/src/bench_model/mod.rs", ""),
            ("crates/lab/src/experiment/share.rs", "const NAME: &str = \"accuracy\";"),
            ("crates/bench/src/experiment/soak.rs", ""),
        ]);
        check(&tree).into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn what_exists_passes() {
        let rows = "| S1 | a | 1 | `evenkeel-theory::response::tests::it_holds` |\n\
                    | S2 | b | 2 | `lab:share`, `lab:accuracy` |\n\
                    | S3 | c | - | `bench:model` |\n\
                    | S4 | withdrawn | | |\n\
                    | S5 | d | 1 | `evenkeel_theory::it_holds`, `vm:soak` |\n";
        assert_eq!(complaints(rows), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_exist_is_found() {
        for (cell, expected) in [
            ("`evenkeel-theory::response::helper`", "there is no test"),
            ("`evenkeel-theory::supply::it_holds`", "there is no test"),
            ("`evenkeel-model::it_holds`", "there is no test"),
            ("`bench:mode`", "there is no benchmark"),
            ("`lab:nothing`", "the lab has no experiment"),
            ("`vm:share`", "the virtual machine has no measurement"),
            ("it_holds", "neither a quoted test"),
            ("`it_holds`", "not of the form"),
            ("", "neither a quoted test"),
        ] {
            let found = complaints(&format!("| S1 | a | 1 | {cell} |\n"));
            assert!(found.len() == 1 && found[0].contains(expected), "{cell}: {found:?}");
        }
    }

    #[test]
    fn numbers_have_no_gaps_and_rows_four_cells() {
        assert_eq!(
            complaints("| S2 | a | 1 | pending |\n"),
            ["promise 'S2' stands where S1 is expected"]
        );
        assert_eq!(complaints("| S1 | a | pending |\n").len(), 1);
    }

    #[test]
    fn an_absent_or_empty_specification_is_found() {
        assert_eq!(check(&Tree::default()).len(), 1);
        assert_eq!(complaints(""), ["no promise was found in it"]);
    }
}
