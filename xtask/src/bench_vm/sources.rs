// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where Debian packages come from: the machine's own package sources, with another suite.
//!
//! The kernel that the bench boots is in a suite that the machine has perhaps not configured. Which
//! mirror to ask is the machine's business, so its own entry for its own release is copied and only
//! the suite is changed; no host name is written down here. Both forms of entry are understood, one
//! line (`sources.list`) and stanzas (`*.sources`).

/// The copied entry, and the name of the file that apt expects it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// `bench.list` or `bench.sources`: apt tells the forms apart by the ending.
    pub file_name: &'static str,
    /// What the file says.
    pub text: String,
}

/// Names under which a Debian machine may know its own release beside its codename.
const MOVING_SUITES: [&str; 5] = ["stable", "oldstable", "testing", "unstable", "sid"];

/// The first entry of `files` (name and text) for the machine's own release, pointed at `suite`.
pub fn entry_for(files: &[(String, String)], codename: &str, suite: &str) -> Option<SourceEntry> {
    files.iter().find_map(|(name, text)| {
        if name.ends_with(".sources") {
            text.split("\n\n").find_map(|stanza| stanza_for(stanza, codename, suite))
        } else {
            text.lines().find_map(|line| line_for(line, codename, suite))
        }
    })
}

fn is_own_release(suite: &str, codename: &str) -> bool {
    suite == codename || MOVING_SUITES.contains(&suite)
}

/// A stanza `Field: value`; continuation lines begin with a blank and belong to the field above.
fn stanza_for(stanza: &str, codename: &str, suite: &str) -> Option<SourceEntry> {
    let lines: Vec<&str> = stanza.lines().filter(|line| !line.starts_with('#')).collect();
    let field = |name: &str| {
        lines.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let has = |name: &str, word: &str| {
        field(name).is_some_and(|value| value.split_whitespace().any(|w| w == word))
    };
    let enabled = !field("Enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
    let own = field("Suites")?.split_whitespace().any(|s| is_own_release(s, codename));
    if !(enabled && own && has("Types", "deb") && has("Components", "main")) {
        return None;
    }
    let mut text = String::new();
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        let key = line.split_once(':').map_or("", |(key, _)| key).to_ascii_lowercase();
        match key.as_str() {
            "types" => text.push_str("Types: deb"),
            "suites" => text.push_str(&format!("Suites: {suite}")),
            "components" => text.push_str("Components: main"),
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    Some(SourceEntry { file_name: "bench.sources", text })
}

/// A line `deb [options] URI suite component...`.
fn line_for(line: &str, codename: &str, suite: &str) -> Option<SourceEntry> {
    let rest = line.trim().strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t']) {
        return None;
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inside) => {
            let (options, rest) = inside.split_once(']')?;
            (format!("[{options}] "), rest)
        }
        None => (String::new(), rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, own) = (words.next()?, words.next()?);
    let main = words.any(|component| component == "main");
    (main && is_own_release(own, codename)).then(|| SourceEntry {
        file_name: "bench.list",
        text: format!("deb {options}{uri} {suite} main\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, text: &str) -> Option<SourceEntry> {
        entry_for(&[(name.to_owned(), text.to_owned())], "bookworm", "sid")
    }

    #[test]
    fn a_stanza_keeps_its_mirror_and_key() {
        let text = "Types: deb deb-src\n# a remark\nURIs: http://mirror.example/debian\n\
                    Suites: bookworm bookworm-updates\nComponents: main contrib\n\
                    Signed-By: /usr/share/keyrings/k.gpg\n";
        let found = entry("debian.sources", text).unwrap();
        assert_eq!(found.file_name, "bench.sources");
        assert_eq!(
            found.text,
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: sid\nComponents: main\n\
             Signed-By: /usr/share/keyrings/k.gpg\n"
        );
    }

    #[test]
    fn the_entry_of_the_release_is_found_among_others() {
        let text = "Types: deb\nURIs: http://other.example\nSuites: nodistro\nComponents: main\n\n\
                    Types: deb\nURIs: http://sec.example\nSuites: bookworm-security\nComponents: main\n\n\
                    Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n\n\
                    Types: deb\nURIs: http://mirror.example\nSuites: bookworm\nComponents: main\n";
        assert!(entry("a.sources", text).unwrap().text.contains("http://mirror.example"));
    }

    #[test]
    fn a_line_keeps_its_mirror_and_options() {
        let text = "# deb http://no.example bookworm main\n\
                    deb-src http://no.example bookworm main\n\
                    deb http://sec.example bookworm-security main\n\
                    deb [signed-by=/k.gpg arch=amd64] http://mirror.example/debian bookworm main non-free\n";
        let found = entry("sources.list", text).unwrap();
        assert_eq!(found.file_name, "bench.list");
        assert_eq!(
            found.text,
            "deb [signed-by=/k.gpg arch=amd64] http://mirror.example/debian sid main\n"
        );
    }

    #[test]
    fn what_is_not_debian_is_left_alone() {
        assert_eq!(entry("sources.list", "deb http://x.example nodistro main\n"), None);
        assert_eq!(entry("sources.list", "deb http://x.example bookworm contrib\n"), None);
        assert_eq!(entry("sources.list", "deb [broken http://x.example bookworm main\n"), None);
    }
}
