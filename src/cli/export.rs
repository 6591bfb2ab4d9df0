//! `export`: a table in the formats of other tools, and data sets in the layouts of those that train.

mod folder;
mod tables;
mod text;
mod vectors;

use std::path::PathBuf;

use clap::Args;

use super::args::{Size, TableInputs, Work, default_format};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::image::{self, Colour, Encoding};
use crate::io::Target;
use crate::names;
use crate::output;
use crate::progress::Progress;
use crate::split::Split;

/// What a table is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Cells separated by commas
    Csv,
    /// Cells separated by tabs, nothing quoted
    Tsv,
    /// One JSON object a line
    Jsonl,
    /// One JSON array of objects
    Json,
    /// The table again, with the columns and rows that are chosen
    Parquet,
    /// The table as an Arrow file (Feather); to standard output as a stream
    Arrow,
    /// Aligned columns, for people
    Table,
    /// The vectors as a NumPy array: float32, rows × dimension; FILE.keys.csv says which row is which
    Npy,
    /// The vectors as a flat inner-product index of FAISS; FILE.keys.csv says which row is which
    Faiss,
    /// The vectors as a JSON array by Pokédex number, for web pages: the first is of id 1
    WebJson,
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

impl Format {
    /// Its name on the command line.
    fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self).expect("no format is hidden");
        value.get_name().to_string()
    }

    /// Whether it is a folder with the pictures.
    fn is_folder(self) -> bool {
        use Format::{Coco, Edge, Huggingface, Imagefolder, Webdataset, Yolo};
        matches!(self, Yolo | Imagefolder | Coco | Webdataset | Huggingface | Edge)
    }
}

/// How a picture is made to fill its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Fit {
    /// Its shape is lost
    #[default]
    Stretch,
    /// Scaled to lie inside, the rest is background
    Pad,
    /// Scaled until the frame is covered, the middle cut out
    Crop,
}

impl From<Fit> for image::Fit {
    fn from(fit: Fit) -> image::Fit {
        match fit {
            Fit::Stretch => image::Fit::Stretch,
            Fit::Pad => image::Fit::Pad,
            Fit::Crop => image::Fit::Crop,
        }
    }
}

/// Write a table as CSV, JSON, Parquet, NumPy and others, or its pictures as a data set that training tools load
///
/// The name of the file says what is written (.csv, .tsv, .jsonl, .json, .parquet, .arrow, .npy, .faiss), or --format does;
/// with neither it is an aligned table on a terminal, else TSV. CSV and TSV leave out vectors, what is nested and the images
/// themselves unless --columns names them; JSON leaves out only the images. Bytes are hexadecimal, nested values in CSV are
/// JSON. Parquet and Arrow hold all columns. npy and faiss have a row for each row that has a vector, in order; beside a file
/// FILE.keys.csv names them. web-json takes the normalised mean of an id's vectors, zeros where there is none.
///
/// Data sets (yolo, imagefolder, coco, webdataset, huggingface, edge) are folders. Rows with an error, excluded ones and those
/// without a split are left out. Classes are the 1025 species where every row has a Pokédex number (class = id − 1), else
/// the sorted labels; --classes says otherwise. Splits called val, valid or dev are for validation, testing or eval for the
/// test. Boxes of the column `boxes` follow their pictures; where nobody has drawn any, yolo and coco take the whole
/// picture for the box of its class. yolo makes JPEGs of 416 x 416 pixels; the others keep the bytes of PNGs of 8 bits, upright JPEGs, WebP
/// and BMP, unless --size or --encode is given. Kept PNGs keep their transparency; --encode png puts them on the
/// --background.
///
/// OUT/manifest.parquet, written last, says where every row is: `pokedex scan OUT/` gives back keys, ids, labels and
/// splits. A run that was killed goes on where it was; of an earlier export, files that are no part of the new one are
/// removed, and nothing else is. No source may lie in OUT. What was written is read back and checked; where something
/// is wrong, a leak between splits for example, the exit code is 4. Near copies are not looked for there: `pokedex
/// check OUT/` does.
///
/// --where takes an SQL expression on the table's columns: = <> < <= > >=, and, or, not, in, between, like, ilike, is
/// null, + - * / %, lower, upper, length, starts_with, ends_with, contains. Text goes in single quotes; dates too. Names
/// of columns are understood whatever their case, and `name` means `label` where there is no such column.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex export manifest.parquet -o manifest.csv
  pokedex scan photos/ | pokedex export - --format jsonl | head -3
  pokedex export embeddings.parquet -o vectors.npy
  pokedex export split.parquet --where \"split = 'test'\" -o test.parquet
  pokedex export split.parquet --format tsv --columns key,label,split
  pokedex export pokedex: --format csv --where \"type1 = 'fire' and generation < 3 and name like 'C%'\"
  pokedex split artwork/ | pokedex export - --format yolo -o dataset/
  pokedex export split.parquet --format imagefolder --size 224 --encode jpeg -o classes/
  pokedex export embeddings.parquet --format faiss -o photos.faiss
  pokedex export split.parquet --format edge --model best.onnx -o device/")]
pub struct Export {
    #[command(flatten)]
    inputs: TableInputs,

    /// What to write [default: what the file's name says, else an aligned table on a terminal, else tsv]
    #[arg(long = "format", id = "format", help_heading = "Output", value_enum, value_name = "FORMAT")]
    wanted: Option<Format>,

    /// What is written, after a look at the output's name.
    #[arg(skip = Format::Tsv)]
    format: Format,

    /// Write only these columns, in this order: names separated by commas
    #[arg(long, help_heading = "Output", value_delimiter = ',', value_name = "NAMES")]
    columns: Vec<String>,

    /// Write only the rows for which this SQL condition is true: "type1 = 'fire' and generation < 3"
    #[arg(long = "where", help_heading = "Input", value_name = "CONDITION", allow_hyphen_values = true)]
    condition: Option<String>,

    /// The column that holds the vectors, for npy, faiss and web-json [default: embedding]
    #[arg(long, help_heading = "Input", value_name = "NAME")]
    vector_column: Option<String>,

    /// Write to this file, or data sets to this folder [default: standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE|DIR/")]
    output: Option<PathBuf>,

    #[command(flatten)]
    pictures: Pictures,

    #[command(flatten)]
    device: Device,

    #[command(flatten)]
    work: Work,
}

/// How the pictures of a data set are made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data sets")]
struct Pictures {
    /// Scale to N x N or W x H pixels [default: 416 for yolo, else the original size]
    #[arg(long, help_heading = "Pictures", value_name = "N|WxH")]
    size: Option<Size>,

    /// How a picture fills that size [default: stretch]
    #[arg(long, help_heading = "Pictures", value_enum, value_name = "HOW")]
    fit: Option<Fit>,

    /// How pictures are written [default: jpeg for yolo, else as they are]
    #[arg(long, help_heading = "Pictures", value_enum, value_name = "FORMAT")]
    encode: Option<Encoding>,

    /// Quality of JPEGs, 1 to 100 [default: 90]
    #[arg(long, help_heading = "Pictures", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: Option<u8>,

    /// The colour behind transparent pixels and around padded pictures [default: white]
    #[arg(long, help_heading = "Pictures", value_name = "COLOUR")]
    background: Option<Colour>,

    /// Which classes there are: present (those with pictures), all, or those of a file (classes.txt or data.yaml), in its
    /// order, so that parts exported one by one have the same numbers [default: all species by number, else those present]
    #[arg(long, value_name = "present|all|FILE")]
    classes: Option<Choice>,

    /// What the split `validation` is called in folders, for yolo: val, for example
    #[arg(long, value_name = "NAME")]
    val_name: Option<String>,

    /// Begin another shard at so many bytes, for webdataset and huggingface: 200MB, 1GB [default: 200MB]
    #[arg(long, value_name = "SIZE")]
    shard_size: Option<Bytes>,

    /// Do not read back and check what was written
    #[arg(long)]
    no_check: bool,

    /// Write into a folder that holds other files too; those stay, unless one has a name of the data set
    #[arg(long)]
    force: bool,
}

/// What goes to a device.
#[derive(Debug, Args)]
#[command(next_help_heading = "Device toolchains")]
struct Device {
    /// The ONNX file that is to run there
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// How many pictures of train to calibrate it with, the classes in turn [default: 200]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    calibration: Option<u32>,

    /// Anchors of its boxes, a file of numbers, which becomes anchors.txt
    #[arg(long, value_name = "FILE")]
    anchors: Option<PathBuf>,
}

/// Which classes a data set has.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    Present,
    All,
    File(PathBuf),
}

impl std::str::FromStr for Choice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Choice, Self::Err> {
        Ok(match text {
            "present" => Choice::Present,
            "all" => Choice::All,
            file => Choice::File(file.into()),
        })
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bytes(u64);

impl std::str::FromStr for Bytes {
    type Err = String;

    /// `200MB`, `1.5GB`, `64kB`, `1000000`; powers of ten.
    fn from_str(text: &str) -> Result<Bytes, String> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_suffix('b').unwrap_or(&text);
        let (number, unit) = match text.char_indices().last() {
            Some((at, 'k')) => (&text[..at], 1e3),
            Some((at, 'm')) => (&text[..at], 1e6),
            Some((at, 'g')) => (&text[..at], 1e9),
            _ => (text, 1.0),
        };
        let number: f64 = number.trim().parse().unwrap_or(f64::NAN);
        let bytes = number * unit;
        if bytes.is_finite() && bytes >= 1.0 { Ok(Bytes(bytes as u64)) } else { Err("expected a size as 200MB".into()) }
    }
}

impl Export {
    pub fn run(mut self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let target = Target::parse(self.output.as_deref());
        match self.wanted {
            Some(format) if format.is_folder() => {
                self.output.as_deref().filter(|out| !out.is_file()).map_or(Ok(()), output::ensure_folder)?;
                self.format = format;
            }
            wanted => {
                self.format = output::format(&target, wanted, default_format(&target, Format::Table, Format::Tsv))?;
            }
        }
        self.refuse_what_does_not_suit()?;
        if self.format.is_folder() { self.to_folder(ui) } else { self.to_stream(&target, ui) }
    }

    /// A flag that would do nothing is a mistake.
    fn refuse_what_does_not_suit(&self) -> Result<(), Failure> {
        use Format::{Coco, Edge, Faiss, Huggingface, Npy, WebJson, Webdataset, Yolo};
        let format = self.format;
        let flags = &self.pictures;
        let (folder, is) = (format.is_folder(), |formats: &[Format]| formats.contains(&format));
        for (given, flag, suits, others) in [
            (
                !self.columns.is_empty(),
                "--columns",
                !folder && !is(&[Npy, Faiss, WebJson]),
                "csv, tsv, jsonl, json, parquet, arrow and table",
            ),
            (self.vector_column.is_some(), "--vector-column", is(&[Npy, Faiss, WebJson]), "npy, faiss and web-json"),
            (flags.size.is_some(), "--size", folder && !is(&[Edge]), "data sets other than edge, whose model says it"),
            (flags.fit.is_some(), "--fit", folder && !is(&[Edge]), "data sets other than edge, whose model says it"),
            (
                flags.encode.is_some(),
                "--encode",
                folder && !is(&[Yolo]),
                "data sets other than yolo, whose pictures are JPEGs",
            ),
            (flags.quality.is_some(), "--quality", folder, "data sets"),
            (flags.background.is_some(), "--background", folder && !is(&[Edge]), "data sets other than edge"),
            (self.device.model.is_some(), "--model", is(&[Edge]), "edge"),
            (self.device.calibration.is_some(), "--calibration", is(&[Edge]), "edge"),
            (self.device.anchors.is_some(), "--anchors", is(&[Edge]), "edge"),
            (flags.force, "--force", folder, "data sets"),
            (flags.no_check, "--no-check", folder, "data sets"),
            (
                flags.classes.is_some(),
                "--classes",
                is(&[Yolo, Coco, Webdataset, Huggingface]),
                "yolo, coco, webdataset and huggingface; imagefolder numbers its folders",
            ),
            (flags.val_name.is_some(), "--val-name", is(&[Yolo]), "yolo"),
            (flags.shard_size.is_some(), "--shard-size", is(&[Webdataset, Huggingface]), "webdataset and huggingface"),
        ] {
            if given && !suits {
                let message = format!("{flag}: does not suit --format {}", format.name());
                return Err(Failure::usage(message, format!("it is for {others}")));
            }
        }
        if format == Edge && self.device.model.is_none() {
            return Err(Failure::usage("--format edge: wants a --model", "--format edge --model best.onnx -o device/"));
        }
        let remade = format == Yolo || flags.size.is_some() || flags.encode.is_some();
        for (given, flag, suits, hint) in [
            (flags.fit.is_some(), "--fit", format == Yolo || flags.size.is_some(), "say the size: --size 224"),
            (flags.background.is_some(), "--background", remade, "pictures are kept as they are without --encode png"),
        ] {
            if given && !suits {
                return Err(Failure::usage(format!("{flag}: changes nothing here"), hint));
            }
        }
        let Some(name) = flags.val_name.as_deref() else { return Ok(()) };
        let is = |split: Split| names::folded(&names::safe(name)) == split.name();
        let problem = match () {
            () if name.trim().is_empty() || name.contains('/') => "is not the name of a folder",
            () if is(Split::Train) || is(Split::Test) => "is the name of another split",
            () => return Ok(()),
        };
        Err(Failure::usage(format!("--val-name: {problem}"), "the usual ones are: --val-name val or valid"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_shards_parse() {
        for (text, bytes) in [("200MB", 200_000_000), ("1.5gb", 1_500_000_000), ("64k", 64_000), ("12", 12), ("7B", 7)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for wrong in ["", "MB", "0", "-1MB", "much", "infGB"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }
}
