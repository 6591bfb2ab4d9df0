//! `export`: a table in the formats of other tools, data sets in the layouts of those that train, and pages without a server.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::args::{Bytes, Size, TableInputs, Work, default_format};
use crate::check;
use crate::cli::exit::Exit;
use crate::export::{self, Choice, DataSet, Fit, Options, Selection, SiteOptions};
use crate::failure::Failure;
use crate::filter::Filter;
use crate::image::{Colour, Encoding};
use crate::io::Target;
use crate::output;
use crate::progress::Progress;

/// What a table is written as: in one stream, as a folder with the pictures, or as a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Stream(export::Format),
    Folder(DataSet),
    Page(Page),
}

/// What is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Page {
    /// Folder with a page that shows and searches the table in any browser, without a server
    Site,
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Format] {
        static ALL: LazyLock<Vec<Format>> = LazyLock::new(|| {
            let streams = export::Format::value_variants().iter().copied().map(Format::Stream);
            let folders = DataSet::value_variants().iter().copied().map(Format::Folder);
            streams.chain(folders).chain(Page::value_variants().iter().copied().map(Format::Page)).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Format::Stream(format) => format.to_possible_value(),
            Format::Folder(format) => format.to_possible_value(),
            Format::Page(format) => format.to_possible_value(),
        }
    }
}

/// Write a table as CSV, JSON, Parquet, NumPy and others, its pictures as a data set that training tools load, or all of it
/// as a page
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
/// site is a folder too: index.html and what it needs, which any host serves and a browser opens from a disk. Rows are shown
/// with small upright pictures, in groups, sorted, and by conditions as --where takes them; words, id: and key: are looked
/// for in the browser and found as `query` finds them, where the built-in model made the vectors. Where pictures were is not
/// told. All rows of a table are in it, also those with an error. --size (256) is the longest side of the small pictures.
///
/// --where takes an SQL expression on the table's columns: = <> < <= > >=, and, or, not, in, between, like, ilike, is
/// null, + - * / %, lower, upper, length, starts_with, ends_with, contains, has_word, has_item, 'beach' in keywords, year, month,
/// day, hour, near(lat, lon, 48.2, 16.4, 5). Text goes in single quotes; dates too. Names
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
  pokedex export split.parquet --format edge --model best.onnx -o device/
  pokedex export split.parquet --format edge --model best.onnx --target litert,k230 -o device/
  pokedex embed photos/ | pokedex export - --format site -o site/
  pokedex export pokedex: --format site -o site/")]
pub(super) struct Export {
    #[command(flatten)]
    inputs: TableInputs,

    /// What to write [default: what the file's name says, else an aligned table on a terminal, else tsv]
    #[arg(long, help_heading = "Output", value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// Write only these columns, in this order: names separated by commas
    #[arg(long, help_heading = "Output", value_delimiter = ',', value_name = "NAMES")]
    columns: Vec<String>,

    /// Write only the rows for which this SQL condition is true: "type1 = 'fire' and generation < 3"
    #[arg(long = "where", help_heading = "Input", value_name = "CONDITION", allow_hyphen_values = true)]
    condition: Option<String>,

    /// The column that holds the vectors, for npy, faiss and web-json [default: embedding]
    #[arg(long, help_heading = "Input", value_name = "NAME")]
    vector_column: Option<String>,

    /// Write to this file, or data sets and sites to this folder [default: standard output]
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
    /// Scale to N x N or W x H pixels [default: 416 for yolo, for site 256 at most, else the original size]
    #[arg(long, help_heading = "Pictures", value_name = "N|WxH")]
    size: Option<Size>,

    /// How a picture fills that size [default: stretch]
    #[arg(long, help_heading = "Pictures", value_enum, value_name = "HOW")]
    fit: Option<Fit>,

    /// How pictures are written [default: jpeg for yolo, else as they are]
    #[arg(long, help_heading = "Pictures", value_enum, value_name = "FORMAT")]
    encode: Option<Encoding>,

    /// Quality of JPEGs, 1 to 100 [default: 90, for site 85]
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

    /// Write into a folder that holds other files too; those stay, unless one has a name that is wanted
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

    /// How many other pictures judge what is compiled: of test, else of validation or train [default: 500]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    held_out: Option<u32>,

    /// For which toolchains, separated by commas [default: all of them]
    #[arg(long, value_name = "NAMES", value_enum, value_delimiter = ',')]
    target: Vec<export::Target>,

    /// Anchors of its boxes, a file of numbers, which becomes anchors.txt
    #[arg(long, value_name = "FILE")]
    anchors: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let format = self.format()?;
        self.refuse_what_does_not_suit(format)?;
        match format {
            Format::Stream(format) => {
                let all = Selection::all(format);
                let vectors = self.vector_column.clone().unwrap_or(all.vectors);
                let selection = Selection { columns: self.columns.clone(), filter: self.filter()?, vectors, ..all };
                export::stream(&self.inputs.to_inputs(), &selection, self.output.as_deref(), ui)?;
                Ok(Exit::Done)
            }
            Format::Folder(format) => {
                let mut options = self.options(format);
                options.ensure_sound()?;
                let out = self.folder("a data set", &format.name())?;
                options.filter = self.filter()?;
                let tally = export::data_set(self.inputs.to_inputs(), &options, out, &self.work.work(), ui)?;
                if !self.pictures.no_check && self.found_wrong(format, out, ui)? {
                    return Ok(Exit::Found);
                }
                Ok(self.work.exit(&tally))
            }
            Format::Page(Page::Site) => {
                let out = self.folder("a site", "site")?;
                let options = self.site()?;
                let tally = export::site(self.inputs.to_inputs(), &options, out, &self.work.work(), ui)?;
                Ok(self.work.exit(&tally))
            }
        }
    }

    /// What is written: what is asked for, else what the output's name says.
    fn format(&self) -> Result<Format, Failure> {
        use export::Format::{Table, Tsv};
        if let Some(format @ (Format::Folder(_) | Format::Page(_))) = self.format {
            self.output.as_deref().filter(|out| !out.is_file()).map_or(Ok(()), output::ensure_folder)?;
            return Ok(format);
        }
        let target = Target::parse(self.output.as_deref());
        let default = default_format(&target, Format::Stream(Table), Format::Stream(Tsv));
        output::format(&target, self.format, default)
    }

    fn filter(&self) -> Result<Option<Filter>, Failure> {
        Ok(self.condition.as_deref().map(Filter::parse).transpose()?)
    }

    fn options(&self, format: DataSet) -> Options {
        let (flags, device, usual) = (&self.pictures, &self.device, Options::of(format));
        Options {
            size: flags.size.map(|Size(width, height)| (width, height)),
            fit: flags.fit.unwrap_or_default(),
            encoding: flags.encode,
            quality: flags.quality.unwrap_or(usual.quality),
            background: flags.background.unwrap_or(usual.background),
            classes: flags.classes.clone().unwrap_or_default(),
            validation: flags.val_name.clone(),
            shard_bytes: flags.shard_size.map(|Bytes(bytes)| bytes),
            force: flags.force,
            device: device.model.clone().map(|model| export::Device {
                model,
                calibration: device.calibration.map_or(export::Device::CALIBRATION, |n| n as usize),
                held_out: device.held_out.map_or(export::Device::HELD_OUT, |n| n as usize),
                targets: device.target.clone(),
                anchors: device.anchors.clone(),
            }),
            ..usual
        }
    }

    fn site(&self) -> Result<SiteOptions, Failure> {
        let (flags, usual) = (&self.pictures, SiteOptions::default());
        Ok(SiteOptions {
            filter: self.filter()?,
            size: flags.size.map_or(usual.size, |Size(width, height)| (width, height)),
            quality: flags.quality.unwrap_or(usual.quality),
            background: flags.background.unwrap_or(usual.background),
            force: flags.force,
        })
    }

    /// The folder to write: what it is to be, and the format that makes it.
    fn folder(&self, what: &str, format: &str) -> Result<&Path, Failure> {
        let hint = format!("--format {format} -o OUT/");
        let Some(out) = self.output.as_deref().filter(|out| *out != Path::new("-")) else {
            return Err(Failure::usage(format!("{what} is a folder, and none was named"), hint));
        };
        match Target::parse(Some(out)) {
            Target::File(path) if path.exists() => {
                Err(Failure::usage(format!("{}: is a file, and {what} is a folder", path.display()), hint))
            }
            _ => Ok(out),
        }
    }

    /// Checks what was written, as `check` does, and says what is wrong.
    fn found_wrong(&self, format: DataSet, out: &Path, ui: &mut dyn Progress) -> Result<bool, Failure> {
        const SHOWN: usize = 3;
        let mut errors = check::of_export(out, self.work.threads(), ui)?;
        // Nobody trains with what calibrates.
        errors.retain(|(rule, _)| format != DataSet::Edge || *rule != check::Rule::NotInTrain);
        for same in errors.chunk_by(|a, b| a.0 == b.0) {
            for (rule, sentence) in same.iter().take(SHOWN) {
                ui.warn(&format!("{}: {}: {}", out.display(), rule.name(), sentence));
            }
            if same.len() > SHOWN {
                ui.warn(&format!("{}: {}: and {} more", out.display(), same[0].0.name(), same.len() - SHOWN));
            }
        }
        if !errors.is_empty() {
            ui.hint(&format!("pokedex check {}", out.display()));
        }
        Ok(!errors.is_empty())
    }

    /// A flag that would do nothing is a mistake.
    fn refuse_what_does_not_suit(&self, format: Format) -> Result<(), Failure> {
        use DataSet::{Coco, Edge, Huggingface, Webdataset, Yolo};
        use export::Format::{Faiss, Npy, WebJson};
        let flags = &self.pictures;
        let is = |formats: &[DataSet]| matches!(format, Format::Folder(own) if formats.contains(&own));
        let folder = matches!(format, Format::Folder(_));
        let site = format == Format::Page(Page::Site);
        let vectors = matches!(format, Format::Stream(Npy | Faiss | WebJson));
        let table = !folder && !site && !vectors;
        for (given, flag, suits, others) in [
            (!self.columns.is_empty(), "--columns", table, "csv, tsv, jsonl, json, parquet, arrow and table"),
            (self.vector_column.is_some(), "--vector-column", vectors, "npy, faiss and web-json"),
            (
                flags.size.is_some(),
                "--size",
                site || folder && !is(&[Edge]),
                "site, and data sets other than edge, whose model says it",
            ),
            (flags.fit.is_some(), "--fit", folder && !is(&[Edge]), "data sets other than edge, whose model says it"),
            (
                flags.encode.is_some(),
                "--encode",
                folder && !is(&[Yolo]),
                "data sets other than yolo, whose pictures are JPEGs",
            ),
            (flags.quality.is_some(), "--quality", folder || site, "data sets and site"),
            (
                flags.background.is_some(),
                "--background",
                site || folder && !is(&[Edge]),
                "site, and data sets other than edge",
            ),
            (self.device.model.is_some(), "--model", is(&[Edge]), "edge"),
            (self.device.calibration.is_some(), "--calibration", is(&[Edge]), "edge"),
            (self.device.held_out.is_some(), "--held-out", is(&[Edge]), "edge"),
            (!self.device.target.is_empty(), "--target", is(&[Edge]), "edge"),
            (self.device.anchors.is_some(), "--anchors", is(&[Edge]), "edge"),
            (flags.force, "--force", folder || site, "data sets and site"),
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
                let format = format.to_possible_value().expect("no format is hidden");
                let message = format!("{flag}: does not suit --format {}", format.get_name());
                return Err(Failure::usage(message, format!("it is for {others}")));
            }
        }
        let remade = site || is(&[Yolo]) || flags.size.is_some() || flags.encode.is_some();
        for (given, flag, suits, hint) in [
            (flags.fit.is_some(), "--fit", is(&[Yolo]) || flags.size.is_some(), "say the size: --size 224"),
            (flags.background.is_some(), "--background", remade, "pictures are kept as they are without --encode png"),
        ] {
            if given && !suits {
                return Err(Failure::usage(format!("{flag}: changes nothing here"), hint));
            }
        }
        Ok(())
    }
}
