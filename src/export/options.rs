//! What a data set is to be: whose layout it has, how its pictures are made, which classes there are.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;

use super::classes::Wanted;
use super::device::Device;
use super::layout::Layout;
use super::layout::coco::{self, Coco};
use super::layout::edge::{self, Edge};
use super::layout::huggingface::{self, HuggingFace};
use super::layout::imagefolder::{self, ImageFolder};
use super::layout::webdataset::{self, WebDataset};
use super::layout::yolo::{self, Yolo};
use super::picture::{Fit, Recipe};
use super::plan::{Naming, Plan};
use crate::failure::Failure;
use crate::filter::Filter;
use crate::image::{self, Colour, Encoding};
use crate::names;
use crate::split::Split;
use crate::table::layout;

/// Side of a picture for YOLO.
const YOLO_SIDE: u32 = 416;
/// Bytes of a shard.
const SHARD_BYTES: u64 = 200_000_000;

/// Whose layout a data set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DataSet {
    /// Folder for Ultralytics: images and labels by split, data.yaml, classes.txt
    Yolo,
    /// Folder for torchvision and Hugging Face: SPLIT/CLASS/picture
    Imagefolder,
    /// Folder with images by split and annotations/instances_SPLIT.json
    Coco,
    /// Folder of tar shards: picture, class and JSON of a row side by side
    Webdataset,
    /// Folder for the Hugging Face hub: Parquet shards with pictures, README.md
    Huggingface,
    /// Folder for a device's toolchain: the --model with a fixed shape, its classes, pictures to calibrate it with
    Edge,
}

impl DataSet {
    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().expect("no format is hidden").get_name().to_string()
    }

    /// How it calls pictures, and what it calls a class.
    pub(super) fn naming(self) -> Naming {
        match self {
            DataSet::Imagefolder => imagefolder::NAMING,
            DataSet::Coco => coco::NAMING,
            DataSet::Webdataset => webdataset::NAMING,
            DataSet::Huggingface => huggingface::NAMING,
            DataSet::Edge => edge::NAMING,
            DataSet::Yolo => yolo::NAMING,
        }
    }
}

/// Which classes a data set has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// All species where rows have Pokédex numbers, else those that have pictures.
    #[default]
    Usual,
    /// Those that have pictures.
    Present,
    /// All species, else all labels of the table.
    All,
    /// Those of a file, in its order.
    File(PathBuf),
}

impl std::str::FromStr for Choice {
    type Err = std::convert::Infallible;

    /// `present`, `all`, or the name of a file.
    fn from_str(text: &str) -> Result<Choice, Self::Err> {
        Ok(match text {
            "present" => Choice::Present,
            "all" => Choice::All,
            file => Choice::File(file.into()),
        })
    }
}

impl Choice {
    /// Reads the file of classes, where it is one.
    pub(super) fn wanted(&self) -> Result<Wanted, Failure> {
        match self {
            Choice::Usual => Ok(Wanted::Usual),
            Choice::Present => Ok(Wanted::Present),
            Choice::All => Ok(Wanted::All),
            Choice::File(path) => {
                let names = layout::class_names(path).map_err(|problem| {
                    let hint = "a name a line, as classes.txt has them, or a data.yaml; else: present, all";
                    Failure::failed(format!("{}: {problem}", path.display()), Some(hint.into()))
                })?;
                Ok(Wanted::Named(names))
            }
        }
    }
}

/// How a data set is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose layout it has.
    pub format: DataSet,
    /// The rows for which this is true.
    pub filter: Option<Filter>,
    /// Width and height of the pictures; `None`: 416 x 416 for YOLO, else as they are.
    pub size: Option<(u32, u32)>,
    /// How a picture fills that size.
    pub fit: Fit,
    /// How pictures are written; `None`: as they are. For YOLO they are JPEGs.
    pub encoding: Option<Encoding>,
    /// Of JPEGs, 1 to 100.
    pub quality: u8,
    /// The colour behind transparent pixels and around padded pictures.
    pub background: Colour,
    /// Which classes there are.
    pub classes: Choice,
    /// What the split `validation` is called in folders, for YOLO.
    pub validation: Option<String>,
    /// A picture that would make a shard larger than this begins the next one.
    pub shard_bytes: Option<u64>,
    /// Write into a folder that holds other files too.
    pub force: bool,
    /// For a device's toolchain, and for nothing else.
    pub device: Option<Device>,
}

impl Options {
    /// Those that nobody has chosen.
    pub fn of(format: DataSet) -> Options {
        Options {
            format,
            filter: None,
            size: None,
            fit: Fit::default(),
            encoding: None,
            quality: image::JPEG_QUALITY,
            background: Colour::WHITE,
            classes: Choice::default(),
            validation: None,
            shard_bytes: None,
            force: false,
            device: None,
        }
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// What goes to a device has no model, or validation would be called as another split.
    pub fn ensure_sound(&self) -> Result<(), Failure> {
        if self.format == DataSet::Edge && self.device.is_none() {
            return Err(Failure::usage("--format edge: wants a --model", "--format edge --model best.onnx -o device/"));
        }
        let Some(name) = self.validation.as_deref() else { return Ok(()) };
        let is = |split: Split| names::folded(&names::safe(name)) == split.name();
        let problem = match () {
            () if name.trim().is_empty() || name.contains('/') => "is not the name of a folder",
            () if is(Split::Train) || is(Split::Test) => "is the name of another split",
            () => return Ok(()),
        };
        Err(Failure::usage(format!("--val-name: {problem}"), "the usual ones are: --val-name val or valid"))
    }

    /// The layout; that of a device is its bundle.
    pub(super) fn layout(&self, plan: &Plan, bundle: Option<Edge>) -> Arc<dyn Layout> {
        let shard_bytes = self.shard_bytes.unwrap_or(SHARD_BYTES);
        match (self.format, bundle) {
            (_, Some(bundle)) => Arc::new(bundle),
            (DataSet::Imagefolder, None) => Arc::new(ImageFolder::new(plan)),
            (DataSet::Coco, None) => Arc::new(Coco),
            (DataSet::Webdataset, None) => Arc::new(WebDataset { shard_bytes }),
            (DataSet::Huggingface, None) => Arc::new(HuggingFace { shard_bytes }),
            (DataSet::Yolo, None) => Arc::new(Yolo { validation: self.validation() }),
            (DataSet::Edge, None) => unreachable!("a bundle has its model"),
        }
    }

    fn validation(&self) -> String {
        self.validation.as_deref().map_or(Split::Validation.name().into(), names::safe)
    }

    /// What is done to every picture; for a device, as its model is fed.
    pub(super) fn recipe(&self, bundle: Option<&Edge>) -> Recipe {
        if let Some(bundle) = bundle {
            return bundle.recipe(self.encoding, self.quality);
        }
        let yolo = self.format == DataSet::Yolo;
        Recipe {
            size: self.size.or(yolo.then_some((YOLO_SIDE, YOLO_SIDE))),
            fit: self.fit.into(),
            encoding: if yolo { Some(Encoding::Jpeg) } else { self.encoding },
            quality: self.quality,
            background: self.background,
        }
    }

    /// What makes the same files again, for the footer.
    pub(super) fn settings(&self, recipe: &Recipe, plan: &Plan, bundle: Option<&Edge>) -> String {
        let mut settings = format!("{} {}", self.format.name(), recipe.describe());
        if self.format == DataSet::Yolo {
            settings.push_str(&format!(" val-name={}", self.validation()));
        }
        match &self.classes {
            Choice::Present => settings.push_str(" classes=present"),
            Choice::All => settings.push_str(" classes=all"),
            Choice::File(_) => {
                let names = plan.classes.names().join("\n");
                settings.push_str(&format!(" classes={}", &blake3::hash(names.as_bytes()).to_hex()[..16]));
            }
            Choice::Usual => {}
        }
        if let Some(size) = self.shard_bytes {
            settings.push_str(&format!(" shard-size={size}"));
        }
        if let Some(bundle) = bundle {
            settings.push_str(&format!(" model={}", bundle.digest()));
        }
        settings
    }
}
