// SPDX-License-Identifier: MIT OR Apache-2.0
//! Variables of a file with a program (`<lqx>`): those that are set once, to a constant expression,
//! have a value; what a program computes or sweeps has none here.

use std::collections::HashSet;

use crate::parameters::{Parameters, Variables};
use crate::text::constant;

/// Their values by name, `$` included, where the caller gives none.
pub(super) fn constants(text: &str, parameters: &Parameters) -> Variables {
    let mut values = parameters.variables();
    let mut twice = HashSet::new();
    for program in programs(text) {
        for statement in program.split([';', '\n']) {
            let Some((name, value)) = statement.split_once('=') else { continue };
            let name = name.trim();
            if value.starts_with('=') || name.ends_with(['<', '>', '!']) {
                // A comparison.
                continue;
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let is_name = name.strip_prefix('$').is_some_and(|n| n.chars().all(plain));
            if !is_name {
                // The head of a loop: its variable has no one value.
                if let Some(at) = name.rfind('$') {
                    let end = name[at + 1..].find(|c| !plain(c)).map_or(name.len(), |e| at + 1 + e);
                    twice.insert(name[at..end].to_owned());
                }
                continue;
            }
            match constant(value, &values) {
                Some(value) if !values.is_found(name) => values.insert(name, vec![value]),
                _ => {
                    twice.insert(name.to_owned());
                }
            }
        }
    }
    for name in twice {
        values.insert(&name, Vec::new());
    }
    values
}

/// The contents of all program elements, without the wrapping of character data.
fn programs(text: &str) -> impl Iterator<Item = &str> {
    ["lqx", "spex-parameters"].into_iter().filter_map(move |name| {
        let from = text.find(&format!("<{name}"))?;
        let inside = &text[from..];
        let inside = &inside[inside.find('>')? + 1..];
        let inside = &inside[..inside.find(&format!("</{name}>"))?];
        Some(inside.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Value;

    #[test]
    fn constants_are_found_and_loops_are_not() {
        let text = "<lqn-model><lqx><![CDATA[ $a = 2; $b = $a * 3;\n$c = 1; $c = 2;
            for ($d = 1; $d < 3; $d = $d + 1) { solve(); } if ($a == 2) { } ]]></lqx></lqn-model>";
        let found = constants(text, Parameters::default().set("$d", 4.0));
        let one = |name: &str| match found.get(name) {
            Value::One(value) => Some(value),
            _ => None,
        };
        assert_eq!(
            (one("$a"), one("$b"), one("$c"), one("$d")),
            (Some(2.0), Some(6.0), None, Some(4.0))
        );
    }
}
