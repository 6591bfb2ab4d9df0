//! Facts about a model, for people.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::identity::ModelId;
use super::layout::Found;
use super::{Location, Model, builtin, eye, how_to_install, ort, quantised};

/// Facts about a model, for people.
#[derive(Debug)]
pub struct Info {
    /// Its name and digest.
    pub id: ModelId,
    /// The folder, or `built in`.
    pub location: String,
    /// The layout that its files were recognised by.
    pub kind: &'static str,
    /// Numbers of a vector.
    pub dimension: usize,
    /// How pictures are prepared; `None`: it reads none.
    pub image: Option<String>,
    /// How words are prepared; `None`: it reads none.
    pub text: Option<String>,
    /// The precisions that its folder has files of.
    pub variants: Vec<&'static str>,
    /// As its files tell it.
    pub license: Option<String>,
    /// Which engine would run it, for many pictures and for one query.
    pub engines: String,
    /// What was done to a model that was quantised: names and facts.
    pub quantised: Vec<(&'static str, String)>,
    /// How a model that adapts another was learnt: names and facts.
    pub adapted: Vec<(String, String)>,
    /// Bytes of each file.
    pub files: Vec<(String, u64)>,
}

impl Model {
    /// Facts for `model info`.
    pub fn info(&self) -> Info {
        let size = |file: &Path| match &self.location {
            Location::Binary => builtin::size(&file.display().to_string()),
            Location::Folder(folder) => std::fs::metadata(folder.join(file)).map(|m| m.len()).ok(),
        };
        let files = files_of(&self.found);
        let files = files.iter().filter_map(|file| Some((file.display().to_string(), size(file)?))).collect();
        Info {
            id: self.id.clone(),
            location: match (&self.adapter, &self.location) {
                (Some(adapter), _) => adapter.folder(),
                (None, Location::Binary) => "built in".into(),
                (None, Location::Folder(folder)) => folder.display().to_string(),
            },
            kind: if self.adapter.is_some() { "adapter" } else { self.found.kind },
            dimension: self.found.dimension,
            image: self.found.image.as_ref().map(|(_, preprocess)| preprocess.to_string()),
            text: self.found.text.as_ref().map(|(_, words)| words.to_string()),
            variants: self.found.variants.clone(),
            license: self.found.license.clone(),
            engines: self.engines(),
            quantised: match &self.location {
                Location::Folder(folder) => quantised::record(folder).map_or(Vec::new(), |record| told(&record)),
                Location::Binary => Vec::new(),
            },
            adapted: self.adapter.as_ref().map_or(Vec::new(), |adapter| {
                let facts = adapter.facts.iter().map(|(name, fact)| (name.replace('_', " "), in_words(fact)));
                [("adapts".into(), adapter.base.full())].into_iter().chain(facts).collect()
            }),
            files,
        }
    }

    fn engines(&self) -> String {
        let rten = "rten (in the binary)";
        let parts = [self.found.image.as_ref().map(|(part, _)| part), self.found.text.as_ref().map(|(part, _)| part)];
        if parts.into_iter().flatten().any(|part| part.file.extension().is_some_and(|e| e == "rten" || e == eye::FILES))
        {
            return rten.into();
        }
        match ort::library() {
            Ok(library) => {
                let ort = format!("ONNX Runtime {} ({})", library.version, library.path.display());
                match self.found.quantised {
                    true => ort,
                    false => format!("{ort} for many inputs, {rten} for one"),
                }
            }
            Err(problem) => format!("{rten}; {problem}: {}", how_to_install()),
        }
    }
}

fn in_words(fact: &Value) -> String {
    fact.as_str().map_or_else(|| fact.to_string(), String::from)
}

/// What the record of a quantised model says, for people.
fn told(record: &Value) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut say = |name, value: Option<&Value>| facts.extend(value.map(|value| (name, in_words(value))));
    say("made from", record.get("made_from"));
    say("method", record.get("method"));
    say("scales", record.get("scales_of_weights"));
    for (name, of) in [("calibration", "/gate/calibration"), ("others", "/gate/others")] {
        if let Some(Value::Object(figures)) = record.pointer(of) {
            let figures = figures.iter().filter(|(_, value)| !value.is_null());
            let figures: Vec<String> =
                figures.map(|(name, value)| format!("{} {value}", name.replace('_', " "))).collect();
            facts.push((name, figures.join(", ")));
        }
    }
    facts
}

/// Files of a model, relative to its folder.
fn files_of(found: &Found) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let parts = [found.image.as_ref().map(|(part, _)| part), found.text.as_ref().map(|(part, _)| part)];
    for part in parts.into_iter().flatten() {
        files.push(part.file.clone());
        files.extend(part.external.iter().map(|name| part.file.with_file_name(name)));
    }
    files.extend(found.text.iter().map(|(_, words)| words.file.clone()));
    files.sort();
    files.dedup();
    files
}
