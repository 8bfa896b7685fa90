// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the running kernel was built: `/proc/config.gz`, else `/boot/config-RELEASE`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::pseudo_file;

/// Largest configuration read after decompression; real ones have 0.3 MB.
const BYTES_MAX: u64 = 4 << 20;

/// The value of one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigValue {
    /// `=y`.
    Yes,
    /// `=m`: there once its module is loaded.
    Module,
    /// A number or a text, without its quotes.
    Text(String),
    /// `is not set`.
    No,
}

/// The configuration of the running kernel.
#[derive(Clone, Debug)]
pub struct KernelConfig {
    /// Where it was read.
    pub path: PathBuf,
    options: BTreeMap<String, ConfigValue>,
}

impl KernelConfig {
    /// Reads it; `None` where the host keeps it nowhere readable, which is not an error: whoever
    /// asks says that it is unknown.
    pub fn load() -> Option<KernelConfig> {
        let compressed = PathBuf::from("/proc/config.gz");
        let plain = Path::new("/boot").join(format!("config-{}", super::kernel_release()));
        let text = |path: &Path| pseudo_file::read(path).ok();
        let read = |path: &Path| gunzip(&pseudo_file::read_bytes(path).ok()?);
        let (path, text) = read(&compressed)
            .map(|found| (compressed, found))
            .or_else(|| text(&plain).map(|found| (plain, found)))?;
        Some(KernelConfig { path, options: parse(&text) })
    }

    /// The value of `option` (`CONFIG_HZ`). An option that does not appear does not exist in this
    /// kernel or depends on one that is off: [`ConfigValue::No`].
    pub fn get(&self, option: &str) -> ConfigValue {
        self.options.get(option).cloned().unwrap_or(ConfigValue::No)
    }
}

/// The value of one `option` of the running kernel; `None` where its configuration is unknown.
pub fn config(option: &str) -> Option<ConfigValue> {
    Some(KernelConfig::load()?.get(option))
}

fn gunzip(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    GzDecoder::new(bytes).take(BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

fn parse(text: &str) -> BTreeMap<String, ConfigValue> {
    let mut options = BTreeMap::new();
    for line in text.lines() {
        if let Some(option) = line.strip_prefix("# ").and_then(|l| l.strip_suffix(" is not set")) {
            options.insert(option.to_owned(), ConfigValue::No);
        } else if let Some((option, value)) =
            line.split_once('=').filter(|_| !line.starts_with('#'))
        {
            let value = match value {
                "y" => ConfigValue::Yes,
                "m" => ConfigValue::Module,
                text => ConfigValue::Text(text.trim_matches('"').to_owned()),
            };
            options.insert(option.to_owned(), value);
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.18\n#\n\
        CONFIG_HZ_250=y\n# CONFIG_HZ_1000 is not set\nCONFIG_HZ=250\nCONFIG_TUN=m\n\
        CONFIG_LOCALVERSION=\"-fc=1\"\n";

    #[test]
    fn options_are_read_in_all_their_forms() {
        let options = parse(SAMPLE);
        assert_eq!(options["CONFIG_HZ_250"], ConfigValue::Yes);
        assert_eq!(options["CONFIG_HZ_1000"], ConfigValue::No);
        assert_eq!(options["CONFIG_HZ"], ConfigValue::Text("250".into()));
        assert_eq!(options["CONFIG_TUN"], ConfigValue::Module);
        assert_eq!(options["CONFIG_LOCALVERSION"], ConfigValue::Text("-fc=1".into()));
        assert_eq!(options.len(), 5);
    }

    #[test]
    fn compressed_text_is_read_and_rubbish_is_not() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(SAMPLE.as_bytes()).unwrap();
        assert_eq!(gunzip(&encoder.finish().unwrap()).as_deref(), Some(SAMPLE));
        assert_eq!(gunzip(b"CONFIG_HZ=250"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "\\PC*|(# )?CONFIG_[A-Z]{1,4}( is not set|=[ym\"]{0,3})", bytes: Vec<u8>) {
            let _ = parse(&text);
            let _ = gunzip(&bytes);
        }
    }
}
