// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of the workspace as text.

use std::path::Path;

use anyhow::Context as _;

/// Directories that are not ours: build output, history, measurements, vendored packages.
const SKIPPED_DIRECTORIES: [&str; 5] = ["target", ".git", "lab-results", "node_modules", ".direnv"];

/// Largest file that is read. Sources are far below it; what is above is data, not text.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// One text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the workspace, with slashes.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is a script or a Makefile: something with `#` comments that runs.
    pub fn is_script(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.ends_with(".sh")
            || self.path.ends_with(".mk")
            || name == "Makefile"
            || self.text.starts_with("#!/")
    }
}

/// All text files of the workspace, sorted by path.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The files.
    pub files: Vec<SourceFile>,
}

impl Tree {
    /// Reads the tree under `root`; files that are not UTF-8 are not text and left out.
    pub fn read(root: &Path) -> anyhow::Result<Tree> {
        let mut files = Vec::new();
        let mut pending = vec![root.to_owned()];
        while let Some(directory) = pending.pop() {
            let entries = std::fs::read_dir(&directory)
                .with_context(|| format!("reading the directory {}", directory.display()))?;
            for entry in entries {
                let entry = entry?;
                let (path, kind) = (entry.path(), entry.file_type()?);
                let skipped = SKIPPED_DIRECTORIES.iter().any(|name| entry.file_name() == *name);
                if kind.is_dir() && !skipped {
                    pending.push(path);
                } else if kind.is_file() && entry.metadata()?.len() <= FILE_BYTES_MAX {
                    let bytes = std::fs::read(&path)
                        .with_context(|| format!("reading {}", path.display()))?;
                    let relative = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
                    if let Ok(text) = String::from_utf8(bytes) {
                        files.push(SourceFile { path: relative, text });
                    }
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { files })
    }

    /// A tree of a few files, for the tests of rules.
    pub fn of(files: &[(&str, &str)]) -> Tree {
        let file = |&(path, text): &(&str, &str)| SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        Tree { files: files.iter().map(file).collect() }
    }

    /// The file at `path`.
    pub fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is_rust())
    }
}
