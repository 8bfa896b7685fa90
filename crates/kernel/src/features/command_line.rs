// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parameters this kernel was booted with.

use std::path::Path;

use crate::pseudo_file::{self, FileError};

/// The parameters, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

/// Reads `/proc/cmdline`.
pub fn command_line() -> Result<CommandLine, FileError> {
    Ok(CommandLine::parse(&pseudo_file::read(Path::new("/proc/cmdline"))?))
}

impl CommandLine {
    /// Splits at blanks outside double quotes, as the kernel does (lib/cmdline.c, `next_arg`).
    pub fn parse(text: &str) -> CommandLine {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in text.chars() {
            match c {
                '"' => quoted = !quoted,
                c if c.is_ascii_whitespace() && !quoted => words.push(String::new()),
                c => {
                    if let Some(word) = words.last_mut() {
                        word.push(c);
                    }
                }
            }
        }
        words.retain(|word| !word.is_empty());
        CommandLine(words)
    }

    /// The value of `key=value`, the last one if there are several.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    /// Whether the comma-separated value of `key=` has `item` among its items.
    pub fn lists(&self, key: &str, item: &str) -> bool {
        self.value(key).is_some_and(|value| value.split(',').any(|part| part == item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_and_quotes_keep_blanks() {
        let line = CommandLine::parse("quiet cgroup_no_v1=cpu,memory a=1 a=2 b=\"x y\"\n");
        assert_eq!(line.value("a"), Some("2"));
        assert_eq!(line.value("b"), Some("x y"));
        assert_eq!(line.value("quiet"), None);
        assert!(line.lists("cgroup_no_v1", "cpu"));
        assert!(!line.lists("cgroup_no_v1", "cpuset"));
    }
}
