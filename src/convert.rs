//! Converting images to upright RGB files: the recipe, the names of the outputs, and what need not be done again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};

use crate::image::{self, Colour, Encoding, Filter, Fit};
use crate::io;
use crate::table::column::{self, read_hashes};
use crate::table::{Provenance, Table};

/// Why an image was not converted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image cannot be read: one row's fault.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The output cannot be written: the run cannot go on.
    #[error(transparent)]
    Write(#[from] io::Error),
    #[error("{output}: would be made from both {first} and {second}")]
    SameOutput { output: String, first: String, second: String },
    #[error("{key}: would be written outside the folder")]
    Outside { key: String },
    #[error("{}: would replace its own source", path.display())]
    ReplacesSource { path: PathBuf },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Image(_) => None,
            Error::Write(e) => e.hint(),
            Error::SameOutput { .. } => Some("convert them into folders of their own, or rename one".into()),
            Error::Outside { .. } => Some("keys are relative paths without `..`; rename the row".into()),
            Error::ReplacesSource { .. } => Some("choose another folder with -o".into()),
        }
    }
}

/// What is done to every image.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    pub background: Colour,
    /// Width and height to fit into; `None` keeps the size.
    pub size: Option<(u32, u32)>,
    pub encoding: Encoding,
}

/// Facts about a converted image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// BLAKE3 of the original bytes.
    pub source: [u8; 32],
    /// BLAKE3 of the new bytes.
    pub content: [u8; 32],
    pub width: u32,
    pub height: u32,
}

impl Recipe {
    /// Converts the bytes of an image file.
    ///
    /// # Errors
    /// The bytes are no sound image.
    pub fn apply(self, bytes: &[u8]) -> Result<(Made, Vec<u8>), image::Error> {
        let mut rgb = image::decode(bytes, self.background)?;
        if let Some((width, height)) = self.size {
            rgb = rgb.resize(width, height, Fit::Pad, Filter::Bilinear, self.background);
        }
        let encoded = image::encode(&rgb, self.encoding)?;
        let (source, content) = (*blake3::hash(bytes).as_bytes(), *blake3::hash(&encoded).as_bytes());
        Ok((Made { source, content, width: rgb.width, height: rgb.height }, encoded))
    }

    /// Converts the bytes of an image file into a file, unless that is there already.
    ///
    /// # Errors
    /// The bytes are no sound image, or the file cannot be written.
    pub fn apply_to_file(self, bytes: &[u8], target: &Output, known: &Known) -> Result<Made, Error> {
        if let Some(made) = known.up_to_date(target, blake3::hash(bytes).as_bytes()) {
            return Ok(made);
        }
        let (made, encoded) = self.apply(bytes)?;
        io::write_file(&target.path, &encoded)?;
        Ok(made)
    }

    /// Notes the recipe in a table's footer.
    pub fn describe(self, provenance: &mut Provenance) {
        let size = self.size.map_or("original".into(), |(width, height)| format!("{width}x{height}"));
        let recipe = format!("background={} size={size} encode={}", self.background, self.encoding.extension());
        provenance.set("convert_rgb", recipe);
    }
}

/// The name of an image's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub key: String,
    pub path: PathBuf,
}

/// Names outputs in a folder, and refuses to give one name twice or to write outside the folder.
#[derive(Debug)]
pub struct OutputNames {
    folder: PathBuf,
    extension: &'static str,
    /// Hash of the output's key → extension of the source's, which is all that they differ in.
    taken: HashMap<u64, Box<str>>,
}

impl OutputNames {
    pub fn new(folder: &Path, encoding: Encoding) -> OutputNames {
        OutputNames { folder: folder.into(), extension: encoding.extension(), taken: HashMap::new() }
    }

    /// The output of the image of this key, whose file is `source`.
    ///
    /// # Errors
    /// The name is taken, lies outside the folder, or is that of the source.
    pub fn name(&mut self, key: &str, source: Option<&str>) -> Result<Output, Error> {
        if key.is_empty() || !Path::new(key).components().all(|c| matches!(c, Component::Normal(_))) {
            return Err(Error::Outside { key: key.into() });
        }
        let (stem, extension) = match key.rsplit_once('.') {
            Some((stem, end)) if !stem.is_empty() && !stem.ends_with('/') && !end.contains('/') => (stem, end),
            _ => (key, ""),
        };
        let output = format!("{stem}.{}", self.extension);
        if let Some(other) = self.taken.insert(hash(&output), extension.into()) {
            let first = if other.is_empty() { stem.to_string() } else { format!("{stem}.{other}") };
            return Err(Error::SameOutput { output, first, second: key.into() });
        }
        let path = self.folder.join(&output);
        let same = |source: &str| Some(Path::new(source).canonicalize().ok()? == path.canonicalize().ok()?);
        match source.and_then(same) {
            Some(true) => Err(Error::ReplacesSource { path }),
            _ => Ok(Output { key: output, path }),
        }
    }
}

/// What the manifest of an earlier run says of files that were made in the same way.
#[derive(Debug, Default)]
pub struct Known(HashMap<u64, Made>);

impl Known {
    /// Reads a manifest; one that cannot be read, or was made by another recipe or version, knows nothing.
    pub fn read(manifest: &Path, provenance: &Provenance) -> Known {
        let table = match Table::open(manifest) {
            Ok(table)
                if table.provenance.get("convert_rgb") == provenance.get("convert_rgb")
                    && table.provenance.get("version") == Some(env!("CARGO_PKG_VERSION")) =>
            {
                table
            }
            _ => return Known::default(),
        };
        let mut known = HashMap::new();
        for batch in table.map_while(Result::ok) {
            let ints = |name| column::ints(&batch, name).ok().flatten();
            let keys = column::text(&batch, column::KEY).ok().flatten();
            let (Some(keys), Some(widths), Some(heights)) = (keys, ints(column::WIDTH), ints(column::HEIGHT)) else {
                continue;
            };
            let hashes = |name| read_hashes(&batch, name).unwrap_or_else(|_| vec![None; batch.num_rows()]);
            let (sources, contents) = (hashes(column::SOURCE_HASH), hashes(column::CONTENT_HASH));
            for i in 0..batch.num_rows() {
                if let (Some(source), Some(content)) = (sources[i], contents[i]) {
                    let (width, height) = (widths.value(i).cast_unsigned(), heights.value(i).cast_unsigned());
                    known.insert(hash(keys.value(i)), Made { source, content, width, height });
                }
            }
        }
        Known(known)
    }

    /// The facts of a file that was made from these bytes and is still what it was.
    fn up_to_date(&self, target: &Output, source: &[u8; 32]) -> Option<Made> {
        let made = self.0.get(&hash(&target.key)).filter(|made| made.source == *source)?;
        let bytes = std::fs::read(&target.path).ok()?;
        (*blake3::hash(&bytes).as_bytes() == made.content).then_some(*made)
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
