// SPDX-License-Identifier: MIT OR Apache-2.0
//! All house rules on the real tree.

use std::path::Path;

use crate::metadata::packages;
use crate::rules::{
    dependencies, edges, header, imports, length, places, purity, specification, unsafe_code,
};
use crate::tree::Tree;
use crate::violation::Violation;

/// What the rules say of a tree.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Broken rules, by path and line.
    pub violations: Vec<Violation>,
    /// What deserves a look and breaks nothing.
    pub questions: Vec<String>,
}

/// Runs every rule on the workspace at `root`.
pub fn check(root: &Path) -> anyhow::Result<Findings> {
    let tree = Tree::read(root)?;
    let mut violations = edges::check(&packages(root)?);
    violations.extend(unsafe_code::check(&tree));
    violations.extend(purity::check(&tree));
    violations.extend(header::check(&tree));
    violations.extend(length::check(&tree));
    violations.extend(imports::check(&tree));
    violations.extend(dependencies::check(&tree));
    violations.extend(specification::check(&tree));
    violations.extend(places::check(&tree, root));
    violations.sort();
    Ok(Findings { violations, questions: length::questions(&tree) })
}
