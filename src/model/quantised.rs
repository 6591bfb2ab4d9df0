//! A model folder whose image tower has 8-bit weights, made of another folder.
//!
//! Hides: which layers of a graph can be quantised and how, where each layout keeps what, and the record of such a folder
//! ([`RECORD`]). Promises: the folder appears whole or not at all; its text tower computes what it did, by the same
//! engines; its identity is its own, and its name says that it is not exact.
//!
//! The text tower stays as it was. A question is one text, of which the tower takes a fraction of the process' time, and most
//! of its bytes are a table of words that no product reads: 8 bits would gain little and move every question's answer.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::choice::{self, Choice};
use super::engine::{Batch, Device, Ends, Engine, Tower, Use};
use super::error::Error;
use super::layout::{Found, Part};
use super::making::{self, Making};
use super::onnx::{self, Layer, RANGES, Scales, Weights};
use super::preprocess::Preprocess;
use super::towers::ImageTower;
use super::{Location, Model, ModelId, prepare};
use crate::failure::Failure;
use crate::io::{self, Folder, map};

/// What says of a folder that its model was quantised, of which and how, and how well it did.
pub const RECORD: &str = "quantised.json";

/// What a name of a model that is not exact has in it.
const MARK: &str = "int8";

/// The weights of a draft as whole numbers, beside the tower as it was.
const BYTES: &str = "bytes.onnx_data";

/// The name of a folder's model: one that was quantised says so.
pub(super) fn name(folder: &Path, name: String) -> String {
    let says_it = !folder.join(RECORD).is_file() || name.contains(MARK);
    if says_it { name } else { format!("{name}-{MARK}") }
}

/// What the record of a folder says.
pub(super) fn record(folder: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(folder.join(RECORD)).ok()?).ok()
}

/// An image tower that can be had with any of its layers in 8 bits.
pub struct Draft {
    id: ModelId,
    found: Found,
    source: PathBuf,
    part: Part,
    preprocess: Preprocess,
    layers: Vec<Layer>,
    weights: Vec<Weights>,
    /// The tower and its weights, as they are and as whole numbers.
    place: tempfile::TempDir,
    graph: bytes::Bytes,
}

/// Looks at the values inside a tower while it computes.
pub struct Watch {
    tower: Box<dyn Tower>,
    values: Vec<String>,
}

/// The least and the greatest number that was seen of each value.
pub type Ranges = BTreeMap<String, (f32, f32)>;

impl Model {
    /// Reads the image tower of a folder of ONNX files, and makes its weights whole numbers.
    ///
    /// # Errors
    /// It is no such folder, has 8 bits already, or no layer that can have them.
    pub fn draft(&self, scales: Scales) -> Result<Draft, Error> {
        let fail = |problem: String| Error::Quantise { model: self.id.to_string(), problem };
        if self.adapter.is_some() {
            return Err(fail("it is an adapter; quantise its base, and adapt what comes of that".into()));
        }
        let folder = match &self.location {
            Location::Folder(folder) if self.found.kind.ends_with("ONNX") => folder.clone(),
            _ => return Err(fail("only folders with ONNX files can be quantised".into())),
        };
        let (part, preprocess) = self.found.image.clone().ok_or_else(|| self.lacks("image"))?;
        if part.quantised {
            return Err(fail("it computes with 8-bit integers already".into()));
        }
        let place = tempfile::tempdir().map_err(|e| fail(format!("temporary folder: {e}")))?;
        let original = folder.join(&part.file);
        prepare::write(&original, &part, place.path()).map_err(|e| fail(e.to_string()))?;
        let at = |file: &str| map(&place.path().join(file)).map_err(|e| fail(e.to_string()));
        let (graph, data) = (at(prepare::GRAPH)?, at(prepare::DATA)?);
        let layers = onnx::layers(&graph).map_err(fail)?;
        if layers.is_empty() {
            return Err(fail("none of its layers has weights of 32 bits that could have 8".into()));
        }
        let mut bytes = Vec::new();
        let external = |name: &str| (name == prepare::DATA).then_some(&data[..]);
        let weights = onnx::weights(&graph, &layers, scales, &external, &mut bytes).map_err(fail)?;
        std::fs::write(place.path().join(BYTES), bytes).map_err(|e| fail(e.to_string()))?;
        let (id, found) = (self.id.clone(), self.found.clone());
        Ok(Draft { id, found, source: folder, part, preprocess, layers, weights, place, graph })
    }
}

impl Draft {
    /// Opens the folder of the new model before the work begins.
    ///
    /// # Errors
    /// It holds somebody's files (unless `force` says that they may be replaced), or cannot be written.
    pub fn place(path: &Path, force: bool, threads: usize) -> Result<Making, Failure> {
        Making::at(path, making::QUANTIZE, RECORD, force, threads)
    }

    /// The names of the layers that can be quantised, in the order in which they are computed.
    pub fn layers(&self) -> Vec<&str> {
        self.layers.iter().map(|layer| layer.output.as_str()).collect()
    }

    /// The layers that are better left alone from the start: the first, which sees the picture itself, the last, which is the
    /// vector itself, and those in which each channel sees only itself, which have few products and large errors.
    pub fn delicate(&self) -> BTreeSet<usize> {
        let depthwise = (0..self.layers.len()).filter(|&at| self.layers[at].is_depthwise);
        depthwise.chain([0, self.layers.len() - 1]).collect()
    }

    /// Loads the tower so that it tells what its layers see.
    ///
    /// # Errors
    /// ONNX Runtime is not there, or cannot load it.
    pub fn watch(&self, use_: Use) -> Result<Watch, Error> {
        let watched: BTreeSet<&str> = self.layers.iter().flat_map(Layer::watched).collect();
        let values: Vec<&str> = watched.into_iter().collect();
        let graph = onnx::with_ranges(&self.graph, &values).map_err(|e| self.fail(e))?;
        let tower = self.load("watched.onnx", &graph, RANGES, use_)?;
        Ok(Watch { tower, values: values.into_iter().map(String::from).collect() })
    }

    /// Loads the tower with 8 bits in all layers but those that are kept.
    ///
    /// # Errors
    /// ONNX Runtime is not there, or cannot load it.
    pub fn image_tower(&self, kept: &BTreeSet<usize>, ranges: &Ranges, use_: Use) -> Result<ImageTower, Error> {
        let graph = self.quantised(kept, ranges)?;
        let tower = self.load("draft.onnx", &graph, &self.part.output.name, use_)?;
        let (id, dimension, preprocess) = (self.id.clone(), self.found.dimension, self.preprocess);
        Ok(ImageTower { id, dimension, preprocess, form: self.part.form, tower, adapter: None })
    }

    fn quantised(&self, kept: &BTreeSet<usize>, ranges: &Ranges) -> Result<Vec<u8>, Error> {
        let chosen = |at: usize| !kept.contains(&at);
        let made = onnx::quantised(&self.graph, &self.layers, &self.weights, &chosen, ranges, BYTES);
        made.map_err(|e| self.fail(e))
    }

    fn load(&self, file: &str, graph: &[u8], output: &str, use_: Use) -> Result<Box<dyn Tower>, Error> {
        let path = self.place.path().join(file);
        std::fs::write(&path, graph).map_err(|e| self.fail(e.to_string()))?;
        let ends = Ends { output: output.into(), ..self.part.ends.clone() };
        choice::load(&path, &ends, Choice { engine: Engine::Ort, device: Device::Cpu, use_, keep: false })
            .map_err(|e| self.fail(e))
    }

    fn fail(&self, problem: String) -> Error {
        Error::Quantise { model: self.id.to_string(), problem }
    }

    /// Writes the folder of the model, and gives the record that lies in it. `about` is what the record says beside the
    /// model that it was made of, and the files.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn write(
        &self,
        making: Making,
        kept: &BTreeSet<usize>,
        ranges: &Ranges,
        about: Value,
    ) -> Result<Value, Failure> {
        let folder = making.folder();
        let graph = self.quantised(kept, ranges)?;
        let at = |file: &str| map(&self.place.path().join(file)).map_err(|e| self.fail(e.to_string()));
        let (data, bytes) = (at(prepare::DATA)?, at(BYTES)?);
        let external = |name: &str| match name {
            prepare::DATA => Some(&data[..]),
            BYTES => Some(&bytes[..]),
            _ => None,
        };
        let file = self.image_file();
        write_graph(folder, &file, &graph, &self.part.output.name, &external)?;
        if let Some((part, words)) = &self.found.text {
            if part.shared {
                let original = self.source.join(&part.file);
                let bytes = map(&original).map_err(read_error(&original))?;
                let mut others = Vec::new();
                for name in &part.external {
                    let path = prepare::beside(&original, name).map_err(read_error(&original))?;
                    others.push((name.as_str(), map(&path).map_err(read_error(&path))?));
                }
                let external = |name: &str| others.iter().find(|(own, _)| *own == name).map(|(_, bytes)| &bytes[..]);
                write_graph(folder, &beside(&part.file, "text_model.onnx"), &bytes, &part.output.name, &external)?;
            } else {
                let external = part.external.iter().map(|name| part.file.with_file_name(name));
                for file in external.chain([part.file.clone()]) {
                    copy(folder, &self.source.join(&file), &shown(&file))?;
                }
            }
            // A vocabulary that several models share lies outside their folders.
            let inner = words.file.strip_prefix("../").unwrap_or(&words.file);
            copy(folder, &self.source.join(&words.file), &shown(inner))?;
        }
        for file in self.companions() {
            copy(folder, &self.source.join(&file), &file)?;
        }
        let mut record = json!({ "made_from": self.id.full() });
        let fields = record.as_object_mut().expect("it is one");
        fields.extend(about.as_object().cloned().unwrap_or_default());
        let layers = self.layers.iter().enumerate();
        let names = layers.filter(|(at, _)| kept.contains(at)).map(|(_, layer)| layer.output.as_str());
        fields.insert("kept_in_32_bits".into(), names.collect());
        making.finish(&mut record)?;
        Ok(record)
    }

    /// Where the image tower goes: to its own place, or where its layout has it when it is alone.
    fn image_file(&self) -> PathBuf {
        if self.part.shared { beside(&self.part.file, "vision_model.onnx") } else { self.part.file.clone() }
    }

    /// The small files that say how pictures and words are prepared, and under which licence.
    fn companions(&self) -> Vec<String> {
        const MOST: u64 = 64 << 20;
        let is_one = |name: &str| {
            let says = [".json", ".txt", ".model", "README.md"].iter().any(|end| name.ends_with(end));
            (says || name.starts_with("LICENSE") || name.starts_with("NOTICE"))
                && !name.starts_with('.')
                && ![RECORD, super::hub::ORIGIN].contains(&name)
        };
        let mut files = Vec::new();
        for place in ["", "onnx/", "visual/", "textual/", "tokenizer/"] {
            for entry in std::fs::read_dir(self.source.join(place)).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let small = std::fs::metadata(entry.path()).is_ok_and(|about| about.is_file() && about.len() <= MOST);
                if small && is_one(&name) {
                    files.push(format!("{place}{name}"));
                }
            }
        }
        files.sort();
        files
    }
}

impl Watch {
    /// Widens the ranges by what one batch of preprocessed pictures shows.
    ///
    /// # Errors
    /// The engine gives up on it, or a number is not finite.
    pub fn look(&self, tower: &ImageTower, pixels: Vec<f32>, ranges: &mut Ranges) -> Result<(), Error> {
        let fail = |problem: String| Error::Quantise { model: tower.id.to_string(), problem };
        let shape = tower.shape(pixels.len() / tower.input_len());
        let seen = self.tower.run(Batch::Pixels { data: pixels, shape }).map_err(fail)?.data;
        for (name, range) in self.values.iter().zip(seen.chunks_exact(2)) {
            if !range.iter().all(|x| x.is_finite()) {
                return Err(fail(format!("`{name}` inside it is not finite")));
            }
            let known = ranges.entry(name.clone()).or_insert((range[0], range[1]));
            *known = (known.0.min(range[0]), known.1.max(range[1]));
        }
        Ok(())
    }
}

fn beside(file: &Path, name: &str) -> PathBuf {
    file.with_file_name(name)
}

fn shown(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

fn read_error(path: &Path) -> impl Fn(std::io::Error) -> io::Error {
    let path = path.to_path_buf();
    move |source| io::Error::Read { path: path.clone(), source }
}

/// Writes the part of a graph that an output needs, its weights beside it.
fn write_graph<'a>(
    folder: &Folder,
    file: &Path,
    graph: &'a [u8],
    output: &str,
    external: &dyn Fn(&str) -> Option<&'a [u8]>,
) -> Result<(), Failure> {
    let (file, data) = (shown(file), format!("{}_data", shown(file)));
    let name = data.rsplit('/').next().unwrap_or(&data).to_string();
    let path = folder.join(&data);
    let fail = |source| io::Error::Write { path: path.clone(), source };
    let mut sink = folder.create(&data)?;
    let graph = onnx::extract(graph, output, external, &name, &mut sink).map_err(fail)?;
    sink.write_all(&[0]).map_err(fail)?;
    sink.finish()?;
    Ok(folder.write(&file, &graph)?)
}

fn copy(folder: &Folder, from: &Path, to: &str) -> Result<(), Failure> {
    let bytes = map_or_empty(from).map_err(read_error(from))?;
    let path = folder.join(to);
    if folder.others().iter().any(|(file, _)| file == to) {
        return Ok(());
    }
    let mut sink = folder.create(to)?;
    sink.write_all(&bytes).map_err(|source| io::Error::Write { path, source })?;
    Ok(sink.finish()?)
}

/// An empty file cannot be mapped.
fn map_or_empty(path: &Path) -> std::io::Result<bytes::Bytes> {
    if std::fs::metadata(path)?.len() == 0 { Ok(bytes::Bytes::new()) } else { map(path) }
}
