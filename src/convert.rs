//! Converting images to upright RGB files: the recipe, and what need not be done again.
//!
//! Hides: formats, orientation and transparency of pictures, and how a file of an earlier run is known again.
//! Promises: what comes of a picture depends on its bytes and the [`Recipe`] alone; a picture that is there already is not made
//! again. [`Recipe::apply`] converts one, [`into_folder`] many into files; as a [`Stage`](crate::stage::Stage) a recipe puts
//! them into the table.
//!
//! ```
//! use pokedex::convert::Recipe;
//! use pokedex::image::{Colour, Colours, Encoding, Rgb, encode};
//!
//! let grey = Rgb { width: 40, height: 30, pixels: vec![128; 3 * 40 * 30] };
//! let jpeg = encode(&grey, Encoding::Jpeg)?;
//!
//! let recipe = Recipe { background: Colour::WHITE, size: Some((64, 64)), colours: Colours::Stored, encoding: Encoding::Png };
//! let (made, flaw, png) = recipe.apply(&jpeg)?;
//! assert_eq!((made.width, made.height, made.length), (64, 64, png.len() as u64));
//! assert!(flaw.is_none());
//! # Ok::<(), pokedex::image::Error>(())
//! ```

mod folder;
mod stage;

pub use folder::into_folder;

use std::path::Path;

use crate::image::{self, Colour, Colours, Encoding, Filter, Fit, Flaw};
use crate::io::{self, Digest, Folder, Record};
use crate::output::made::{Facts, Known, Made};
use crate::table::Error as TableError;
use crate::table::column;
use crate::table::dataset::{MANIFEST, record};

/// What the manifest of an output folder is known by.
const COMMAND: &str = "convert-rgb";

/// Why an image was not converted.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    /// The image cannot be read: one row's fault.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The output cannot be written: the run cannot go on.
    #[error(transparent)]
    Write(#[from] io::Error),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("{name}: changed while it was read")]
    Changed { name: String },
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Image(_) => None,
            Error::Write(e) => e.hint(),
            Error::Table(e) => e.hint(),
            Error::Changed { .. } => Some("run it again when nothing writes to it".into()),
        }
    }
}

/// What is done to every image.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// What is put behind transparency and around a picture of another shape.
    pub background: Colour,
    /// Width and height to fit into; `None` keeps the size.
    pub size: Option<(u32, u32)>,
    /// Whether profiles count.
    pub colours: Colours,
    /// The format of the new bytes.
    pub encoding: Encoding,
}

impl Recipe {
    /// Converts the bytes of an image file.
    ///
    /// # Errors
    /// The bytes are no image that can be read.
    pub fn apply(self, bytes: &[u8]) -> Result<(Made, Option<Flaw>, Vec<u8>), image::Error> {
        let (mut rgb, flaw) = match self.colours {
            Colours::Stored => image::decode_with_flaw(bytes, self.background, None)?,
            Colours::Srgb => image::decode_srgb(bytes, self.background, None)?,
        };
        if let Some((width, height)) = self.size {
            rgb = rgb.resize(width, height, Fit::Pad, Filter::Bilinear, self.background);
        }
        let encoded = image::encode(&rgb, self.encoding)?;
        let (source, content) = (*blake3::hash(bytes).as_bytes(), *blake3::hash(&encoded).as_bytes());
        let length = encoded.len() as u64;
        Ok((Made { source, content, width: rgb.width, height: rgb.height, length }, flaw, encoded))
    }

    /// Converts the bytes of an image file into a file of a folder, unless that is there already.
    ///
    /// # Errors
    /// The bytes are no image that can be read, or the file cannot be written.
    fn apply_to_file(
        self,
        bytes: &[u8],
        folder: &Folder,
        file: &str,
        known: &Known,
    ) -> Result<(Made, Option<Flaw>), Error> {
        if let Some(made) = known.up_to_date(folder, file, blake3::hash(bytes).as_bytes()) {
            folder.keep(file);
            return Ok((made, image::is_truncated(bytes).then_some(Flaw::Truncated)));
        }
        let (made, flaw, encoded) = self.apply(bytes)?;
        folder.put(file, &encoded, &made.content, &made.note())?;
        Ok((made, flaw))
    }
}

impl std::fmt::Display for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.size.map_or("original".into(), |(width, height)| format!("{width}x{height}"));
        write!(f, "background={} size={size} encode={}", self.background, self.encoding.extension())?;
        match self.colours {
            Colours::Stored => Ok(()),
            Colours::Srgb => f.write_str(" colours=srgb"),
        }
    }
}

/// What an earlier run left in the folder: the pictures that its manifest lists.
struct Earlier(Known);

impl Earlier {
    /// Knows nothing so far.
    fn new(recipe: Recipe) -> Earlier {
        Earlier(Known::new("convert_rgb", recipe.to_string()))
    }
}

impl Record for Earlier {
    fn manifest(&self) -> &'static str {
        MANIFEST
    }

    fn read(&mut self, manifest: &Path, made: &mut dyn FnMut(&str, Digest)) -> bool {
        let Some(table) = record(manifest, COMMAND) else { return false };
        let same = self.0.is_alike(&table.provenance);
        for batch in table.map_while(Result::ok) {
            let text = |name| column::text(&batch, name).ok().flatten();
            let (Some(keys), Some(facts)) = (text(column::KEY), Facts::of(&batch)) else { continue };
            let errors = text(column::ERROR);
            for i in 0..batch.num_rows() {
                let failed = column::cell(errors.as_ref(), i).is_some();
                let Some(content) = facts.content(i).filter(|_| !failed) else { continue };
                made(keys.value(i), content);
                if let Some(found) = facts.made(i).filter(|_| same) {
                    self.0.insert(Some(keys.value(i)), found);
                }
            }
        }
        true
    }

    fn note(&mut self, file: Option<&str>, content: Digest, note: &str) {
        self.0.note(file, content, note);
    }
}
