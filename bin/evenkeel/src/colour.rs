// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether output may carry colour: `--color`, then NO_COLOR, then whether it is a terminal.

use std::ffi::{OsStr, OsString};

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// The choice among raw arguments, for messages that come before or instead of parsing. The
    /// last one counts, as in clap; what follows `--` belongs to another command.
    pub fn among(arguments: &[OsString]) -> Colour {
        let mut choice = Colour::Auto;
        let mut words = arguments.iter().take_while(|word| *word != OsStr::new("--"));
        while let Some(word) = words.next() {
            let value = match word.to_str() {
                Some("--color") => words.next().and_then(|value| value.to_str()),
                Some(word) => word.strip_prefix("--color="),
                None => None,
            };
            choice = match value {
                Some("always") => Colour::Always,
                Some("never") => Colour::Never,
                Some("auto") => Colour::Auto,
                _ => choice,
            };
        }
        choice
    }

    /// Whether a stream may carry colour.
    pub fn applies_to(self, is_terminal: bool) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => is_terminal && !set("NO_COLOR") && !dumb,
        }
    }
}

/// Bold, for the header of a table and the names of sections.
pub fn bold(text: &str, colour: bool) -> String {
    styled(text, "1", colour)
}

/// Red and bold, for `error:` and problems.
pub fn alarming(text: &str, colour: bool) -> String {
    styled(text, "1;31", colour)
}

/// Yellow, for warnings.
pub fn noticeable(text: &str, colour: bool) -> String {
    styled(text, "33", colour)
}

/// Green, for `ok` and hints.
pub fn calm(text: &str, colour: bool) -> String {
    styled(text, "32", colour)
}

/// `text` between a Select Graphic Rendition sequence (ECMA-48, 8.3.117) and its reset.
fn styled(text: &str, parameters: &str, colour: bool) -> String {
    if colour { format!("\x1b[{parameters}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among(words: &[&str]) -> Colour {
        Colour::among(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_last_choice_before_a_command_counts() {
        assert_eq!(among(&["doctor"]), Colour::Auto);
        assert_eq!(among(&["--color", "always", "doctor"]), Colour::Always);
        assert_eq!(among(&["--color=always", "doctor", "--color=never"]), Colour::Never);
        assert_eq!(among(&["run", "--", "ls", "--color=always"]), Colour::Auto);
        assert_eq!(among(&["--color", "pink"]), Colour::Auto);
    }

    #[test]
    fn a_pipe_is_not_coloured_unless_asked() {
        assert!(!Colour::Auto.applies_to(false));
        assert!(Colour::Always.applies_to(false));
        assert!(!Colour::Never.applies_to(true));
    }
}
