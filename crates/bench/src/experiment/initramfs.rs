// SPDX-License-Identifier: MIT OR Apache-2.0
//! The root of a KVM guest: a cpio archive of a script and the programs of this very machine that it
//! needs, with the libraries that they are linked with.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

const FILE: u32 = 0o100_755;
const DIRECTORY: u32 = 0o040_755;

/// An archive under construction, in the form `newc` that the kernel unpacks.
#[derive(Debug, Default)]
pub struct Initramfs {
    bytes: Vec<u8>,
    entries: u32,
    directories: BTreeSet<PathBuf>,
}

impl Initramfs {
    /// Adds a file of these bytes, and the directories above it.
    pub fn file(&mut self, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        let above: Vec<&Path> = path.ancestors().skip(1).collect();
        for directory in above.into_iter().rev() {
            if directory.parent().is_some() && self.directories.insert(directory.to_owned()) {
                self.entry(directory, DIRECTORY, &[])?;
            }
        }
        self.entry(path, FILE, bytes)
    }

    /// Adds a directory.
    pub fn directory(&mut self, path: &Path) -> anyhow::Result<()> {
        self.directories.insert(path.to_owned());
        self.entry(path, DIRECTORY, &[])
    }

    /// Adds a program under the path `place` and everything that the loader says it needs, where the
    /// loader expects it.
    pub fn program(&mut self, program: &Path, place: &Path) -> anyhow::Result<()> {
        self.copy(program, place)?;
        let output = Command::new("ldd").arg(program).output().context("running ldd")?;
        for library in libraries(&String::from_utf8_lossy(&output.stdout)) {
            if !self.directories.contains(&library) {
                // Marked in the same set: a path is either.
                self.directories.insert(library.clone());
                self.copy(&library, &library)?;
            }
        }
        Ok(())
    }

    fn copy(&mut self, from: &Path, to: &Path) -> anyhow::Result<()> {
        let bytes = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
        self.file(to, &bytes)
    }

    /// The finished archive.
    pub fn finish(mut self) -> anyhow::Result<Vec<u8>> {
        self.entry(Path::new("/TRAILER!!!"), 0, &[])?;
        Ok(self.bytes)
    }

    /// A header of thirteen hexadecimal numbers, the name, the bytes, each padded to four.
    fn entry(&mut self, path: &Path, mode: u32, bytes: &[u8]) -> anyhow::Result<()> {
        let name = path.to_str().context("a path in the archive is text")?.trim_start_matches('/');
        self.entries += 1;
        let size = u32::try_from(bytes.len()).context("a file of the archive is too large")?;
        let name_size = u32::try_from(name.len() + 1).context("a name is too long")?;
        let links = 1;
        let fields = [self.entries, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        let mut header = String::from("070701");
        for field in fields {
            header.push_str(&format!("{field:08x}"));
        }
        self.bytes.extend(header.as_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(bytes);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// Absolute paths in what ldd prints: `libc.so.6 => /lib/x/libc.so.6 (0x7f)` or `/lib64/ld.so (0x7f)`.
fn libraries(ldd: &str) -> Vec<PathBuf> {
    let path =
        |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    ldd.lines().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_directories_files_and_an_end() {
        let mut archive = Initramfs::default();
        archive.file(Path::new("/a/b"), b"hello").unwrap();
        archive.file(Path::new("/a/c"), b"").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.starts_with(b"070701"));
        let text = String::from_utf8_lossy(&bytes);
        let order: Vec<usize> = ["a\0", "a/b\0", "hello", "a/c\0", "TRAILER!!!\0"]
            .iter()
            .map(|part| text.find(part).unwrap())
            .collect();
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(text.matches("070701").count(), 4);
        // The size of b stands in the seventh number.
        let header = text.find("a/b\0").unwrap() - 110;
        assert_eq!(&text[header + 6 + 6 * 8..header + 6 + 7 * 8], "00000005");
    }

    #[test]
    fn libraries_of_a_program() {
        let said = "\tlinux-vdso.so.1 (0x7ffc)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x7f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        assert_eq!(
            libraries(said),
            [PathBuf::from("/lib/x/libc.so.6"), PathBuf::from("/lib64/ld-linux-x86-64.so.2")]
        );
    }
}
