// SPDX-License-Identifier: MIT OR Apache-2.0
//! What cargo knows of our own crates: names and dependencies.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// One crate of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name in Cargo.toml.
    pub name: String,
    /// Its directory, relative to the workspace.
    pub directory: String,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

/// One line of a `[dependencies]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The other crate.
    pub name: String,
    /// Whether only tests need it.
    pub for_tests: bool,
}

/// The workspace that this program was built in.
pub fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// The crates of the workspace at `root`, from `cargo metadata`.
pub fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("reading what cargo metadata says")?;
    parse(&metadata, root)
}

/// The packages in cargo's answer.
fn parse(metadata: &Value, root: &Path) -> anyhow::Result<Vec<Package>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    packages.iter().map(|package| parse_package(package, root)).collect()
}

fn parse_package(package: &Value, root: &Path) -> anyhow::Result<Package> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a string was expected");
    let manifest = PathBuf::from(text(&package["manifest_path"])?);
    let directory = manifest.parent().context("a manifest is in a directory")?;
    let dependencies = package["dependencies"].as_array().context("a list of dependencies")?;
    let dependencies = dependencies.iter().map(|dependency| {
        let for_tests = dependency["kind"].as_str() == Some("dev");
        Ok(Dependency { name: text(&dependency["name"])?, for_tests })
    });
    Ok(Package {
        name: text(&package["name"])?,
        directory: directory.strip_prefix(root).unwrap_or(directory).display().to_string(),
        dependencies: dependencies.collect::<anyhow::Result<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_workspace_is_understood() {
        let packages = packages(&workspace_root()).unwrap();
        let xtask = packages.iter().find(|package| package.name == "xtask").unwrap();
        assert_eq!(xtask.directory, "xtask");
        assert!(xtask.dependencies.iter().any(|d| d.name == "anyhow" && !d.for_tests));
        assert!(packages.iter().any(|package| package.name == "evenkeel-model"));
    }
}
