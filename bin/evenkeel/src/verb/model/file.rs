// SPDX-License-Identifier: MIT OR Apache-2.0
//! A model from a file, in either format.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use evenkeel_lqn::{Limits, Model, Parameters, text, xml};

use super::failure::ModelFailure;
use super::setting::{Key, Setting};

/// The words that name a model.
#[derive(Debug, Args)]
pub struct FileWords {
    /// The model: LQN text (.lqn) or LQN XML (.lqnx, .xml); - for standard input
    #[arg(value_name = "FILE")]
    pub path: PathBuf,
}

/// What a file holds.
pub struct Source<'a> {
    path: &'a Path,
    content: String,
    is_xml: bool,
}

impl FileWords {
    /// Takes the file in. One that begins with `<` is XML.
    pub fn open(&self) -> Result<Source<'_>, ModelFailure> {
        let content = content(&self.path)
            .map_err(|source| ModelFailure::Read { path: self.path.clone(), source })?;
        let is_xml = content.trim_start_matches('\u{feff}').trim_start().starts_with('<');
        Ok(Source { path: &self.path, content, is_xml })
    }

    /// Reads the model with these settings of its variables and numbers.
    pub fn read(&self, settings: &[Setting]) -> Result<Model, ModelFailure> {
        self.open()?.model(settings)
    }
}

impl Source<'_> {
    /// The model with these settings of its variables and numbers.
    pub fn model(&self, settings: &[Setting]) -> Result<Model, ModelFailure> {
        let mut parameters = Parameters::default();
        for setting in settings {
            if let Key::Variable(name) = &setting.key {
                parameters.set(name, setting.value);
            }
        }
        let read = if self.is_xml { xml::read_with } else { text::read_with };
        let wrong = |source| ModelFailure::File { path: self.path.to_owned(), source };
        let model = read(&self.content, &parameters).map_err(wrong)?;
        if settings.iter().all(|setting| matches!(setting.key, Key::Variable(_))) {
            return Ok(model);
        }
        let mut builder = model.to_builder();
        for setting in settings {
            if let Key::Knob(knob) = &setting.key {
                knob.set(&model, &mut builder, setting.value).map_err(ModelFailure::Set)?;
            }
        }
        builder.build().map_err(|error| wrong(error.into()))
    }

    /// Variables for which the file has a list of values.
    pub fn lists(&self) -> Result<Vec<(String, Vec<f64>)>, ModelFailure> {
        if self.is_xml {
            return Ok(Vec::new());
        }
        let wrong = |source| ModelFailure::File { path: self.path.to_owned(), source };
        text::lists(&self.content).map_err(wrong)
    }
}

/// The text of the file, one byte more than the limit at most: the reader then says so.
fn content(path: &Path) -> io::Result<String> {
    let limit = u64::try_from(Limits::FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    // Comments in other encodings are no reason to refuse a model; names are checked later.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
